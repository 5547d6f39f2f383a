namespace Dumont.Snapshots;

/// <summary>Copies chunks into new packs as they are encoded; only the encryption is new, because its key belongs to the pack.</summary>
internal static class PackRewriter
{
    /// <summary>Copies the chunks that are left in these packs.</summary>
    /// <returns>The new packs, durable, in no index yet.</returns>
    /// <exception cref="SnapshotFormatException">A frame is damaged: nothing was removed.</exception>
    /// <exception cref="ObjectStoreException">A pack cannot be read or stored.</exception>
    public static async Task<IReadOnlyList<PackContent>> RewriteAsync(
        Repository repository, IReadOnlyList<PackContent> packs, CancellationToken cancellationToken)
    {
        if (packs.Count == 0)
        {
            return [];
        }

        await using var sink = new PackSink(repository, writers: 1);
        using var reader = repository.CreateChunkReader();
        PackBuilder? builder = null;
        var frame = new byte[ChunkEntry.MaximumChunkBytes + 2048];
        try
        {
            foreach (var chunk in packs.SelectMany(pack => pack.Chunks))
            {
                repository.TryLocate(chunk.Id, out var location);
                var stored = frame.AsMemory(0, location.StoredBytes);
                var read = await repository.Store.ReadAsync(repository.PackName(location.Pack), location.OffsetBytes, stored, cancellationToken);
                if (builder is not null && !builder.HasRoomFor(chunk.RawBytes))
                {
                    sink.Submit(builder);
                    builder = null;
                }

                builder ??= sink.Begin(cancellationToken);
                builder.AddCoded(chunk, reader.OpenCoded(location, chunk.Id, stored.Span[..read]));
                sink.Advance(builder, cancellationToken);
            }

            if (builder is not null)
            {
                sink.Submit(builder);
                builder = null;
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Stopped because a pack could not be stored: that is the error to tell.
            await sink.CompleteAsync();
            throw;
        }
        finally
        {
            if (builder is not null)
            {
                sink.Abandon(builder);
            }
        }

        return await sink.CompleteAsync();
    }
}
