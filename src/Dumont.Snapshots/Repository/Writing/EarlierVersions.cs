namespace Dumont.Snapshots;

/// <summary>The large files of the parent snapshot, by path and by the chunks that they are made of.</summary>
internal sealed class EarlierVersions
{
    // Smaller files are a few chunks: there is nothing to gain.
    public const long SmallestBytes = 1 << 20;

    private readonly Dictionary<string, IReadOnlyList<Extent>> _byPath = new(StringComparer.Ordinal);
    private readonly Dictionary<ContentHash, (IReadOnlyList<Extent> File, int Index)> _byChunk = [];

    public EarlierVersions(Manifest manifest)
    {
        foreach (var entry in manifest.Entries)
        {
            if (entry.SizeBytes < SmallestBytes)
            {
                continue;
            }

            _byPath[entry.Path.Raw] = entry.Content;
            for (var i = 0; i < entry.Content.Count; i++)
            {
                if (!entry.Content[i].IsHole)
                {
                    _byChunk.TryAdd(entry.Content[i].Chunk, (entry.Content, i));
                }
            }
        }
    }

    /// <summary>Follows a file that is read from <paramref name="offset"/> on.</summary>
    public EarlierVersion Follow(string path, long offset) => new(this, _byPath.GetValueOrDefault(path), offset);

    public bool TryFind(ContentHash chunk, out (IReadOnlyList<Extent> File, int Index) place) => _byChunk.TryGetValue(chunk, out place);
}

/// <summary>
/// Where in an earlier version of a file the reading is. A known chunk tells for certain; from there on it is counted, so that what was changed in
/// place, inserted or cut out is compared with what stood there before.
/// </summary>
internal sealed class EarlierVersion
{
    private readonly EarlierVersions _all;
    private IReadOnlyList<Extent>? _file;
    private int _index;
    private long _within;

    public EarlierVersion(EarlierVersions all, IReadOnlyList<Extent>? file, long offset)
    {
        _all = all;
        _file = file;
        Advance(offset);
    }

    /// <summary>A chunk of the file is in the repository.</summary>
    public void Found(ContentHash chunk)
    {
        if (_all.TryFind(chunk, out var place))
        {
            _file = place.File;
            _index = place.Index + 1;
            _within = 0;
        }
    }

    /// <summary>A chunk of the file is not: what stood in its place, and goes on behind it.</summary>
    public Baseline Pass(int lengthBytes)
    {
        if (_file is null)
        {
            return default;
        }

        Span<ContentHash> chunks = stackalloc ContentHash[Baseline.MaximumCount];
        var count = 0;
        var covered = -_within;
        for (var i = _index; i < _file.Count && !_file[i].IsHole && count < chunks.Length && covered < lengthBytes; i++)
        {
            chunks[count++] = _file[i].Chunk;
            covered += _file[i].LengthBytes;
        }

        Advance(lengthBytes);
        return new Baseline(chunks[..count]);
    }

    private void Advance(long bytes)
    {
        if (_file is null)
        {
            return;
        }

        _within += bytes;
        while (_index < _file.Count && _within >= _file[_index].LengthBytes)
        {
            _within -= _file[_index++].LengthBytes;
        }
    }
}
