using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Snapshots;

/// <summary>The user's snapshots: taking, keeping, restoring, deleting, and the rules.</summary>
internal static class SnapshotPages
{
    private const string Path = "/snapshots";
    private const int NotANumber = -1;

    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Path, (HttpContext context, Caller caller, Services services, CancellationToken cancellationToken) =>
            PageAsync(context, caller, services, new Outcome(), cancellationToken));
        pages.MapPost(Path, CreateAsync);
        pages.MapPost(Path + "/retention", SetRulesAsync);
        pages.MapPost(Path + "/verification", SetVerificationAsync);
        pages.MapPost(Path + "/{id}/keep", KeepAsync);
        pages.MapGet(Path + "/{id}/restore", AskRestoreAsync);
        pages.MapPost(Path + "/{id}/restore", RestoreAsync);
        pages.MapGet(Path + "/{id}/delete", AskDeleteAsync);
        pages.MapPost(Path + "/{id}/delete", DeleteAsync);
    }

    private static async Task<IResult> CreateAsync(HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var name = sent["name"].ToString().Trim();
        var request = new CreateSnapshotRequest
        {
            Name = name.Length > 0 ? name : null,
            InstanceId = InstanceId.TryParse(sent["instance_id"], CultureInfo.InvariantCulture, out var id) ? id : null,
            Type = sent["full"] == "true" ? "full" : "incremental",
        };
        if (SnapshotRules.Check(request) is { Count: > 0 } errors)
        {
            return await PageAsync(context, caller, services, new Outcome { Name = name, Problem = Refusal(errors) }, cancellationToken);
        }

        var result = await services.Snapshots.CreateAsync(caller.UserId, request, also: null, cancellationToken);
        return result is SnapshotResult.Accepted(_, { } made)
            ? Page.GoTo(context, Path, new Ui(Language.Of(context.Request)).Format("snap.create.started", name.Length > 0 ? name : made.ToString()))
            : await PageAsync(context, caller, services, new Outcome { Name = name, Problem = SnapshotEndpoints.Waiting.ProblemOf(result) }, cancellationToken);
    }

    private static async Task<IResult> SetRulesAsync(HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var request = new RetentionPolicyRequest
        {
            RetentionDays = Number("retention_days"),
            MinSnapshotsToKeep = Number("min_snapshots_to_keep"),
            KeepDaily = Number("keep_daily"),
            KeepWeekly = Number("keep_weekly"),
            KeepMonthly = Number("keep_monthly"),
            CleanupEnabled = sent["cleanup_enabled"] == "true",
        };
        return await RetentionEndpoints.SetAsync(request, caller, services.Retention, services.Instances, cancellationToken) is Problem problem
            ? await PageAsync(context, caller, services, new Outcome { Problem = problem }, cancellationToken)
            : Page.GoTo(context, Path, new Ui(Language.Of(context.Request))["snap.rules.saved"]);

        int Number(string field) => int.TryParse(sent[field], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : NotANumber;
    }

    private static async Task<IResult> SetVerificationAsync(HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var ui = new Ui(Language.Of(context.Request));
        if (sent["now"] == "true")
        {
            var begun = await services.Snapshots.VerifyAsync(caller.UserId, readData: true, cancellationToken);
            return begun is SnapshotResult.Accepted
                ? Page.GoTo(context, Path, ui["snap.verify.started"])
                : await PageAsync(context, caller, services, new Outcome { Problem = SnapshotEndpoints.Waiting.ProblemOf(begun) }, cancellationToken);
        }

        var request = new VerificationRequest { Days = int.TryParse(sent["days"], NumberStyles.None, CultureInfo.InvariantCulture, out var days) ? days : NotANumber };
        return await VerificationEndpoints.SetAsync(request, caller, services.Verifications, services.Found, cancellationToken) is Problem problem
            ? await PageAsync(context, caller, services, new Outcome { Problem = problem }, cancellationToken)
            : Page.GoTo(context, Path, ui["snap.verify.saved"]);
    }

    private static async Task<IResult> KeepAsync(
        string id, HttpContext context, Caller caller, SnapshotStore store, CancellationToken cancellationToken)
    {
        var keep = (await context.Request.ReadFormAsync(cancellationToken))["keep"] != "false";
        return SnapshotNumber.TryParse(id) is { } number && await store.SetKeepForeverAsync(caller.UserId, number, keep, cancellationToken)
            ? Page.GoTo(context, Path, new Ui(Language.Of(context.Request)).Format(keep ? "snap.kept" : "snap.released", id))
            : Problems.Unknown("snapshot", id);
    }

    private static async Task<IResult> AskRestoreAsync(string id, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken) =>
        await FindAsync(id, caller, services, cancellationToken) is { } snapshot
            ? await RestorePageAsync(context, caller, services, snapshot, new Outcome(), cancellationToken)
            : Problems.Unknown("snapshot", id);

    private static async Task<IResult> RestoreAsync(string id, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, caller, services, cancellationToken) is not { } snapshot)
        {
            return Problems.Unknown("snapshot", id);
        }

        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var (include, gpu) = (sent["include"].ToString(), sent["gpu_name"].ToString().Trim());
        var paths = include.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var request = new RestoreSnapshotRequest
        {
            SnapshotId = id,
            GpuName = gpu.Length > 0 ? gpu : null,
            InstanceId = gpu.Length == 0 && InstanceId.TryParse(sent["instance_id"], CultureInfo.InvariantCulture, out var target) ? target : null,
            Include = paths.Length > 0 ? paths : null,
            Delete = sent["delete"] == "true",
            DryRun = sent["delete"] == "true",
        };
        var outcome = new Outcome { Include = include, GpuName = gpu };
        if (SnapshotRules.Check(request) is { Count: > 0 } errors)
        {
            return await RestorePageAsync(context, caller, services, snapshot, outcome with { Problem = Refusal(errors) }, cancellationToken);
        }

        var result = await services.Snapshots.RestoreAsync(caller.UserId, request, cancellationToken);
        return result is SnapshotResult.Accepted(var operation, _)
            ? request.DryRun == true
                ? Page.GoTo(RestorePreviewPages.PathOf(snapshot.Id, operation))
                : Page.GoTo(context, Path, new Ui(Language.Of(context.Request)).Format("snap.restore.started", snapshot.Name))
            : await RestorePageAsync(
                context, caller, services, snapshot, outcome with { Problem = SnapshotEndpoints.Waiting.ProblemOf(result) }, cancellationToken);
    }

    private static async Task<IResult> AskDeleteAsync(string id, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken) =>
        await FindAsync(id, caller, services, cancellationToken) is { } snapshot ? DeletePage(context, snapshot, problem: null) : Problems.Unknown("snapshot", id);

    private static async Task<IResult> DeleteAsync(string id, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        if (SnapshotNumber.TryParse(id) is not { } number || await FindAsync(id, caller, services, cancellationToken) is not { } snapshot)
        {
            return Problems.Unknown("snapshot", id);
        }

        return await services.Snapshots.DeleteAsync(caller.UserId, number, cancellationToken) is SnapshotResult.InUse busy
            ? DeletePage(context, snapshot, SnapshotEndpoints.Waiting.ProblemOf(busy))
            : Page.GoTo(context, Path, new Ui(Language.Of(context.Request)).Format("snap.deleted", snapshot.Name));
    }

    private static IResult DeletePage(HttpContext context, SnapshotResponse snapshot, Problem? problem)
    {
        var ui = new Ui(Language.Of(context.Request));
        return Page.Show<ConfirmPage>(
            context,
            new
            {
                Section = "snapshots",
                Title = ui.Format("snap.delete.ask", snapshot.Name),
                Consequences = (IReadOnlyList<string>)[ui["snap.delete.gone"], ui["snap.delete.space"]],
                Problem = problem is null ? null : ProblemTexts.Of(ui, problem),
                Button = ui["snap.delete"],
                Action = $"{Path}/{snapshot.Id}/delete",
                Back = Path,
                Command = $"dumont snapshot delete {snapshot.Id}",
            },
            problem?.Kind.Status ?? StatusCodes.Status200OK);
    }

    private static async Task<IResult> PageAsync(
        HttpContext context, Caller caller, Services services, Outcome outcome, CancellationToken cancellationToken)
    {
        var ui = new Ui(Language.Of(context.Request));
        var page = (await services.Hub.ShowAsync(new LiveKey(SnapshotsView.ViewName, caller.UserId, "", ui.Language.Tag), cancellationToken))!;
        var rules = await services.Retention.GetAsync(caller.UserId, null, cancellationToken);
        return Page.Show<SnapshotsPage>(
            context,
            new
            {
                page.Content,
                page.Stream,
                Instances = await InstancesAsync(caller, services, InstanceStatus.Running, InstanceStatus.Paused, cancellationToken),
                outcome.Name,
                Rules = (IReadOnlyList<(string, string, string)>)
                [
                    ("retention_days", ui["field.retention_days"], Text(rules.RetentionDays)),
                    ("min_snapshots_to_keep", ui["field.min_snapshots_to_keep"], Text(rules.KeepLast)),
                    ("keep_daily", ui["field.keep_daily"], Text(rules.KeepDaily)),
                    ("keep_weekly", ui["field.keep_weekly"], Text(rules.KeepWeekly)),
                    ("keep_monthly", ui["field.keep_monthly"], Text(rules.KeepMonthly)),
                ],
                rules.IsAutomatic,
                VerifyDays = Text(await services.Verifications.DaysOfAsync(caller.UserId, cancellationToken)),
                Errors = (IReadOnlyDictionary<string, string>)ErrorsOf(ui, outcome.Problem),
                Problem = outcome.Problem is { Fields: null } problem ? ProblemTexts.Of(ui, problem) : null,
            },
            outcome.Problem?.Kind.Status ?? StatusCodes.Status200OK);
    }

    private static async Task<IResult> RestorePageAsync(
        HttpContext context, Caller caller, Services services, SnapshotResponse snapshot, Outcome outcome, CancellationToken cancellationToken)
    {
        var ui = new Ui(Language.Of(context.Request));
        return Page.Show<RestorePage>(
            context,
            new
            {
                Snapshot = snapshot,
                Instances = await InstancesAsync(caller, services, InstanceStatus.Running, InstanceStatus.Running, cancellationToken),
                outcome.Include,
                outcome.GpuName,
                Errors = (IReadOnlyDictionary<string, string>)ErrorsOf(ui, outcome.Problem),
                Problem = outcome.Problem is { Fields: null } problem ? ProblemTexts.Of(ui, problem) : null,
            },
            outcome.Problem?.Kind.Status ?? StatusCodes.Status200OK);
    }

    private static async Task<SnapshotResponse?> FindAsync(string id, Caller caller, Services services, CancellationToken cancellationToken) =>
        SnapshotNumber.TryParse(id) is { } number ? await services.Views.FindAsync(caller.UserId, number, cancellationToken) : null;

    private static async Task<IReadOnlyList<(string Id, string Label)>> InstancesAsync(
        Caller caller, Services services, InstanceStatus first, InstanceStatus second, CancellationToken cancellationToken) =>
        [
            .. (await services.Instances.ListOfUserAsync(caller.UserId, cancellationToken))
                .Where(instance => instance.Status == first || instance.Status == second)
                .Select(instance => (instance.Id.ToString(), instance.Label)),
        ];

    private static Problem Refusal(IReadOnlyList<FieldError> errors) => new(Problems.Validation, Problems.Validation.Title, errors);

    private static Dictionary<string, string> ErrorsOf(Ui ui, Problem? problem) =>
        problem?.Fields?.DistinctBy(error => error.Field).ToDictionary(error => error.Field, error => ProblemTexts.OfField(ui, error)) ?? [];

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>What the pages call; the API's endpoints call the same.</summary>
    internal sealed record Services(
        SnapshotService Snapshots,
        SnapshotViews Views,
        RetentionStore Retention,
        VerificationStore Verifications,
        VerificationViews Found,
        InstanceStore Instances,
        LiveHub Hub);

    /// <summary>How a form ended, with what was typed.</summary>
    private sealed record Outcome
    {
        public string Name { get; init; } = "";

        public string Include { get; init; } = "";

        public string GpuName { get; init; } = "";

        public Problem? Problem { get; init; }
    }
}
