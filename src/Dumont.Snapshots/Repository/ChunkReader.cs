using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>Opens stored frames: checks, decrypts, decodes. One a thread.</summary>
public sealed class ChunkReader : IDisposable
{
    private readonly Repository _repository;
    private readonly ChunkDecoder _decoder = new();
    private readonly PageBuffer _plain = new(ChunkEntry.MaximumChunkBytes + 1024);
    private readonly int _depth;
    private AesGcm? _cipher;
    private int _cipherPack = -1;
    private BaselineReader? _baselines;

    internal ChunkReader(Repository repository, int depth = 0)
    {
        _repository = repository;
        _depth = depth;
    }

    /// <summary>Restores a chunk from its frame. What is written to <paramref name="destination"/> is worthless when this throws.</summary>
    /// <param name="location">Where the frame came from.</param>
    /// <param name="id">The chunk that is wanted.</param>
    /// <param name="frame">The frame as stored.</param>
    /// <param name="destination">Exactly as long as the chunk.</param>
    /// <exception cref="SnapshotFormatException">Damaged; names the chunk and the pack.</exception>
    public void Open(in ChunkLocation location, ContentHash id, ReadOnlySpan<byte> frame, Span<byte> destination)
    {
        if (destination.Length != location.RawBytes)
        {
            throw Damaged(location, id, "has another length than is wanted");
        }

        try
        {
            if (location.Coding == ChunkCoding.Delta)
            {
                // Its baseline comes first: opening that uses the same memory.
                var baseline = (_baselines ??= new BaselineReader(_repository, _depth)).Read(id);
                DeltaCodec.Decode(_decoder, OpenCoded(location, id, frame), baseline, destination);
                return;
            }

            _decoder.Decode(location.Coding, location.Parameter, OpenCoded(location, id, frame), destination);
        }
        catch (SnapshotFormatException e)
        {
            throw Damaged(location, id, e.Message);
        }
    }

    /// <summary>Checks and decrypts a frame without decoding it. Valid until the next call.</summary>
    internal ReadOnlySpan<byte> OpenCoded(in ChunkLocation location, ContentHash id, ReadOnlySpan<byte> frame)
    {
        if (frame.Length != location.StoredBytes)
        {
            throw Damaged(location, id, "is cut off");
        }

        return XxHash3.Hash(frame) == location.Checksum
            ? Decrypt(location, id, frame)
            : throw Damaged(location, id, "is damaged: its checksum does not match");
    }

    /// <summary>Whether a chunk that was opened is what its id says. Costs a hash of it; the checks of <see cref="Open"/> already find every
    /// accident, this one finds a defect of the program that wrote it.</summary>
    public bool IsContentOf(ContentHash id, ReadOnlySpan<byte> chunk) => _repository.IdOf(chunk) == id;

    /// <inheritdoc />
    public void Dispose()
    {
        _cipher?.Dispose();
        _decoder.Dispose();
        _baselines?.Dispose();
        ((IDisposable)_plain).Dispose();
    }

    private ReadOnlySpan<byte> Decrypt(in ChunkLocation location, ContentHash id, ReadOnlySpan<byte> frame)
    {
        if (_repository.Keys is not { } keys)
        {
            return frame;
        }

        if (_cipherPack != location.Pack)
        {
            _cipher?.Dispose();
            _cipher = keys.CreatePackCipher(_repository.PackSalt(location.Pack));
            _cipherPack = location.Pack;
        }

        // A chunk of zeros is a tag alone.
        var length = frame.Length - SealedObject.TagBytes;
        if (length < 0 || length > _plain.Length)
        {
            throw Damaged(location, id, "is too short or too long");
        }

        var plain = _plain.GetSpan()[..length];
        try
        {
            PackFormat.OpenFrame(_cipher!, id, location, frame, plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw Damaged(location, id, "was changed, or sealed under another key");
        }

        return plain;
    }

    private SnapshotFormatException Damaged(in ChunkLocation location, ContentHash id, string how) =>
        new($"chunk {id.ToString()[..16]} in {_repository.PackName(location.Pack)} at {location.OffsetBytes} {how}");
}
