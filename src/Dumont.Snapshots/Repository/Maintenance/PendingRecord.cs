namespace Dumont.Snapshots;

/// <summary>Packs that a prune no longer needs. They are deleted by a later one, when nobody can be using them any more.</summary>
/// <param name="MarkedAt">When they left the index.</param>
/// <param name="Packs">Names, 64 hexadecimal digits each.</param>
internal sealed record PendingRecord(DateTimeOffset MarkedAt, IReadOnlyList<string> Packs);

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

    public static PendingRecord Read(Repository repository, string name, byte[] content)
    {
        Repository.CheckName(name, content);
        return RepositoryJson.Read(
            SealedObject.Open(ObjectKind.Pending, content, repository.Keys, name),
            name,
            json => new PendingRecord(json.Time("marked_at"), json.Texts("packs")));
    }
}
