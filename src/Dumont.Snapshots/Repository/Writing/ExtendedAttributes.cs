using System.Buffers;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>Reads the extended attributes of an open file or directory as they stand in a manifest's payload.</summary>
internal static unsafe class ExtendedAttributes
{
    // The kernel's limits (XATTR_LIST_MAX, XATTR_SIZE_MAX).
    private const int MaximumBytes = 64 << 10;

    /// <summary>Payload of an entry without attributes.</summary>
    public static readonly byte[] None = [0];

    /// <summary>The attributes by themselves: all there is to the payload of a directory.</summary>
    public static byte[] Read(int descriptor)
    {
        var writer = new ArrayBufferWriter<byte>(16);
        Write(descriptor, writer);
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>Count, then names and values. A file system without attributes has none.</summary>
    public static void Write(int descriptor, IBufferWriter<byte> writer)
    {
        var length = LibcFd.FListXattr(descriptor, null, 0);
        if (length <= 0)
        {
            writer.WriteVarint(0);
            return;
        }

        var names = ArrayPool<byte>.Shared.Rent(MaximumBytes);
        var value = ArrayPool<byte>.Shared.Rent(MaximumBytes);
        try
        {
            fixed (byte* namesPointer = names)
            {
                length = LibcFd.FListXattr(descriptor, namesPointer, MaximumBytes);
            }

            var found = new List<(int Start, int Length, byte[] Value)>();
            for (var start = 0; start < length;)
            {
                var end = names.AsSpan(start, (int)length - start).IndexOf((byte)0);
                if (TryGet(descriptor, names.AsSpan(start, end + 1), value, out var valueLength))
                {
                    found.Add((start, end, value[..valueLength]));
                }

                start += end + 1;
            }

            writer.WriteVarint((ulong)found.Count);
            foreach (var attribute in found)
            {
                writer.WriteBytes(names.AsSpan(attribute.Start, attribute.Length));
                writer.WriteBytes(attribute.Value);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(names);
            ArrayPool<byte>.Shared.Return(value);
        }
    }

    // False when the attribute was removed meanwhile, or is not ours to read.
    private static bool TryGet(int descriptor, ReadOnlySpan<byte> zeroEndedName, byte[] value, out int length)
    {
        fixed (byte* namePointer = zeroEndedName, valuePointer = value)
        {
            length = (int)LibcFd.FGetXattr(descriptor, namePointer, valuePointer, MaximumBytes);
            if (length < 0 && Marshal.GetLastPInvokeError() is var error and not (Libc.ENODATA or Libc.EOPNOTSUPP or Libc.EPERM or Libc.EACCES))
            {
                throw new PosixException("read an extended attribute", error);
            }

            return length >= 0;
        }
    }
}
