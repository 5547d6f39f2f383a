using System.Buffers;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>The extended attributes of an open file or directory, and how they stand in a manifest's payload.</summary>
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
    public static void Write(int descriptor, IBufferWriter<byte> writer) => Write(List(descriptor), writer);

    /// <inheritdoc cref="Write(int, IBufferWriter{byte})"/>
    public static void Write(IReadOnlyCollection<ExtendedAttribute> attributes, IBufferWriter<byte> writer)
    {
        writer.WriteVarint((ulong)attributes.Count);
        foreach (var (name, value) in attributes)
        {
            writer.WriteBytes(name);
            writer.WriteBytes(value);
        }
    }

    /// <summary>What <see cref="Write(int, IBufferWriter{byte})"/> wrote.</summary>
    /// <exception cref="SnapshotFormatException">It was not that.</exception>
    public static ExtendedAttribute[] Parse(ref SpanReader reader)
    {
        var count = reader.ReadCount(reader.ReadVarint(), itemBytes: 2);
        if (count == 0)
        {
            return [];
        }

        var attributes = new ExtendedAttribute[count];
        for (var i = 0; i < count; i++)
        {
            attributes[i] = new ExtendedAttribute(reader.ReadBytes(TreePath.MaximumNameBytes).ToArray(), reader.ReadBytes(MaximumBytes).ToArray());
        }

        return attributes;
    }

    /// <summary>All attributes of an open file or directory that may be read.</summary>
    public static IReadOnlyList<ExtendedAttribute> List(int descriptor)
    {
        var length = LibcFd.FListXattr(descriptor, null, 0);
        if (length <= 0)
        {
            return [];
        }

        var names = ArrayPool<byte>.Shared.Rent(MaximumBytes);
        var value = ArrayPool<byte>.Shared.Rent(MaximumBytes);
        try
        {
            fixed (byte* namesPointer = names)
            {
                length = LibcFd.FListXattr(descriptor, namesPointer, MaximumBytes);
            }

            var found = new List<ExtendedAttribute>();
            for (var start = 0; start < length;)
            {
                var end = names.AsSpan(start, (int)length - start).IndexOf((byte)0);
                if (TryGet(descriptor, names.AsSpan(start, end + 1), value, out var valueLength))
                {
                    found.Add(new ExtendedAttribute(names[start..(start + end)], value[..valueLength]));
                }

                start += end + 1;
            }

            return found;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(names);
            ArrayPool<byte>.Shared.Return(value);
        }
    }

    /// <summary>Whether an attribute gives nobody any power: the user's own, and access lists.</summary>
    public static bool IsPlain(ReadOnlySpan<byte> name) => name.StartsWith("user."u8) || name.StartsWith("system.posix_acl_"u8);

    /// <summary>Whether it gives a program the powers that only root can give.</summary>
    public static bool IsCapability(ReadOnlySpan<byte> name) => name.SequenceEqual("security.capability"u8);

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
