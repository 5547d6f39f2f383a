using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>An opened repository: its keys, its snapshots, and where every chunk is. The format is in docs/formats/repository.md.</summary>
/// <remarks>Reading is thread safe once <see cref="LoadIndexAsync"/> has returned.</remarks>
public sealed class Repository
{
    private const int SmallObjectBytes = 64 << 10;

    /// <summary>Longest index, and longest manifest.</summary>
    internal const int MaximumObjectBytes = 1 << 30;

    internal const int IndexLoadTries = 3;

    private readonly RepositoryConfig _config;
    private readonly KeyObjects? _keyObjects;
    private RepositoryIndex? _index;

    private Repository(IObjectStore store, RepositoryConfig config, KeyObjects? keyObjects)
    {
        Store = store;
        _config = config;
        _keyObjects = keyObjects;
    }

    /// <summary>Where it lives. Not owned: whoever made it disposes of it.</summary>
    public IObjectStore Store { get; }

    /// <summary>32 hexadecimal digits.</summary>
    public string Id => _config.Id;

    /// <summary>Whether what is in it is encrypted.</summary>
    public bool IsEncrypted => Keys is not null;

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt => _config.CreatedAt;

    internal RepositoryKeys? Keys => _keyObjects?.Keys;

    /// <summary>Moves the cuts of chunks; 0 when not encrypted.</summary>
    internal ulong ChunkerSecret => Keys?.ChunkerSecret ?? 0;

    internal RepositoryIndex Index => _index ?? throw new InvalidOperationException("The index is not loaded.");

    /// <summary>Makes a repository.</summary>
    /// <param name="store">An empty place.</param>
    /// <param name="secret">First key; null: not encrypted.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Stops between two objects; another try then goes on.</param>
    /// <exception cref="RepositoryException">There is one already.</exception>
    public static async Task<Repository> InitAsync(
        IObjectStore store, RepositorySecret? secret, TimeProvider time, CancellationToken cancellationToken)
    {
        var config = new RepositoryConfig(
            Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            SealedObject.FormatVersion,
            secret is null ? RepositoryConfig.NoEncryption : RepositoryConfig.AesGcm,
            time.GetUtcNow());
        var content = config.ToObject();
        if (await store.FindAsync(RepositoryConfig.ObjectName, cancellationToken) is not null)
        {
            throw AlreadyThere();
        }

        // The key first: a configuration without a key would be a repository that nobody can open.
        var keys = secret is null ? null : await KeyObjects.InitAsync(store, secret, content, time, cancellationToken);
        return await store.PutAsync(RepositoryConfig.ObjectName, content, PutMode.CreateNew, cancellationToken)
            ? new Repository(store, config, keys)
            : throw AlreadyThere();
    }

    /// <summary>Opens a repository. The index is loaded by <see cref="LoadIndexAsync"/>.</summary>
    /// <exception cref="RepositoryException">None there, or not with this secret.</exception>
    /// <exception cref="SnapshotFormatException">Its configuration is damaged.</exception>
    public static async Task<Repository> OpenAsync(IObjectStore store, RepositorySecret? secret, CancellationToken cancellationToken)
    {
        byte[] content;
        try
        {
            content = await ReadSmallAsync(store, RepositoryConfig.ObjectName, cancellationToken);
        }
        catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound)
        {
            throw new RepositoryException(RepositoryErrorKind.NoRepository, $"There is no repository here: {e.Message} Make one with 'repo init'.");
        }

        var config = RepositoryConfig.FromObject(content);
        if (config.IsEncrypted != secret is not null)
        {
            throw new RepositoryException(RepositoryErrorKind.KeyNeeded, config.IsEncrypted
                ? "The repository is encrypted: give its password or key file."
                : "The repository is not encrypted, but a password or key file was given: leave it out if you mean this repository.");
        }

        var keys = secret is null ? null : await KeyObjects.OpenAsync(store, secret, content, cancellationToken);
        return new Repository(store, config, keys);
    }

    /// <summary>Reads where every chunk is, unless that is known already.</summary>
    /// <exception cref="SnapshotFormatException">An index is damaged; 'repo verify' tells more.</exception>
    public async Task LoadIndexAsync(CancellationToken cancellationToken)
    {
        if (_index is null)
        {
            await ReloadIndexAsync(cancellationToken);
        }
    }

    /// <summary>Reads again where every chunk is: others may have added some, or moved them.</summary>
    internal Task ReloadIndexAsync(CancellationToken cancellationToken) => ReloadIndexAsync(isForReading: true, cancellationToken);

    /// <summary>Reads again where every chunk is that a new snapshot may rely on: not those that are only in packs that a prune has marked.</summary>
    internal Task LoadIndexToWriteAsync(CancellationToken cancellationToken) => ReloadIndexAsync(isForReading: false, cancellationToken);

    /// <summary>Uses an index that was read elsewhere.</summary>
    internal void UseIndex(RepositoryIndex index) => _index = index;

    /// <summary>All snapshots, oldest first.</summary>
    /// <exception cref="SnapshotFormatException">One is damaged.</exception>
    public async Task<IReadOnlyList<Snapshot>> ListSnapshotsAsync(CancellationToken cancellationToken)
    {
        var (snapshots, damaged) = await ReadSnapshotsAsync(cancellationToken);
        return damaged.Count == 0 ? snapshots : throw damaged[0];
    }

    /// <summary>All snapshots that can be read, oldest first, and what is wrong with the others.</summary>
    public async Task<(IReadOnlyList<Snapshot> Snapshots, IReadOnlyList<SnapshotFormatException> Damaged)> ReadSnapshotsAsync(
        CancellationToken cancellationToken)
    {
        var snapshots = new List<Snapshot>();
        var damaged = new List<SnapshotFormatException>();
        await foreach (var (name, content) in ReadAllAsync(ObjectNames.Snapshots, cancellationToken))
        {
            try
            {
                var digest = CheckName(name, content);
                snapshots.Add(new Snapshot(digest, SnapshotRecord.FromObject(content, Keys, name)));
            }
            catch (SnapshotFormatException e)
            {
                damaged.Add(e);
            }
        }

        snapshots.Sort((a, b) => a.Time != b.Time ? a.Time.CompareTo(b.Time) : string.CompareOrdinal(a.Id, b.Id));
        return (snapshots, damaged);
    }

    /// <summary>One snapshot.</summary>
    /// <param name="id">Its id, the beginning of it, its name if no other has it, or <c>latest</c>.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="RepositoryException">None, or several.</exception>
    public async Task<Snapshot> GetSnapshotAsync(string id, CancellationToken cancellationToken)
    {
        var (snapshots, damaged) = await ReadSnapshotsAsync(cancellationToken);
        if (id == "latest" && snapshots.Count > 0)
        {
            return snapshots[^1];
        }

        var matches = snapshots.Where(s => s.Id.StartsWith(id, StringComparison.Ordinal)).ToList();
        if (matches.Count == 0)
        {
            matches = [.. snapshots.Where(s => s.Name.Length > 0 && s.Name == id)];
        }

        return matches switch
        {
            [var only] => only,
            [] when damaged.FirstOrDefault(d => d.Message.Contains(id, StringComparison.Ordinal)) is { } broken => throw broken,
            [] => throw new RepositoryException(RepositoryErrorKind.NoSnapshot, $"There is no snapshot '{id}'. List them with 'repo ls'."),
            _ => throw new RepositoryException(
                RepositoryErrorKind.NoSnapshot, $"'{id}' means several snapshots: {string.Join(", ", matches.Select(s => s.ShortId))}. Give more digits."),
        };
    }

    /// <summary>What is in a snapshot: the root first, each directory before what is in it. The index must be loaded.</summary>
    /// <exception cref="SnapshotFormatException">Damaged.</exception>
    public async Task<IReadOnlyList<ManifestEntry>> ReadEntriesAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        if (snapshot.Record.Manifest.Any(chunk => ObjectNames.TryParseDigest(chunk.Id, out var id) && !Index.Chunks.Contains(id)))
        {
            await MarkedPacks.LearnAsync(this, cancellationToken);
        }

        var entries = (await ReadManifestAsync(snapshot, cancellationToken)).Entries.ToList();
        if (entries.Exists(entry => entry.Content.Any(extent => !extent.IsHole && !Index.Chunks.Contains(extent.Chunk))))
        {
            await MarkedPacks.LearnAsync(this, cancellationToken);
        }

        return entries;
    }

    /// <summary>Object name of a pack.</summary>
    public string PackName(int pack) => ObjectNames.Pack(Index.Packs[pack].Name);

    /// <summary>Where a chunk is. The index must be loaded.</summary>
    public bool TryLocate(ContentHash id, out ChunkLocation location) => Index.Chunks.TryFind(id, out location);

    /// <summary>Writes the content of a file to a stream. The index must be loaded.</summary>
    /// <exception cref="SnapshotFormatException">Damaged.</exception>
    public async Task CopyContentAsync(ManifestEntry file, Stream destination, CancellationToken cancellationToken)
    {
        using var reader = CreateChunkReader();
        var buffer = new byte[Math.Min(ChunkEntry.MaximumChunkBytes, file.Content.Select(extent => extent.LengthBytes).DefaultIfEmpty().Max())];
        foreach (var extent in file.Content)
        {
            if (extent.IsHole)
            {
                Array.Clear(buffer);
                for (var left = extent.LengthBytes; left > 0; left -= buffer.Length)
                {
                    await destination.WriteAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), cancellationToken);
                }

                continue;
            }

            if (!TryLocate(extent.Chunk, out var location))
            {
                throw new SnapshotFormatException($"'{file.Path}' needs chunk {extent.Chunk.ToString()[..16]}, which {Index.WhyUnknown(extent.Chunk)}");
            }

            if (location.RawBytes != extent.LengthBytes)
            {
                throw new SnapshotFormatException($"'{file.Path}' needs {extent.LengthBytes} bytes of chunk {extent.Chunk.ToString()[..16]}, which has {location.RawBytes}");
            }

            var chunk = buffer.AsMemory(0, location.RawBytes);
            await ReadChunkAsync(reader, location, extent.Chunk, chunk, cancellationToken);
            await destination.WriteAsync(chunk, cancellationToken);
        }
    }

    /// <summary>Opens frames; one a thread.</summary>
    public ChunkReader CreateChunkReader() => new(this);

    /// <summary>Adds a password or key file.</summary>
    /// <returns>Id of the new key.</returns>
    /// <exception cref="RepositoryException">The repository is not encrypted.</exception>
    public async Task<string> AddKeyAsync(RepositorySecret secret, string label, TimeProvider time, CancellationToken cancellationToken) =>
        await RequireKeys().AddAsync(secret, label, time, cancellationToken);

    /// <summary>The keys, by id.</summary>
    /// <exception cref="RepositoryException">The repository is not encrypted.</exception>
    public async Task<IReadOnlyList<RepositoryKey>> ListKeysAsync(CancellationToken cancellationToken)
    {
        RequireKeys();
        var keys = new List<RepositoryKey>();
        await foreach (var (name, content) in ReadAllAsync(ObjectNames.Keys, cancellationToken))
        {
            KeyObjects.CheckName(name, content);
            var key = KeyObject.FromObject(content, name);
            keys.Add(new RepositoryKey(name[ObjectNames.Keys.Length..], key.Label, key.Iterations > 0, key.CreatedAt));
        }

        return keys;
    }

    /// <summary>Removes a password or key file. The master key stays the same: who has it can still read.</summary>
    /// <exception cref="RepositoryException">No such key, the last one, or the one that this repository was opened with.</exception>
    public async Task RemoveKeyAsync(string id, CancellationToken cancellationToken)
    {
        await RequireKeys().RemoveAsync(id, await ListKeysAsync(cancellationToken), cancellationToken);
    }

    internal ContentHash IdOf(ReadOnlySpan<byte> chunk)
    {
        if (Keys is not { } keys)
        {
            return ContentHash.Of(chunk);
        }

        Span<byte> hash = stackalloc byte[ContentHash.SizeBytes];
        Blake3.KeyedHash(keys.ChunkId, chunk, hash);
        return ContentHash.FromBytes(hash);
    }

    internal byte[] PackSalt(int pack) => Index.Packs[pack].Salt;

    internal async Task<Manifest> ReadManifestAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        var chunks = snapshot.Record.Manifest;
        var length = chunks.Sum(chunk => (long)chunk.Bytes);
        if (length > MaximumObjectBytes || chunks.Any(chunk => chunk.Bytes is <= 0 or > ChunkEntry.MaximumChunkBytes))
        {
            throw new SnapshotFormatException($"snapshot {snapshot.ShortId} claims a manifest of {length} bytes");
        }

        // All of them are looked for before any memory is taken: a record may claim what it likes.
        var places = chunks.Select(chunk => Locate(snapshot, chunk)).ToList();
        var content = new byte[length];
        using var reader = CreateChunkReader();
        var offset = 0;
        foreach (var (id, location) in places)
        {
            await ReadChunkAsync(reader, location, id, content.AsMemory(offset, location.RawBytes), cancellationToken);
            offset += location.RawBytes;
        }

        return new Manifest(content);
    }

    private (ContentHash Id, ChunkLocation Location) Locate(Snapshot snapshot, ManifestChunk chunk)
    {
        if (!ObjectNames.TryParseDigest(chunk.Id, out var id))
        {
            throw new SnapshotFormatException($"snapshot {snapshot.ShortId} lists no chunk id");
        }

        if (!TryLocate(id, out var location))
        {
            throw new SnapshotFormatException($"snapshot {snapshot.ShortId} needs for its manifest chunk {chunk.Id[..16]}, which {Index.WhyUnknown(id)}");
        }

        return location.RawBytes == chunk.Bytes
            ? (id, location)
            : throw new SnapshotFormatException($"snapshot {snapshot.ShortId} needs {chunk.Bytes} bytes of chunk {chunk.Id[..16]}, which has {location.RawBytes}");
    }

    /// <summary>Fetches and opens one chunk.</summary>
    internal async Task ReadChunkAsync(
        ChunkReader reader, ChunkLocation location, ContentHash id, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var frame = new byte[location.StoredBytes];
        var read = frame.Length == 0 ? 0 : await Store.ReadAsync(PackName(location.Pack), location.OffsetBytes, frame, cancellationToken);
        reader.Open(location, id, frame.AsSpan(0, read), destination.Span);
    }

    private async Task ReloadIndexAsync(bool isForReading, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                _index = await RepositoryIndex.LoadAsync(this, isForReading, cancellationToken);
                return;
            }
            catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound && attempt < IndexLoadTries)
            {
                // A prune replaced it between the listing and the reading: the new one is there now.
            }
        }
    }

    /// <summary>Every object below a prefix with its content; one that vanishes meanwhile is left out, and told.</summary>
    internal async IAsyncEnumerable<(string Name, byte[] Content)> ReadAllAsync(
        string prefix,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken,
        ICollection<string>? vanished = null)
    {
        var objects = new List<StoredObject>();
        await foreach (var stored in Store.ListAsync(prefix, cancellationToken))
        {
            objects.Add(stored);
        }

        foreach (var batch in objects.Chunk(Math.Max(1, Store.Traits.Concurrency)))
        {
            var contents = await Task.WhenAll(batch.Select(stored => TryReadAsync(stored, cancellationToken)));
            for (var i = 0; i < batch.Length; i++)
            {
                if (contents[i] is { } content)
                {
                    yield return (batch[i].Name, content);
                }
                else
                {
                    vanished?.Add(batch[i].Name);
                }
            }
        }
    }

    /// <summary>The digest in an object's name, which must be that of its content.</summary>
    internal static ContentHash CheckName(string name, ReadOnlySpan<byte> content) =>
        ObjectNames.TryParseDigest(name, out var digest) && ContentHash.Of(content) == digest
            ? digest
            : throw new SnapshotFormatException($"{name} is damaged: its content does not match its name");

    private async Task<byte[]?> TryReadAsync(StoredObject stored, CancellationToken cancellationToken)
    {
        if (stored.SizeBytes > MaximumObjectBytes)
        {
            throw new SnapshotFormatException($"{stored.Name} has {stored.SizeBytes} bytes, more than any such object");
        }

        try
        {
            if (stored.Name.StartsWith(ObjectNames.Locks, StringComparison.Ordinal))
            {
                // The only objects that change: one may be longer by now than its listing says.
                return await ReadSmallAsync(Store, stored.Name, cancellationToken);
            }

            var content = new byte[stored.SizeBytes];
            var read = await Store.ReadAsync(stored.Name, 0, content, cancellationToken);
            return read == content.Length ? content : content[..read];
        }
        catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound)
        {
            return null;
        }
    }

    internal static async Task<byte[]> ReadSmallAsync(IObjectStore store, string name, CancellationToken cancellationToken)
    {
        var content = new byte[SmallObjectBytes];
        var read = await store.ReadAsync(name, 0, content, cancellationToken);
        return content[..read];
    }

    private static RepositoryException AlreadyThere() =>
        new(RepositoryErrorKind.AlreadyExists, "There is a repository here already; it was left as it is.");

    private KeyObjects RequireKeys() =>
        _keyObjects ?? throw new RepositoryException(RepositoryErrorKind.KeyNeeded, "The repository is not encrypted, so it has no keys.");
}

/// <summary>A password or key file that opens a repository.</summary>
/// <param name="Id">16 hexadecimal digits.</param>
/// <param name="Label">For its owner.</param>
/// <param name="IsPassword">Else a key file.</param>
/// <param name="CreatedAt">When it was added.</param>
public sealed record RepositoryKey(string Id, string Label, bool IsPassword, DateTimeOffset CreatedAt);
