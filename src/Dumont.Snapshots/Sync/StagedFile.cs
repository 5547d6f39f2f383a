using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots.Sync;

/// <summary>A large file being put together by the sink: its list of chunks so far, and a private file into which they are written as they
/// are found in the sink's own tree or arrive.</summary>
internal sealed class StagedFile(SafeFileHandle file, string name) : IDisposable
{
    private readonly List<FileChunk> _chunks = [];
    private readonly HashSet<int> _missing = [];

    /// <summary>The private file.</summary>
    public SafeFileHandle File { get; } = file;

    /// <summary>Its name in the staging directory.</summary>
    public string Name { get; } = name;

    /// <summary>Sum of the chunks so far.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>Chunks in order.</summary>
    public IReadOnlyList<FileChunk> Chunks => _chunks;

    /// <summary>Whether every listed chunk is in the file.</summary>
    public bool IsComplete => _missing.Count == 0;

    /// <summary>Appends a chunk to the list.</summary>
    /// <returns>Its index.</returns>
    public int Append(ContentHash hash, int lengthBytes)
    {
        var index = _chunks.Count;
        _chunks.Add(new FileChunk(hash, SizeBytes, lengthBytes));
        _missing.Add(index);
        SizeBytes += lengthBytes;
        return index;
    }

    /// <summary>Writes bytes already known to have the listed hash.</summary>
    public void FillKnown(int index, ReadOnlySpan<byte> content)
    {
        // A new file reads as zeros where nothing was written: sparse files stay sparse.
        if (content.ContainsAnyExcept((byte)0))
        {
            RandomAccess.Write(File, content, _chunks[index].OffsetBytes);
        }

        _missing.Remove(index);
    }

    /// <summary>Takes a chunk that was sent. The source may have found other bytes than it listed, because the file changed; the list then
    /// follows the bytes.</summary>
    /// <exception cref="SyncProtocolException">Not asked for, or of another length.</exception>
    public void FillSent(uint index, ReadOnlySpan<byte> content)
    {
        var chunk = Expect(index);
        if (chunk.LengthBytes != content.Length)
        {
            throw new SyncProtocolException($"A chunk of {content.Length} bytes was announced with {chunk.LengthBytes}.");
        }

        _chunks[(int)index] = chunk with { Hash = ContentHash.Of(content) };
        FillKnown((int)index, content);
    }

    /// <summary>Fills a chunk from an earlier one.</summary>
    /// <exception cref="SyncProtocolException">The earlier one is not there or of another length.</exception>
    public void FillRepeated(uint index, uint earlier)
    {
        var chunk = Expect(index);
        if (earlier >= index || _missing.Contains((int)earlier) || _chunks[(int)earlier].LengthBytes != chunk.LengthBytes)
        {
            throw new SyncProtocolException("A chunk repeats one that cannot be repeated.");
        }

        var buffer = ArrayPool<byte>.Shared.Rent(chunk.LengthBytes);
        var content = buffer.AsSpan(0, chunk.LengthBytes);

        // Zeros at the end of the file so far were never written and cannot be read.
        content[FileContent.ReadFully(File, content, _chunks[(int)earlier].OffsetBytes)..].Clear();
        FillSent(index, content);
        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Gives the file its final length, which a trailing run of zeros has not.</summary>
    public void Finish() => RandomAccess.SetLength(File, SizeBytes);

    /// <inheritdoc />
    public void Dispose() => File.Dispose();

    private FileChunk Expect(uint index) => index < _chunks.Count && _missing.Contains((int)index)
        ? _chunks[(int)index]
        : throw new SyncProtocolException("A chunk was sent that was not asked for.");
}
