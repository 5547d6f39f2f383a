using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Copies snapshots into a repository of restic, with its own program: who wants to leave, or to have a second copy in another format, can.</summary>
internal static class RepoExportActions
{
    private const string Restic = "restic";

    public static Task<ExitCode> ExportAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            async session =>
            {
                var target = Keys.Text(context, "to_restic") ?? throw new UsageException(
                    new("say where to: --to-restic REPOSITORY", "diga para onde: --to-restic REPOSITÓRIO"),
                    new("its password is taken from RESTIC_PASSWORD or RESTIC_PASSWORD_FILE", "a senha vem de RESTIC_PASSWORD ou RESTIC_PASSWORD_FILE"));
                var snapshots = await ChosenAsync(context, session, cancellationToken);
                var work = Directory.CreateTempSubdirectory("dumont-export-").FullName;
                var exported = new JsonArray();
                try
                {
                    foreach (var snapshot in snapshots)
                    {
                        exported.Add((JsonNode)await ExportAsync(context, session, snapshot, target, work, cancellationToken));
                    }
                }
                finally
                {
                    Directory.Delete(work, recursive: true);
                }

                context.Output.Write(
                    new JsonObject { ["exported"] = exported, ["count"] = exported.Count },
                    context.Command with { Rows = "exported", Columns = [new("ID", "short_id"), new("RESTIC", "restic_id"), new("PATH", "source")] });
                return ExitCode.Ok;
            },
            cancellationToken);

    private static async Task<IReadOnlyList<Snapshot>> ChosenAsync(CommandContext context, RepoSession session, CancellationToken cancellationToken)
    {
        if (context.Invocation.Rest.Count == 0)
        {
            return await session.Repository.ListSnapshotsAsync(cancellationToken);
        }

        var chosen = new List<Snapshot>();
        foreach (var id in context.Invocation.Rest)
        {
            chosen.Add(await session.Repository.GetSnapshotAsync(id, cancellationToken));
        }

        return chosen;
    }

    private static async Task<JsonObject> ExportAsync(
        CommandContext context, RepoSession session, Snapshot snapshot, string target, string work, CancellationToken cancellationToken)
    {
        context.Progress.Report(context.Say(new("export", "exportação")), snapshot.ShortId);

        // One tree for all snapshots of a source: what they share is neither written nor read again, and restic finds its parent.
        var tree = Path.Combine(work, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(snapshot.Source)))[..16]);
        Directory.CreateDirectory(tree);
        var options = new RestoreOptions { Mode = RestoreMode.InPlace, Delete = true, Durable = false };
        await RepositoryRestore.RunAsync(session.Repository, snapshot, tree, options, cancellationToken);
        string[] arguments =
        [
            "-r", target, "backup", "--json", "--host", snapshot.Hostname,
            "--time", snapshot.Time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
            "--tag", $"dumont:{snapshot.ShortId}",
            .. snapshot.Tags.Append(snapshot.Name).Where(tag => tag.Length > 0).SelectMany(tag => new[] { "--tag", tag.Replace(',', ' ') }),
            "--exclude", TreePath.StagingName, ".",
        ];
        var summary = await RunResticAsync(arguments, tree, cancellationToken);
        return new JsonObject { ["id"] = snapshot.Id, ["short_id"] = snapshot.ShortId, ["restic_id"] = summary, ["source"] = snapshot.Source };
    }

    private static async Task<string> RunResticAsync(string[] arguments, string folder, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Restic, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Start(start);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        var id = "";
        while (await process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith('{') && JsonNode.Parse(line) is JsonObject message && message["message_type"]?.ToString() == "summary")
            {
                id = message["snapshot_id"]?.ToString() ?? "";
            }
        }

        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? id : throw new CliException(
            ExitCode.Failure, new($"restic ended with code {process.ExitCode}: {(await error).Trim()}", $"restic terminou com código {process.ExitCode}: {(await error).Trim()}"));
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new CliException(ExitCode.Failure, new("restic is not installed", "o restic não está instalado"), "apt install restic");
        }
    }
}
