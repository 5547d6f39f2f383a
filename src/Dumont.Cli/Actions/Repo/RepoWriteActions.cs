using System.Text.Json.Nodes;
using Dumont.Cli.Output;
using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Commands that add to a repository.</summary>
internal static class RepoWriteActions
{
    public static Task<ExitCode> InitAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var secret = Keys.Flag(context, "no_encryption") ? null : RepoSecrets.FindForInit(context);
        return RepoSession.RunOnStoreAsync(context, async session =>
        {
            var repository = await Repository.InitAsync(session.Store, secret, context.Environment.Time, cancellationToken);
            context.Output.Write(
                new JsonObject { ["success"] = true, ["id"] = repository.Id, ["encrypted"] = repository.IsEncrypted }, context.Command);
            return ExitCode.Ok;
        });
    }

    public static Task<ExitCode> SnapshotAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            async session =>
            {
                var progress = new SnapshotProgress();
                var work = SnapshotWriter.WriteAsync(session.Repository, OptionsOf(context), progress, context.Environment.Time, cancellationToken);
                var outcome = await RepoProgress.ShowAsync(
                    context, new("snapshot", "snapshot"), () => (progress.BytesDone, progress.BytesTotal), work);
                foreach (var warning in outcome.Warnings)
                {
                    context.Environment.Error.WriteLine(TerminalText.Line(warning));
                }

                Show(context, outcome);
                return outcome.IsIncomplete ? ExitCode.NotFound : ExitCode.Ok;
            },
            cancellationToken);

    private static SnapshotOptions OptionsOf(CommandContext context)
    {
        var options = new SnapshotOptions
        {
            Source = Keys.Path(context, context.Invocation.Positionals["path"]),
            Name = Keys.Text(context, "name") ?? "",
            Tags = Keys.Texts(context, "tag"),
            Excludes = [.. Keys.Texts(context, "exclude"), .. ExcludesInFile(context)],
            OneFileSystem = Keys.Flag(context, "one_file_system"),
            Force = Keys.Flag(context, "force"),
            Parent = Keys.Text(context, "parent"),
            Workers = Keys.Integer(context, "workers"),
            Compression = Keys.Text(context, "compression") switch
            {
                "none" => ChunkCompression.None,
                "dense" => ChunkCompression.Dense,
                _ => ChunkCompression.Fast,
            },
        };
        return Keys.Text(context, "host") is { } host ? options with { Hostname = host } : options;
    }

    private static IEnumerable<string> ExcludesInFile(CommandContext context) =>
        Keys.Text(context, "exclude_file") is { } file
            ? File.ReadLines(Keys.Path(context, file)).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')
            : [];

    private static void Show(CommandContext context, SnapshotOutcome outcome)
    {
        var snapshot = outcome.Snapshot;
        var figures = snapshot.Statistics;
        if (!context.Output.IsForPeople)
        {
            context.Output.Write(RepoReadActions.ToJson(snapshot), context.Command);
            return;
        }

        var ratio = figures.BytesStored > 0 ? (double)figures.BytesNew / figures.BytesStored : 1;
        context.Environment.Out.WriteLine(context.Say(new($"snapshot {snapshot.ShortId} saved", $"snapshot {snapshot.ShortId} salvo")));
        context.Environment.Out.WriteLine(context.Say(new(
            $"  files      {figures.FilesNew} new, {figures.FilesChanged} changed, {figures.FilesUnmodified} unmodified",
            $"  arquivos   {figures.FilesNew} novos, {figures.FilesChanged} alterados, {figures.FilesUnmodified} iguais")));
        context.Environment.Out.WriteLine(context.Say(new(
            $"  processed  {CellFormat.Bytes(figures.Bytes)} in {figures.Milliseconds / 1000.0:0.0} s",
            $"  no total   {CellFormat.Bytes(figures.Bytes)} em {figures.Milliseconds / 1000.0:0.0} s")));
        context.Environment.Out.WriteLine(context.Say(new(
            $"  added      {CellFormat.Bytes(figures.BytesStored)} for {CellFormat.Bytes(figures.BytesNew)} of new data ({ratio:0.00}x)",
            $"  acrescido  {CellFormat.Bytes(figures.BytesStored)} por {CellFormat.Bytes(figures.BytesNew)} de dados novos ({ratio:0.00}x)")));
    }
}
