using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Commands that check and tidy a repository.</summary>
internal static class RepoMaintenanceActions
{
    public static Task<ExitCode> VerifyAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var random = new Random((int)(context.Environment.Time.GetUtcNow().Ticks & int.MaxValue));
        var sample = PackSamples.Of(Keys.Flag(context, "read_data"), Keys.Text(context, "read_data_subset"), random);
        return RepoSession.RunAsync(
            context,
            async session =>
            {
                var progress = new VerifyProgress();
                var options = new VerifyOptions { Sample = sample };
                var work = RepositoryVerifier.VerifyAsync(session.Repository, options, progress, cancellationToken);
                var found = await RepoProgress.ShowAsync(context, new("verify", "conferência"), () => (progress.BytesDone, progress.BytesTotal), work);
                ShowVerified(context, found);
                return found.IsSound ? ExitCode.Ok : ExitCode.Failure;
            },
            cancellationToken);
    }

    public static Task<ExitCode> PruneAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            async session =>
            {
                var options = new PruneOptions { DryRun = Keys.Flag(context, "dry_run") };
                if (context.Invocation.Members["max_unused"]?.GetValue<double>() is { } percent)
                {
                    options = percent is >= 0 and <= 100
                        ? options with { MaximumWaste = percent / 100 }
                        : throw new UsageException(new("max_unused is from 0 to 100", "max_unused vai de 0 a 100"));
                }

                if (Keys.Text(context, "grace") is { } grace)
                {
                    options = options with { Grace = Duration(grace) };
                }

                var work = Pruner.PruneAsync(session.Repository, options, context.Environment.Time, cancellationToken);
                var done = await RepoProgress.ShowAsync(context, new("prune", "limpeza"), () => (0, 0), work);
                context.Output.Write(
                    new JsonObject
                    {
                        ["dry_run"] = options.DryRun,
                        ["packs_marked"] = done.PacksMarked,
                        ["bytes_marked"] = done.BytesMarked,
                        ["packs_rewritten"] = done.PacksRewritten,
                        ["bytes_rewritten"] = done.BytesRewritten,
                        ["packs_deleted"] = done.PacksDeleted,
                        ["bytes_deleted"] = done.BytesDeleted,
                        ["packs_waiting"] = done.PacksWaiting,
                    },
                    context.Command);
                return ExitCode.Ok;
            },
            cancellationToken);

    public static Task<ExitCode> ForgetAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            async session =>
            {
                var rules = RulesOf(context);
                var remove = new List<Snapshot>();
                foreach (var id in context.Invocation.Rest)
                {
                    remove.Add(await session.Repository.GetSnapshotAsync(id, cancellationToken));
                }

                if (remove.Count == 0 && rules.IsEmpty)
                {
                    throw new UsageException(
                        new("say which snapshots go: ids, or what to keep", "diga quais snapshots saem: ids, ou o que manter"),
                        "dumont repo forget keep_last=7 keep_daily=30");
                }

                if (!rules.IsEmpty)
                {
                    var all = await session.Repository.ListSnapshotsAsync(cancellationToken);
                    remove.AddRange(rules.Apply(all, context.Environment.Time.GetUtcNow()).Remove);
                }

                remove = [.. remove.DistinctBy(snapshot => snapshot.Id)];
                if (!Keys.Flag(context, "dry_run"))
                {
                    await Pruner.ForgetAsync(session.Repository, remove, cancellationToken);
                }

                context.Output.Write(
                    new JsonObject { ["removed"] = new JsonArray([.. remove.Select(s => (JsonNode)RepoReadActions.ToJson(s))]), ["count"] = remove.Count },
                    context.Command with
                    {
                        Rows = "removed",
                        Columns = [new("ID", "short_id"), new("TIME", "time", ColumnFormat.Time), new("NAME", "name"), new("PATH", "source")],
                    });
                return ExitCode.Ok;
            },
            cancellationToken);

    public static Task<ExitCode> KeyAsync(CommandContext context, CancellationToken cancellationToken) =>
        RepoSession.RunAsync(
            context,
            session => context.Invocation.Positionals["what"] switch
            {
                "list" => ListKeysAsync(context, session, cancellationToken),
                "add" => AddKeyAsync(context, session, cancellationToken),
                "remove" => RemoveKeyAsync(context, session, cancellationToken),
                var other => throw new UsageException(new($"'{other}' is not list, add or remove", $"'{other}' não é list, add nem remove")),
            },
            cancellationToken);

    private static async Task<ExitCode> ListKeysAsync(CommandContext context, RepoSession session, CancellationToken cancellationToken)
    {
        var keys = await session.Repository.ListKeysAsync(cancellationToken);
        var rows = keys.Select(key => (JsonNode)new JsonObject
        {
            ["id"] = key.Id,
            ["label"] = key.Label,
            ["type"] = key.IsPassword ? "password" : "key file",
            ["created_at"] = key.CreatedAt.ToString("O"),
        }).ToArray();
        context.Output.Write(new JsonObject { ["keys"] = new JsonArray(rows), ["count"] = rows.Length }, context.Command with { Rows = "keys" });
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> AddKeyAsync(CommandContext context, RepoSession session, CancellationToken cancellationToken)
    {
        RepositorySecret secret;
        if (Keys.Text(context, "new_key_file") is { } file)
        {
            RepoSecrets.EnsureKeyFile(context, file);
            secret = RepoSecrets.FromKeyFile(context, file);
        }
        else if (Keys.Text(context, "new_password_file") is { } passwordFile)
        {
            secret = RepoSecrets.FromPasswordFile(context, passwordFile);
        }
        else
        {
            throw new UsageException(
                new("say what to add: new_key_file or new_password_file", "diga o que incluir: new_key_file ou new_password_file"));
        }

        var id = await session.Repository.AddKeyAsync(secret, Keys.Text(context, "label") ?? "", context.Environment.Time, cancellationToken);
        context.Output.Write(new JsonObject { ["success"] = true, ["id"] = id }, context.Command);
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> RemoveKeyAsync(CommandContext context, RepoSession session, CancellationToken cancellationToken)
    {
        if (!context.Invocation.Positionals.TryGetValue("id", out var id))
        {
            throw new UsageException(new("say which key goes", "diga qual chave sai"), "dumont repo key list");
        }

        await session.Repository.RemoveKeyAsync(id, cancellationToken);
        context.Output.Write(new JsonObject { ["success"] = true }, context.Command);
        return ExitCode.Ok;
    }

    private static KeepRules RulesOf(CommandContext context) => new()
    {
        Last = Keys.Integer(context, "keep_last"),
        Hourly = Keys.Integer(context, "keep_hourly"),
        Daily = Keys.Integer(context, "keep_daily"),
        Weekly = Keys.Integer(context, "keep_weekly"),
        Monthly = Keys.Integer(context, "keep_monthly"),
        Yearly = Keys.Integer(context, "keep_yearly"),
        Tags = Keys.Texts(context, "keep_tag"),
        Within = Keys.Text(context, "keep_within") is { } within ? Duration(within) : TimeSpan.Zero,
    };

    private static TimeSpan Duration(string text)
    {
        var unit = text.Length > 0 ? text[^1] : ' ';
        if (double.TryParse(text.AsSpan(0, Math.Max(0, text.Length - 1)), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count))
        {
            switch (unit)
            {
                case 's':
                    return TimeSpan.FromSeconds(count);
                case 'm':
                    return TimeSpan.FromMinutes(count);
                case 'h':
                    return TimeSpan.FromHours(count);
                case 'd':
                    return TimeSpan.FromDays(count);
            }
        }

        return text == "0" ? TimeSpan.Zero : throw new UsageException(new($"'{text}' is no time; write 90s, 30m, 24h or 7d", $"'{text}' não é um tempo; escreva 90s, 30m, 24h ou 7d"));
    }

    private static void ShowVerified(CommandContext context, VerifyOutcome found)
    {
        if (!context.Output.IsForPeople)
        {
            context.Output.Write(
                new JsonObject
                {
                    ["sound"] = found.IsSound,
                    ["snapshots"] = found.Snapshots,
                    ["packs"] = found.Packs,
                    ["chunks"] = found.Chunks,
                    ["bytes_read"] = found.BytesRead,
                    ["unlisted_packs"] = found.UnlistedPacks,
                    ["waiting_packs"] = found.WaitingPacks,
                    ["damages"] = new JsonArray([.. found.Damages.Select(d => (JsonNode)new JsonObject { ["object"] = d.ObjectName, ["message"] = d.Message })]),
                    ["affected_snapshots"] = new JsonArray([.. found.AffectedSnapshots.Select(id => (JsonNode)id)]),
                    ["affected_paths"] = new JsonArray([.. found.AffectedPaths.Select(path => (JsonNode)path)]),
                },
                context.Command);
            return;
        }

        var writer = context.Environment.Out;
        foreach (var damage in found.Damages)
        {
            writer.WriteLine($"✗ {TerminalText.Line(damage.Message)}");
        }

        foreach (var path in found.AffectedPaths)
        {
            writer.WriteLine($"    {TerminalText.Line(path)}");
        }

        var read = found.BytesRead > 0 ? context.Say(new($", {CellFormat.Bytes(found.BytesRead)} read", $", {CellFormat.Bytes(found.BytesRead)} lidos")) : "";
        writer.WriteLine(context.Say(found.IsSound
            ? new($"✓ {found.Snapshots} snapshots, {found.Packs} packs, {found.Chunks} chunks{read}: no damage", $"✓ {found.Snapshots} snapshots, {found.Packs} packs, {found.Chunks} chunks{read}: nenhum dano")
            : new($"✗ {found.Damages.Count} damaged objects, {found.AffectedPaths.Count} files affected", $"✗ {found.Damages.Count} objetos danificados, {found.AffectedPaths.Count} arquivos afetados")));
        if (!found.IsSound)
        {
            context.Note(new(
                "what is whole can still be restored. Forget the snapshots that are affected, then repo prune --max-unused 0, then take new snapshots",
                "o que está inteiro ainda pode ser restaurado. Esqueça os snapshots afetados, depois repo prune --max-unused 0, depois tire novos snapshots"));
        }

        if (found.UnlistedPacks > 0)
        {
            context.Note(new(
                $"{found.UnlistedPacks} packs that nothing lists: left by a crash, or being written; repo prune removes them",
                $"{found.UnlistedPacks} packs que nada lista: restos de uma queda, ou em escrita; repo prune os remove"));
        }
    }
}
