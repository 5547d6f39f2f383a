using System.Buffers.Binary;
using System.Text;

namespace Dumont.Snapshots.Sync;

/// <summary>Reads a frame's fields. Whatever the bytes are, it throws nothing but <see cref="SyncProtocolException"/>.</summary>
internal ref struct FrameReader(ReadOnlyMemory<byte> body)
{
    private int _position;

    public readonly int Remaining => body.Length - _position;

    public byte ReadByte() => Take(1)[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public Guid ReadGuid() => new(Take(16));

    public ContentHash ReadHash() => ContentHash.FromBytes(Take(ContentHash.SizeBytes));

    public int ReadMode() => ReadUInt16() is var mode && mode <= TreeEntry.PreservedMode
        ? mode
        : throw new SyncProtocolException($"Mode 0{Convert.ToString(mode, 8)} has bits that do not travel.");

    public TreePath ReadPath() => TreePath.TryCreate(Take(ReadUInt16()), out var path)
        ? path
        : throw new SyncProtocolException("A path leads out of the tree.");

    /// <summary>Owner and extended attributes.</summary>
    public EntryMetadata ReadMetadata()
    {
        var (user, group, length) = (ReadUInt32(), ReadUInt32(), ReadUInt32());
        if (length > EntryMetadata.MaximumBytes)
        {
            throw new SyncProtocolException($"Attributes of {length} bytes are over the limit.");
        }

        try
        {
            return EntryMetadata.Parse(user, group, Take((int)length));
        }
        catch (SnapshotFormatException broken)
        {
            throw new SyncProtocolException(broken.Message);
        }
    }

    public string ReadLinkTarget()
    {
        var bytes = Take(ReadUInt16());
        return bytes.Length is > 0 and <= TreePath.MaximumBytes && !bytes.Contains((byte)0)
            ? Encoding.Latin1.GetString(bytes)
            : throw new SyncProtocolException("A link's target is empty, too long or has a NUL.");
    }

    public string ReadText() => Encoding.UTF8.GetString(Take(Math.Min((int)ReadUInt16(), SyncLimits.TextBytes)));

    /// <summary>All that is left; lives as long as the frame.</summary>
    public ReadOnlyMemory<byte> ReadRest()
    {
        var rest = body[_position..];
        _position = body.Length;
        return rest;
    }

    /// <summary>A value that must be a member of the enum.</summary>
    public T ReadEnum<T>()
        where T : struct, Enum
    {
        var value = (T)Enum.ToObject(typeof(T), ReadByte());
        return Enum.IsDefined(value) ? value : throw new SyncProtocolException($"{value} is not a {typeof(T).Name}.");
    }

    /// <summary>Nothing may be left over: a longer frame than expected is another protocol.</summary>
    public readonly void ExpectEnd()
    {
        if (Remaining != 0)
        {
            throw new SyncProtocolException($"{Remaining} bytes too many in a frame.");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > Remaining)
        {
            throw new SyncProtocolException("A frame is shorter than its fields.");
        }

        var bytes = body.Span.Slice(_position, count);
        _position += count;
        return bytes;
    }
}

/// <summary>Collects frames to be written. Grows to what is put in.</summary>
internal sealed class FrameWriter
{
    private byte[] _buffer = new byte[64 << 10];

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    /// <summary>Starts over. The buffer stays as large as it became, at most a frame and what is flushed at once: giving it back would cost
    /// an allocation on the large heap for each chunk.</summary>
    public void Clear() => Length = 0;

    public void WriteByte(int value) => Reserve(1)[0] = checked((byte)value);

    public void WriteUInt16(int value) => BinaryPrimitives.WriteUInt16LittleEndian(Reserve(2), checked((ushort)value));

    public void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);

    public void WriteUInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);

    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Reserve(8), value);

    public void WriteGuid(Guid value) => value.TryWriteBytes(Reserve(16));

    public void WriteHash(ContentHash value) => value.CopyTo(Reserve(ContentHash.SizeBytes));

    public void WriteBytes(ReadOnlySpan<byte> value) => value.CopyTo(Reserve(value.Length));

    public void WritePath(TreePath value) => WriteLatin1(value.Raw);

    public void WriteLatin1(string value)
    {
        WriteUInt16(value.Length);
        Encoding.Latin1.GetBytes(value, Reserve(value.Length));
    }

    public void WriteText(string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        var length = Math.Min(bytes.Length, SyncLimits.TextBytes);
        WriteUInt16(length);
        WriteBytes(bytes.AsSpan(0, length));
    }

    /// <summary>Leaves room for a frame's header; where it is.</summary>
    public int BeginFrame()
    {
        var start = Length;
        Reserve(SyncLimits.FrameHeaderBytes);
        return start;
    }

    /// <summary>Fills the header in.</summary>
    public void EndFrame(int start)
    {
        var counted = _buffer.AsSpan((start + SyncLimits.FrameHeaderBytes)..Length);
        if (counted.Length > SyncLimits.FrameBytes)
        {
            throw new InvalidOperationException($"A frame of {counted.Length} bytes is over the limit.");
        }

        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(start), (uint)counted.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(start + sizeof(uint)), Crc32C.Of(counted));
    }

    private Span<byte> Reserve(int count)
    {
        if (Length + count > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(Length + count, _buffer.Length * 2));
        }

        var span = _buffer.AsSpan(Length, count);
        Length += count;
        return span;
    }
}
