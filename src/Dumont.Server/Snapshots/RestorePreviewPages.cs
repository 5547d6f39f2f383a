using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Snapshots;

/// <summary>Before a restore that removes something: what it would remove. The look is an operation; its record is what is then done.</summary>
internal static class RestorePreviewPages
{
    private const string Path = "/snapshots/{id}/restore/{operationId:long}";

    // A page that is not there in time says so and is asked for again.
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(10);

    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, RestoreAsync);
    }

    /// <summary>Where the look is shown.</summary>
    public static string PathOf(string snapshot, long operation) => $"/snapshots/{snapshot}/restore/{operation.ToString(CultureInfo.InvariantCulture)}";

    private static async Task<IResult> ShowAsync(
        string id, long operationId, HttpContext context, Caller caller, SnapshotViews views, SnapshotEndpoints.Waiting waiting, CancellationToken cancellationToken) =>
        await waiting.UntilOverAsync(caller.UserId, operationId, Wait, cancellationToken) is { } look && IsLookAt(look, id)
            && await views.FindAsync(caller.UserId, look.SnapshotId!.Value, cancellationToken) is { } snapshot
            ? PageOf(context, snapshot, look, problem: null)
            : Problems.Unknown("snapshot operation", operationId);

    private static async Task<IResult> RestoreAsync(
        string id,
        long operationId,
        HttpContext context,
        Caller caller,
        OperationStore operations,
        SnapshotViews views,
        SnapshotService service,
        CancellationToken cancellationToken)
    {
        if (await operations.FindOfUserAsync(caller.UserId, operationId, cancellationToken) is not { } look || !IsLookAt(look, id)
            || await views.FindAsync(caller.UserId, look.SnapshotId!.Value, cancellationToken) is not { } snapshot)
        {
            return Problems.Unknown("snapshot operation", operationId);
        }

        if (look.State != OperationState.Done)
        {
            // Nobody has seen what would go.
            return PageOf(context, snapshot, look, problem: null);
        }

        var request = new RestoreSnapshotRequest
        {
            SnapshotId = id,
            InstanceId = look.InstanceId,
            TargetPath = look.Document.TargetPath,
            Include = look.Document.Include.Count > 0 ? look.Document.Include : null,
            Delete = true,
        };
        var result = await service.RestoreAsync(caller.UserId, request, cancellationToken);
        return result is SnapshotResult.Accepted
            ? Page.GoTo(context, "/snapshots", new Ui(Language.Of(context.Request)).Format("snap.restore.started", snapshot.Name))
            : PageOf(context, snapshot, look, SnapshotEndpoints.Waiting.ProblemOf(result));
    }

    private static bool IsLookAt(SnapshotOperation operation, string snapshot) =>
        operation is { Kind: OperationKind.Restore, Document: { DryRun: true, Delete: true }, SnapshotId: { } number } && number.ToString() == snapshot;

    private static IResult PageOf(HttpContext context, SnapshotResponse snapshot, SnapshotOperation look, Problem? problem)
    {
        var ui = new Ui(Language.Of(context.Request));
        var isReady = look.State == OperationState.Done;
        problem ??= look.State is OperationState.Failed or OperationState.Cancelled ? SnapshotEndpoints.Waiting.FailureOf(look) : null;
        return Page.Show<ConfirmPage>(
            context,
            new
            {
                Section = "snapshots",
                Title = ui.Format("snap.restore.title", snapshot.Name),
                Consequences = isReady ? ConsequencesOf(ui, look) : look.IsOver ? [] : [ui["snap.restore.looking"]],
                Problem = problem is null ? null : ProblemTexts.Of(ui, problem),
                InsteadPath = isReady ? null : look.IsOver ? $"/snapshots/{snapshot.Id}/restore" : PathOf(snapshot.Id, look.Id),
                Instead = ui["snap.restore.look_again"],
                Button = ui["snap.restore.go"],
                Action = PathOf(snapshot.Id, look.Id),
                Back = $"/snapshots/{snapshot.Id}/restore",
                Command = CommandOf(snapshot, look),
            },
            problem?.Kind.Status ?? StatusCodes.Status200OK);
    }

    // It reaches as far as the look did: what it would remove is what was shown.
    private static string CommandOf(SnapshotResponse snapshot, SnapshotOperation look)
    {
        var document = look.Document;
        IEnumerable<string> target = document.TargetPath is { } path && path != document.SourcePath ? [ShellWord.Pair("target_path", path)] : [];
        return string.Join(
            ' ',
            [
                $"dumont snapshot restore {snapshot.Id} instance_id={look.InstanceId}",
                .. document.Include.Select(each => ShellWord.Pair("include", each)),
                .. target,
                "delete=true",
                .. look.State == OperationState.Done ? (IEnumerable<string>)[] : ["dry_run=true"],
            ]);
    }

    private static IReadOnlyList<string> ConsequencesOf(Ui ui, SnapshotOperation look)
    {
        if (look.Document.Result?.Removed is not { Count: > 0 } removed)
        {
            return [ui["snap.restore.overwritten"], ui["snap.restore.removes_nothing"]];
        }

        var first = removed.Paths.Select(path => ui.Format("snap.restore.removes_path", path));
        var more = removed.Count > removed.Paths.Count ? (IEnumerable<string>)[ui["snap.restore.removes_more"]] : [];
        return
        [
            ui["snap.restore.overwritten"],
            ui.Format("snap.restore.removes", ui.Language.Number(removed.Count), ui.Language.Bytes(removed.Bytes)),
            .. first,
            .. more,
            ui["snap.restore.undone"],
        ];
    }
}
