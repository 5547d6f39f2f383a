using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>A stretch of a pack that is ready to be stored.</summary>
/// <param name="Pack">Of which.</param>
/// <param name="Memory">Holds it, from the start.</param>
/// <param name="Offset">Where in the pack.</param>
/// <param name="LengthBytes">So long.</param>
/// <param name="Content">What is in the pack, with its last stretch; else null.</param>
internal sealed record PackPiece(PackUpload Pack, PageBuffer Memory, long Offset, int LengthBytes, PackContent? Content)
{
    public ReadOnlyMemory<byte> Bytes => Memory.Memory[..LengthBytes];
}

/// <summary>Lays frames one behind the other into a buffer, which may be changed for another when there is a piece in it. Used by one thread.</summary>
internal sealed class PackBuilder : IDisposable
{
    private readonly byte[] _salt = RandomNumberGenerator.GetBytes(SealedObject.SaltBytes);
    private readonly AesGcm? _cipher;
    private readonly int _targetBytes;
    private readonly int _pieceBytes;

    // What is behind the last whole page, while the buffer is changed.
    private readonly byte[] _carried = new byte[IObjectUpload.PieceAlignmentBytes];
    private PageBuffer? _buffer;
    private int _start;
    private int _length;
    private int _entryBytes;

    public PackBuilder(PackUpload upload, PageBuffer buffer, List<ChunkEntry> entries, RepositoryKeys? keys, int targetBytes, int pieceBytes)
    {
        Upload = upload;
        _buffer = buffer;
        Entries = entries;
        Entries.Clear();
        _cipher = keys?.CreatePackCipher(_salt);
        _targetBytes = targetBytes;
        _pieceBytes = pieceBytes;
        PackFormat.Magic.CopyTo(buffer.GetSpan());
        _length = PackFormat.HeaderBytes;
    }

    /// <summary>Bytes of frames beyond a piece that a buffer must have room for, and a tail for frames of this size at least.</summary>
    public static int BufferBytes(int pieceBytes, int targetBytes) => pieceBytes + ChunkEntry.MaximumChunkBytes + (targetBytes / 16);

    /// <summary>Where its pieces go.</summary>
    public PackUpload Upload { get; }

    /// <summary>What is in it.</summary>
    public List<ChunkEntry> Entries { get; }

    /// <summary>Whether enough of it is ready to be stored, and more is to come.</summary>
    public bool HasPiece => _length - _start >= _pieceBytes && _length < _targetBytes;

    private Span<byte> Free => _buffer!.GetSpan()[(_length - _start)..];

    /// <summary>Whether a chunk of this length still belongs into this pack.</summary>
    public bool HasRoomFor(int chunkBytes) =>
        _length < _targetBytes &&
        ChunkEncoder.MaximumEncodedBytes(chunkBytes) + SealedObject.TagBytes + PackFormat.TailBytes(_entryBytes + ChunkEntry.MaximumBytes, _cipher is not null) <= Free.Length;

    /// <summary>Encodes a chunk into the pack.</summary>
    /// <param name="id">Of the chunk.</param>
    /// <param name="chunk">Its bytes.</param>
    /// <param name="encoder">Of this thread.</param>
    /// <param name="scratch">At least as long as an encoded chunk can be.</param>
    /// <returns>Length of the frame.</returns>
    public int Add(ContentHash id, ReadOnlySpan<byte> chunk, ChunkEncoder encoder, Span<byte> scratch)
    {
        var free = Free;
        if (_cipher is null)
        {
            var plain = encoder.Encode(chunk, free);
            return Append(id, plain, chunk.Length, plain.LengthBytes, default);
        }

        var coded = encoder.Encode(chunk, scratch);
        PackFormat.SealFrame(_cipher, id, coded, chunk.Length, _length, scratch[..coded.LengthBytes], free);
        return Append(id, coded, chunk.Length, coded.LengthBytes + SealedObject.TagBytes, default);
    }

    /// <summary>Takes over a chunk that is encoded already.</summary>
    /// <param name="entry">What is known of it; lengths and checksum of the frame are made anew.</param>
    /// <param name="coded">Its coded bytes.</param>
    /// <returns>Length of the frame.</returns>
    public int AddCoded(in ChunkEntry entry, ReadOnlySpan<byte> coded)
    {
        var free = Free;
        var header = new EncodedChunk(entry.Coding, entry.Parameter, coded.Length);
        if (_cipher is null)
        {
            coded.CopyTo(free);
        }
        else
        {
            PackFormat.SealFrame(_cipher, entry.Id, header, entry.RawBytes, _length, coded, free);
        }

        return Append(entry.Id, header, entry.RawBytes, coded.Length + (_cipher is null ? 0 : SealedObject.TagBytes), entry.Baseline);
    }

    /// <summary>Takes out what is ready, but for the last bytes, which are no whole page. Nothing can be added until there is another buffer.</summary>
    public PackPiece TakePiece()
    {
        var filled = _length - _start;
        var whole = filled & -IObjectUpload.PieceAlignmentBytes;
        _buffer!.GetSpan()[whole..filled].CopyTo(_carried);
        var piece = new PackPiece(Upload, _buffer, _start, whole, Content: null);
        _start += whole;
        _buffer = null;
        return piece;
    }

    /// <summary>Goes on in another buffer.</summary>
    public void Continue(PageBuffer buffer)
    {
        _carried.AsSpan(0, _length - _start).CopyTo(buffer.GetSpan());
        _buffer = buffer;
    }

    /// <summary>Writes footer and trailer. The builder is done with.</summary>
    public PackPiece Finish()
    {
        var name = PackFormat.WriteTail(Free, Entries, _salt, _cipher, _length);
        _length += PackFormat.TailBytes(_entryBytes, _cipher is not null);
        return new PackPiece(Upload, _buffer!, _start, _length - _start, new PackContent(name, _salt, _length, [.. Entries]));
    }

    /// <summary>The buffer of a pack that will not be finished; null when it has none.</summary>
    public PageBuffer? GiveUp() => _buffer;

    public void Dispose() => _cipher?.Dispose();

    private int Append(ContentHash id, in EncodedChunk coded, int rawBytes, int storedBytes, Baseline baseline)
    {
        var checksum = XxHash3.Hash(Free[..storedBytes]);
        var entry = new ChunkEntry(id, storedBytes, rawBytes, coded.Coding, coded.Parameter, checksum, baseline);
        Entries.Add(entry);
        _entryBytes += entry.SizeBytes;
        _length += storedBytes;
        return storedBytes;
    }
}
