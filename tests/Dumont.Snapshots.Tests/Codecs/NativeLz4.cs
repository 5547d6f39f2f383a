using System.Runtime.InteropServices;

namespace Dumont.Snapshots.Tests;

/// <summary>The reference implementation, to compare with.</summary>
internal static unsafe partial class NativeLz4
{
    private const string Library = "liblz4.so.1";

    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(Library, out _);

    public static byte[] Encode(byte[] content)
    {
        var block = new byte[Lz4.MaximumEncodedBytes(content.Length)];
        fixed (byte* source = content)
        fixed (byte* destination = block)
        {
            return block[..Compress(source, destination, content.Length, block.Length)];
        }
    }

    public static byte[] Decode(byte[] block, int length)
    {
        var content = new byte[length + 1];
        fixed (byte* source = block)
        fixed (byte* destination = content)
        {
            var written = Decompress(source, destination, block.Length, length);
            return written >= 0 ? content[..written] : throw new InvalidDataException("liblz4 does not take the block.");
        }
    }

    [LibraryImport(Library, EntryPoint = "LZ4_compress_default")]
    private static partial int Compress(byte* source, byte* destination, int length, int capacity);

    [LibraryImport(Library, EntryPoint = "LZ4_decompress_safe")]
    private static partial int Decompress(byte* source, byte* destination, int length, int capacity);
}
