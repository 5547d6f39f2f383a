using System.Text.Json.Nodes;
using Dumont.Cli.Output;
using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Brings a snapshot back into a folder.</summary>
internal static class RepoRestoreActions
{
    public static Task<ExitCode> RestoreAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            async session =>
            {
                var target = Keys.Text(context, "target") ?? throw new UsageException(
                    new("say where to: --target FOLDER", "diga para onde: --target PASTA"), "dumont repo restore latest --target /workspace");
                var snapshot = await session.Repository.GetSnapshotAsync(context.Invocation.Positionals["snapshot"], cancellationToken);
                long done = 0, total = 0;
                var options = OptionsOf(context) with
                {
                    OnProgress = progress =>
                    {
                        Volatile.Write(ref done, progress.BytesDone);
                        Volatile.Write(ref total, progress.BytesTotal);
                    },
                };
                try
                {
                    var work = RepositoryRestore.RunAsync(session.Repository, snapshot, Keys.Path(context, target), options, cancellationToken);
                    var result = await RepoProgress.ShowAsync(
                        context, new("restore", "restauração"), () => (Volatile.Read(ref done), Volatile.Read(ref total)), work);
                    Show(context, result, options.DryRun);
                    return ExitCode.Ok;
                }
                catch (Exception e) when (e is RestoreException or PosixException)
                {
                    throw new CliException(ExitCode.Failure, TerminalText.Line(e.Message));
                }
            },
            cancellationToken);

    private static RestoreOptions OptionsOf(CommandContext context) => new()
    {
        Mode = Keys.Flag(context, "in_place") ? RestoreMode.InPlace : RestoreMode.NewTree,
        Delete = Keys.Flag(context, "delete") && (Keys.Flag(context, "in_place")
            ? true
            : throw new UsageException(new("--delete goes with --in-place", "--delete só vale com --in-place"))),
        Include = Keys.Texts(context, "include"),
        Exclude = Keys.Texts(context, "exclude"),
        First = [.. Keys.Texts(context, "lazy"), .. FirstInFile(context)],
        Verify = Keys.Flag(context, "verify"),
        DryRun = Keys.Flag(context, "dry_run"),
        Durable = !Keys.Flag(context, "no_sync"),
        PreservePrivileged = Keys.Flag(context, "preserve_privileged"),
        Fifos = Keys.Flag(context, "fifos"),
        KeepPartial = Keys.Flag(context, "keep_partial"),
        Workers = Keys.Integer(context, "workers"),
    };

    private static IEnumerable<string> FirstInFile(CommandContext context) =>
        Keys.Text(context, "lazy_file") is { } file
            ? File.ReadLines(Keys.Path(context, file)).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')
            : [];

    private static void Show(CommandContext context, RestoreResult result, bool isDryRun)
    {
        foreach (var warning in result.Warnings)
        {
            context.Environment.Error.WriteLine(TerminalText.Line($"{warning.Path}: {warning.Message}"));
        }

        if (result.WarningCount > result.Warnings.Count)
        {
            context.Note(new(
                $"{result.WarningCount - result.Warnings.Count} more warnings", $"mais {result.WarningCount - result.Warnings.Count} avisos"));
        }

        if (result.OwnersSkipped > 0)
        {
            context.Note(new(
                $"{result.OwnersSkipped} entries belong to you now: only root can give them to their owners",
                $"{result.OwnersSkipped} itens agora são seus: só o root pode devolvê-los aos donos"));
        }

        if (!context.Output.IsForPeople)
        {
            context.Output.Write(ToJson(result, isDryRun), context.Command);
            return;
        }

        var writer = context.Environment.Out;
        writer.WriteLine(context.Say(isDryRun ? new("would restore", "restauraria") : new("restored", "restaurado")));
        writer.WriteLine(context.Say(new(
            $"  files      {result.FilesRestored} written, {result.FilesSkipped} there already, {result.Removed} removed",
            $"  arquivos   {result.FilesRestored} escritos, {result.FilesSkipped} já estavam lá, {result.Removed} removidos")));
        writer.WriteLine(context.Say(new(
            $"  size       {CellFormat.Bytes(result.BytesRestored)}, {CellFormat.Bytes(result.BytesFetched)} fetched, {CellFormat.Bytes(result.BytesReused)} reused",
            $"  tamanho    {CellFormat.Bytes(result.BytesRestored)}, {CellFormat.Bytes(result.BytesFetched)} buscados, {CellFormat.Bytes(result.BytesReused)} reaproveitados")));
    }

    private static JsonObject ToJson(RestoreResult result, bool isDryRun) => new()
    {
        ["dry_run"] = isDryRun,
        ["files_restored"] = result.FilesRestored,
        ["files_skipped"] = result.FilesSkipped,
        ["directories_made"] = result.DirectoriesMade,
        ["links_made"] = result.LinksMade,
        ["removed"] = result.Removed,
        ["bytes_restored"] = result.BytesRestored,
        ["bytes_fetched"] = result.BytesFetched,
        ["bytes_reused"] = result.BytesReused,
        ["owners_skipped"] = result.OwnersSkipped,
        ["warnings"] = new JsonArray([.. result.Warnings.Select(warning =>
            (JsonNode)new JsonObject { ["path"] = warning.Path, ["message"] = warning.Message })]),
        ["warning_count"] = result.WarningCount,
    };
}
