namespace Dumont.Snapshots;

/// <summary>Packs that are marked: a prune no longer needs them, and a later one deletes them. A mark is for ever: nobody relies on the pack again, so
/// that a deletion does no harm whenever it comes. What turns out to be needed is copied out.</summary>
/// <param name="MarkedAt">When they left the index.</param>
/// <param name="Packs">Names, 64 hexadecimal digits each.</param>
internal sealed record PendingRecord(DateTimeOffset MarkedAt, IReadOnlyList<string> Packs)
{
    /// <summary>The packs, without what is no name of one.</summary>
    public IEnumerable<ContentHash> PackNames
    {
        get
        {
            foreach (var text in Packs)
            {
                if (ObjectNames.TryParseDigest(text, out var name))
                {
                    yield return name;
                }
            }
        }
    }
}

/// <summary>Stores <see cref="PendingRecord"/>s.</summary>
internal static class PendingRecords
{
    public static async Task PutAsync(Repository repository, PendingRecord record, CancellationToken cancellationToken)
    {
        var body = RepositoryJson.Write(json =>
        {
            json.WriteString("marked_at", record.MarkedAt);
            json.WriteTexts("packs", record.Packs);
        });
        var content = SealedObject.Seal(ObjectKind.Pending, body, repository.Keys);
        await repository.Store.PutAsync(ObjectNames.Pending + ContentHash.Of(content), content, PutMode.CreateNew, cancellationToken);
    }

    /// <summary>All of them. One that goes meanwhile is left out: its packs are gone.</summary>
    /// <exception cref="SnapshotFormatException">One is damaged.</exception>
    public static async Task<IReadOnlyList<(string Name, PendingRecord Record)>> ReadAllAsync(Repository repository, CancellationToken cancellationToken)
    {
        var records = new List<(string Name, PendingRecord Record)>();
        await foreach (var (name, content) in repository.ReadAllAsync(ObjectNames.Pending, cancellationToken))
        {
            records.Add((name, Read(repository, name, content)));
        }

        return records;
    }

    public static PendingRecord Read(Repository repository, string name, byte[] content)
    {
        Repository.CheckName(name, content);
        return RepositoryJson.Read(
            SealedObject.Open(ObjectKind.Pending, content, repository.Keys, name),
            name,
            json => new PendingRecord(json.Time("marked_at"), json.Texts("packs")));
    }
}
