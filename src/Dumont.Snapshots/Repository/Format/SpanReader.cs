using System.Buffers.Binary;

namespace Dumont.Snapshots;

/// <summary>Reads the fields of a repository object from memory. Everything that does not fit is a <see cref="SnapshotFormatException"/>, so
/// that a damaged or hostile object can never lead outside its bytes.</summary>
internal ref struct SpanReader(ReadOnlySpan<byte> bytes, string what)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private readonly string _what = what;

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    /// <summary>Bytes that are left.</summary>
    public readonly int Remaining => _bytes.Length - Position;

    public byte ReadByte() => Take(1)[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    public ContentHash ReadHash() => ContentHash.FromBytes(Take(ContentHash.SizeBytes));

    /// <summary>A count that is followed by that many items of at least <paramref name="itemBytes"/> each.</summary>
    public int ReadCount(ulong count, int itemBytes)
    {
        if (count > (ulong)(Remaining / itemBytes))
        {
            throw Broken($"claims {count} items in {Remaining} bytes");
        }

        return (int)count;
    }

    /// <summary>LEB128, at most 64 bits, shortest form only.</summary>
    public ulong ReadVarint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = ReadByte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return (next == 0 && shift > 0) || (shift == 63 && next > 1) ? throw Broken("has a number that is not in its shortest form") : value;
            }
        }

        throw Broken("has a number of more than 64 bits");
    }

    /// <summary>A length, then that many bytes.</summary>
    public ReadOnlySpan<byte> ReadBytes(int maximumBytes)
    {
        var length = ReadVarint();
        return length > (ulong)maximumBytes ? throw Broken($"has a field of {length} bytes, more than {maximumBytes}") : Take((int)length);
    }

    public ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)Remaining)
        {
            throw Broken($"ends early: {count} bytes wanted at {Position}, {Remaining} left");
        }

        var taken = _bytes.Slice(Position, count);
        Position += count;
        return taken;
    }

    /// <summary>Nothing may follow.</summary>
    public readonly void End()
    {
        if (Remaining != 0)
        {
            throw Broken($"has {Remaining} bytes too many");
        }
    }

    public readonly SnapshotFormatException Broken(string how) => new($"{_what} {how}");
}
