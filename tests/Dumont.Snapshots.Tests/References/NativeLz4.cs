using System.Runtime.InteropServices;

namespace Dumont.Snapshots.References;

/// <summary>liblz4, the reference implementation.</summary>
internal static unsafe partial class NativeLz4
{
    private const string Library = "liblz4.so.1";

    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(Library, out _);

    public static int Encode(ReadOnlySpan<byte> content, Span<byte> block)
    {
        fixed (byte* source = content)
        fixed (byte* destination = block)
        {
            return Compress(source, destination, content.Length, block.Length);
        }
    }

    /// <summary>Bytes decoded; negative where the library does not take the block.</summary>
    public static int Decode(ReadOnlySpan<byte> block, Span<byte> content)
    {
        fixed (byte* source = block)
        fixed (byte* destination = content)
        {
            return Decompress(source, destination, block.Length, content.Length);
        }
    }

    [LibraryImport(Library, EntryPoint = "LZ4_compress_default")]
    private static partial int Compress(byte* source, byte* destination, int length, int capacity);

    [LibraryImport(Library, EntryPoint = "LZ4_decompress_safe")]
    private static partial int Decompress(byte* source, byte* destination, int length, int capacity);
}
