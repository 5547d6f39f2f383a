using System.Collections.Concurrent;

namespace Dumont.Snapshots;

/// <summary>Checks packs for a <see cref="RepositoryVerifier"/>, each once: a pack never changes.</summary>
internal sealed class PackVerifier(Repository repository, VerifyOptions options, VerifyProgress progress)
{
    private readonly ConcurrentDictionary<ContentHash, ConcurrentQueue<string>> _damages = new();
    private readonly ConcurrentDictionary<(ContentHash Pack, ContentHash Chunk), bool> _badPlaces = new();
    private readonly HashSet<ContentHash> _checked = [];
    private long _bytesRead;

    /// <summary>Of all packs so far.</summary>
    public long BytesRead => Volatile.Read(ref _bytesRead);

    /// <summary>Whether an error is of what is stored, and not of the way there: then nothing is known.</summary>
    public static bool IsOfWhatIsStored(Exception e) =>
        e is SnapshotFormatException or ObjectStoreException { Kind: ObjectStoreErrorKind.NotFound or ObjectStoreErrorKind.Corrupt };

    /// <summary>Whether a chunk cannot be read from a pack.</summary>
    public bool IsBad(ContentHash pack, ContentHash chunk) => _badPlaces.ContainsKey((pack, chunk));

    /// <summary>What is wrong with these packs.</summary>
    public IEnumerable<Damage> DamagesOf(IEnumerable<PackContent> packs) =>
        packs.SelectMany(pack => (_damages.GetValueOrDefault(pack.Name) ?? []).Select(message => new Damage(ObjectNames.Pack(pack.Name), message)));

    /// <summary>Checks those that were not checked before: their lists, and the content of the chosen ones.</summary>
    /// <param name="packs">In the index that the repository has loaded.</param>
    /// <param name="waiting">Those among them that wait to be deleted: their lists were read from themselves.</param>
    /// <param name="cancellationToken">Stops.</param>
    public async Task VerifyAsync(IReadOnlyList<PackContent> packs, HashSet<ContentHash> waiting, CancellationToken cancellationToken)
    {
        var fresh = packs.Where(pack => !_checked.Contains(pack.Name)).ToList();
        var chosen = options.Sample.Choose(fresh);
        progress.Expect(fresh.Where(pack => chosen.Contains(pack.Name)).Sum(pack => pack.SizeBytes));
        var parallelism = new ParallelOptions
        {
            MaxDegreeOfParallelism = options.Workers > 0 ? options.Workers : Environment.ProcessorCount,
            CancellationToken = cancellationToken,
        };
        await Parallel.ForEachAsync(fresh, parallelism, async (pack, token) =>
        {
            try
            {
                await VerifyPackAsync(pack, isFooterKnown: waiting.Contains(pack.Name), chosen.Contains(pack.Name), token);
            }
            catch (ObjectStoreException e) when (e.Kind is ObjectStoreErrorKind.NotFound or ObjectStoreErrorKind.Corrupt)
            {
                if (e.Kind == ObjectStoreErrorKind.Corrupt)
                {
                    // The store's own checksum says so: it does not have any more what it was given.
                    Report(pack.Name, e.Message);
                }
                else if (!waiting.Contains(pack.Name))
                {
                    Report(pack.Name, $"{ObjectNames.Pack(pack.Name)} is gone since the check began");
                }

                foreach (var chunk in pack.Chunks)
                {
                    _badPlaces[(pack.Name, chunk.Id)] = true;
                }
            }
        });
        _checked.UnionWith(fresh.Select(pack => pack.Name));
    }

    private async Task VerifyPackAsync(PackContent pack, bool isFooterKnown, bool readData, CancellationToken cancellationToken)
    {
        var name = ObjectNames.Pack(pack.Name);
        try
        {
            if (!isFooterKnown)
            {
                var found = await IndexObjects.TryReadPackAsync(repository, pack.Name, cancellationToken)
                    ?? throw new ObjectStoreException(ObjectStoreErrorKind.NotFound, $"{name} is gone.");
                if (!found.Chunks.SequenceEqual(pack.Chunks) || !found.Salt.AsSpan().SequenceEqual(pack.Salt))
                {
                    Report(pack.Name, $"{name} holds other chunks than the index says");
                }
            }
        }
        catch (SnapshotFormatException e)
        {
            Report(pack.Name, e.Message);
        }

        if (readData)
        {
            await VerifyDataAsync(pack, name, cancellationToken);
        }
    }

    private async Task VerifyDataAsync(PackContent pack, string name, CancellationToken cancellationToken)
    {
        var content = new byte[pack.SizeBytes];
        var read = await repository.Store.ReadAsync(name, 0, content, cancellationToken);
        Interlocked.Add(ref _bytesRead, read);
        if (read != content.Length || !content.AsSpan().StartsWith(PackFormat.Magic))
        {
            Report(pack.Name, $"{name} does not begin like a pack, or is cut off");
        }

        using var reader = repository.CreateChunkReader();
        var chunk = new byte[pack.Chunks.Count == 0 ? 0 : pack.Chunks.Max(entry => entry.RawBytes)];
        var offset = PackFormat.HeaderBytes;
        foreach (var entry in pack.Chunks)
        {
            var location = new ChunkLocation(
                repository.Index.NumberOf(pack.Name), offset, entry.StoredBytes, entry.RawBytes, entry.Coding, entry.Parameter, entry.Checksum);
            try
            {
                var frame = content.AsSpan(offset, entry.StoredBytes);
                var plain = chunk.AsSpan(0, entry.RawBytes);
                if (entry.Coding == ChunkCoding.Delta && !repository.Index.IsIn(pack.Name, entry.Id))
                {
                    // Nobody reads it here: its baseline may be gone.
                    reader.OpenCoded(location, entry.Id, frame);
                }
                else if (!Opens(reader, location, entry.Id, frame, plain))
                {
                    throw new SnapshotFormatException($"chunk {entry.Id.ToString()[..16]} in {name} is not what its id says");
                }
            }
            catch (Exception e) when (IsOfWhatIsStored(e))
            {
                // Of the store: the pack of the baseline of a delta.
                Report(pack.Name, e.Message);
                _badPlaces[(pack.Name, entry.Id)] = true;
            }

            offset += entry.StoredBytes;
        }

        progress.AddBytes(pack.SizeBytes);
    }

    private static bool Opens(ChunkReader reader, in ChunkLocation location, ContentHash id, ReadOnlySpan<byte> frame, Span<byte> plain)
    {
        reader.Open(location, id, frame, plain);
        return reader.IsContentOf(id, plain);
    }

    private void Report(ContentHash pack, string message) => _damages.GetOrAdd(pack, static _ => new()).Enqueue(message);
}
