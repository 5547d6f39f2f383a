using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>What a pack is built in, for one pack after the other: new memory costs the kernel's time, and entries by the thousand the collector's.</summary>
internal sealed class PackMemory(int bytes) : IDisposable
{
    /// <summary>The bytes of the pack, from the start.</summary>
    public PageBuffer Frames { get; } = new(bytes);

    /// <summary>What is in it.</summary>
    public List<ChunkEntry> Entries { get; } = [];

    public void Dispose() => ((IDisposable)Frames).Dispose();
}

/// <summary>A pack that is complete but for being stored.</summary>
/// <param name="Content">What is in it.</param>
/// <param name="Memory">Where its bytes are.</param>
internal sealed record FinishedPack(PackContent Content, PackMemory Memory);

/// <summary>Lays frames one behind the other into a buffer. Used by one thread.</summary>
internal sealed class PackBuilder : IDisposable
{
    private readonly PageBuffer _buffer;
    private readonly byte[] _salt = RandomNumberGenerator.GetBytes(SealedObject.SaltBytes);
    private readonly AesGcm? _cipher;
    private readonly List<ChunkEntry> _chunks;
    private readonly int _targetBytes;
    private int _length;
    private int _entryBytes;

    public PackBuilder(PackMemory memory, RepositoryKeys? keys, int targetBytes)
    {
        Memory = memory;
        _buffer = memory.Frames;
        _chunks = memory.Entries;
        _chunks.Clear();
        _cipher = keys?.CreatePackCipher(_salt);
        _targetBytes = targetBytes;
        PackFormat.Magic.CopyTo(_buffer.GetSpan());
        _length = PackFormat.HeaderBytes;
    }

    /// <summary>Bytes of frames beyond the target that a buffer must have room for, and a tail for frames of this size at least.</summary>
    public static int BufferBytes(int targetBytes) => targetBytes + (2 * (ChunkEntry.MaximumChunkBytes / 2)) + (targetBytes / 16);

    /// <summary>What it is built in.</summary>
    public PackMemory Memory { get; }

    /// <summary>Whether a chunk of this length still belongs into this pack.</summary>
    public bool HasRoomFor(int chunkBytes) =>
        _length < _targetBytes &&
        _length + ChunkEncoder.MaximumEncodedBytes(chunkBytes) + SealedObject.TagBytes + PackFormat.TailBytes(_entryBytes + ChunkEntry.MaximumBytes, _cipher is not null) <= _buffer.Length;

    /// <summary>Encodes a chunk into the pack.</summary>
    /// <param name="id">Of the chunk.</param>
    /// <param name="chunk">Its bytes.</param>
    /// <param name="encoder">Of this thread.</param>
    /// <param name="scratch">At least as long as an encoded chunk can be.</param>
    /// <returns>Length of the frame.</returns>
    public int Add(ContentHash id, ReadOnlySpan<byte> chunk, ChunkEncoder encoder, Span<byte> scratch)
    {
        var free = _buffer.GetSpan()[_length..];
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
        var free = _buffer.GetSpan()[_length..];
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

    /// <summary>Writes footer and trailer. The builder is done with.</summary>
    public FinishedPack Finish()
    {
        var name = PackFormat.WriteTail(_buffer.GetSpan()[_length..], _chunks, _salt, _cipher, _length);
        _length += PackFormat.TailBytes(_entryBytes, _cipher is not null);
        return new FinishedPack(new PackContent(name, _salt, _length, [.. _chunks]), Memory);
    }

    public void Dispose() => _cipher?.Dispose();

    private int Append(ContentHash id, in EncodedChunk coded, int rawBytes, int storedBytes, Baseline baseline)
    {
        var checksum = XxHash3.Hash(_buffer.GetSpan().Slice(_length, storedBytes));
        var entry = new ChunkEntry(id, storedBytes, rawBytes, coded.Coding, coded.Parameter, checksum, baseline);
        _chunks.Add(entry);
        _entryBytes += entry.SizeBytes;
        _length += storedBytes;
        return storedBytes;
    }
}
