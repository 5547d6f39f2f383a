using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Commands that only read a repository.</summary>
internal static class RepoReadActions
{
    private static readonly Column[] SnapshotColumns =
    [
        new("ID", "short_id"),
        new("TIME", "time", ColumnFormat.Time),
        new("HOST", "hostname"),
        new("NAME", "name"),
        new("TAGS", "tags"),
        new("PATH", "source"),
        new("FILES", "files", ColumnFormat.Integer),
        new("SIZE", "size_bytes", ColumnFormat.Bytes),
        new("ADDED", "bytes_stored", ColumnFormat.Bytes),
    ];

    private static readonly Column[] EntryColumns =
    [
        new("MODE", "mode_text"),
        new("UID", "uid"),
        new("GID", "gid"),
        new("SIZE", "size_bytes", ColumnFormat.Bytes),
        new("MODIFIED", "modified_at", ColumnFormat.Time),
        new("PATH", "path"),
    ];

    public static Task<ExitCode> ListAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            session => context.Invocation.Positionals.ContainsKey("snapshot")
                ? ListEntriesAsync(context, session, cancellationToken)
                : ListSnapshotsAsync(context, session, cancellationToken),
            cancellationToken);

    public static Task<ExitCode> DiffAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            async session =>
            {
                await session.Repository.LoadIndexAsync(cancellationToken);
                var before = await EntriesAsync(session, context.Invocation.Positionals["before"], cancellationToken);
                var after = await EntriesAsync(session, context.Invocation.Positionals["after"], cancellationToken);
                var rows = SnapshotDiff.Compare(before, after).Select(change => (JsonNode)new JsonObject
                {
                    ["change"] = change.Kind.ToString().ToLowerInvariant(),
                    ["path"] = change.Entry.Path.ToString(),
                    ["size_bytes"] = change.Entry.SizeBytes,
                }).ToArray();
                context.Output.Write(new JsonObject { ["changes"] = new JsonArray(rows), ["count"] = rows.Length }, context.Command with
                {
                    Rows = "changes",
                    Columns = [new("CHANGE", "change"), new("SIZE", "size_bytes", ColumnFormat.Bytes), new("PATH", "path")],
                    NameField = "path",
                });
                return ExitCode.Ok;
            },
            cancellationToken);

    public static Task<ExitCode> StatsAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            async session =>
            {
                var found = await RepositoryStatistics.ReadAsync(session.Repository, cancellationToken);
                var people = context.Output.IsForPeople;
                JsonNode Size(long bytes) => people ? CellFormat.Bytes(bytes) : bytes;
                context.Output.Write(
                    new JsonObject
                    {
                        ["id"] = session.Repository.Id,
                        ["encrypted"] = session.Repository.IsEncrypted,
                        ["snapshots"] = found.Snapshots,
                        ["files"] = found.Files,
                        [people ? "size" : "size_bytes"] = Size(found.Bytes),
                        ["chunks"] = found.Chunks,
                        [people ? "chunk_size" : "chunk_bytes"] = Size(found.ChunkBytes),
                        ["packs"] = found.Packs,
                        [people ? "stored" : "stored_bytes"] = Size(found.StoredBytes),
                        ["ratio"] = Math.Round(found.Ratio, 2),
                    },
                    context.Command);
                return ExitCode.Ok;
            },
            cancellationToken);

    public static Task<ExitCode> CatAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            async session =>
            {
                await session.Repository.LoadIndexAsync(cancellationToken);
                var path = TreePath.Parse(context.Invocation.Positionals["path"].Trim('/'));
                var entries = await EntriesAsync(session, context.Invocation.Positionals["snapshot"], cancellationToken);
                var entry = entries.FirstOrDefault(e => e.Path == path) ?? throw new CliException(
                    ExitCode.NotFound, new($"the snapshot has no '{path}'", $"o snapshot não tem '{path}'"), "dumont repo ls latest");
                if (entry.Kind == EntryKind.HardLink)
                {
                    entry = entries.First(e => e.Path.ToBytes().AsSpan().SequenceEqual(entry.LinkTarget));
                }

                await using var output = Console.OpenStandardOutput();
                await session.Repository.CopyContentAsync(entry, output, cancellationToken);
                return ExitCode.Ok;
            },
            cancellationToken);

    /// <summary>A snapshot in the API's words.</summary>
    public static JsonObject ToJson(Snapshot snapshot)
    {
        var figures = snapshot.Statistics;
        return new JsonObject
        {
            ["id"] = snapshot.Id,
            ["short_id"] = snapshot.ShortId,
            ["time"] = snapshot.Time.ToString("O"),
            ["hostname"] = snapshot.Hostname,
            ["source"] = snapshot.Source,
            ["name"] = snapshot.Name,
            ["tags"] = new JsonArray([.. snapshot.Tags.Select(tag => (JsonNode)tag)]),
            ["parent"] = snapshot.Parent,
            ["files"] = figures.Files,
            ["directories"] = figures.Directories,
            ["size_bytes"] = figures.Bytes,
            ["files_new"] = figures.FilesNew,
            ["files_changed"] = figures.FilesChanged,
            ["files_unmodified"] = figures.FilesUnmodified,
            ["bytes_read"] = figures.BytesRead,
            ["bytes_new"] = figures.BytesNew,
            ["bytes_stored"] = figures.BytesStored,
            ["warnings"] = figures.Warnings,
            ["duration_seconds"] = figures.Milliseconds / 1000.0,
        };
    }

    private static async Task<ExitCode> ListSnapshotsAsync(CommandContext context, RepoSession session, CancellationToken cancellationToken)
    {
        var (snapshots, damaged) = await session.Repository.ReadSnapshotsAsync(cancellationToken);
        var rows = snapshots.Select(snapshot => (JsonNode)ToJson(snapshot)).ToArray();
        context.Output.Write(
            new JsonObject { ["snapshots"] = new JsonArray(rows), ["count"] = rows.Length },
            context.Command with { Rows = "snapshots", Columns = SnapshotColumns });
        foreach (var damage in damaged)
        {
            context.Environment.Error.WriteLine(TerminalText.Line(damage.Message));
        }

        return damaged.Count == 0 ? ExitCode.Ok : ExitCode.Failure;
    }

    private static async Task<ExitCode> ListEntriesAsync(CommandContext context, RepoSession session, CancellationToken cancellationToken)
    {
        await session.Repository.LoadIndexAsync(cancellationToken);
        var entries = await EntriesAsync(session, context.Invocation.Positionals["snapshot"], cancellationToken);
        var below = context.Invocation.Positionals.TryGetValue("path", out var path) && path.Trim('/').Length > 0 ? TreePath.Parse(path.Trim('/')) : TreePath.Root;
        var rows = entries.Where(entry => !entry.Path.IsRoot && entry.Path.IsWithin(below)).Select(entry => (JsonNode)new JsonObject
        {
            ["path"] = entry.Path.ToString(),
            ["type"] = entry.Kind.ToString().ToLowerInvariant(),
            ["mode"] = entry.Mode,
            ["mode_text"] = ModeText(entry),
            ["uid"] = entry.UserId,
            ["gid"] = entry.GroupId,
            ["size_bytes"] = entry.SizeBytes,
            ["modified_at"] = DateTimeOffset.UnixEpoch.AddTicks(entry.ModifiedNs / 100).ToString("O"),
        }).ToArray();
        context.Output.Write(
            new JsonObject { ["entries"] = new JsonArray(rows), ["count"] = rows.Length },
            context.Command with { Rows = "entries", Columns = EntryColumns, NameField = "path" });
        return ExitCode.Ok;
    }

    private static async Task<IReadOnlyList<ManifestEntry>> EntriesAsync(RepoSession session, string id, CancellationToken cancellationToken) =>
        await session.Repository.ReadEntriesAsync(await session.Repository.GetSnapshotAsync(id, cancellationToken), cancellationToken);

    private static string ModeText(ManifestEntry entry)
    {
        var kind = entry.Kind switch
        {
            EntryKind.Directory => 'd',
            EntryKind.Link => 'l',
            EntryKind.HardLink => 'h',
            EntryKind.Fifo => 'p',
            _ => '-',
        };
        return kind + string.Concat(Enumerable.Range(0, 9).Select(bit => (entry.Mode & (0x100 >> bit)) != 0 ? "rwx"[bit % 3] : '-'));
    }
}
