namespace Dumont.Snapshots;

/// <summary>What is known about the content of one file.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Stamp">When this was true.</param>
/// <param name="Digest">Of the whole content, <see cref="FileContent.DigestOf"/>.</param>
/// <param name="Chunks">Its chunks; empty where they are not worth keeping.</param>
public sealed record IndexedFile(TreePath Path, FileStamp Stamp, ContentHash Digest, IReadOnlyList<FileChunk> Chunks);

/// <summary>
/// Remembers what is in the files of one tree, so that a file whose stamp has not moved need not be read again, and so that a chunk of
/// one file can be found in another. A cache: losing it costs time only. Not thread safe.
/// </summary>
/// <remarks>Chunks are looked up by eight bytes of their hash, which keeps an entry at a third of the size; whoever copies a chunk checks the
/// whole hash, so a clash or a stale place costs a transfer and never wrong bytes.</remarks>
public sealed class TreeIndex
{
    private readonly Dictionary<TreePath, IndexedFile> _files = [];
    private readonly Dictionary<ulong, (IndexedFile File, int Chunk)> _places = [];

    /// <summary>Files known.</summary>
    public int Count => _files.Count;

    /// <summary>All files known, in no order.</summary>
    public IReadOnlyCollection<IndexedFile> Files => _files.Values;

    /// <summary>What is known about <paramref name="path"/>, if it still has <paramref name="stamp"/>.</summary>
    public IndexedFile? Find(TreePath path, FileStamp stamp) =>
        _files.TryGetValue(path, out var file) && file.Stamp == stamp ? file : null;

    /// <summary>Where a chunk with this hash was last seen; null when nowhere.</summary>
    public (TreePath Path, FileChunk Chunk)? FindChunk(ContentHash hash) =>
        _places.TryGetValue(hash.Prefix, out var place) && place.File.Chunks[place.Chunk] is var chunk && chunk.Hash == hash
            ? (place.File.Path, chunk)
            : null;

    /// <summary>Learns or replaces a file.</summary>
    public void Set(IndexedFile file)
    {
        Remove(file.Path);
        _files[file.Path] = file;
        for (var i = 0; i < file.Chunks.Count; i++)
        {
            _places[file.Chunks[i].Hash.Prefix] = (file, i);
        }
    }

    /// <summary>Forgets a file.</summary>
    public void Remove(TreePath path)
    {
        if (!_files.Remove(path, out var file))
        {
            return;
        }

        foreach (var chunk in file.Chunks)
        {
            if (_places.TryGetValue(chunk.Hash.Prefix, out var place) && ReferenceEquals(place.File, file))
            {
                _places.Remove(chunk.Hash.Prefix);
            }
        }
    }

    /// <summary>Forgets every file that <paramref name="keep"/> does not name.</summary>
    public void Retain(Func<TreePath, bool> keep)
    {
        foreach (var path in _files.Keys.Where(path => !keep(path)).ToList())
        {
            Remove(path);
        }
    }
}
