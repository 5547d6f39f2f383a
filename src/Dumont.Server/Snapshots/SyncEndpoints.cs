using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Mvc;

namespace Dumont.Server.Snapshots;

/// <summary>HTTP of syncs: incremental snapshots by another name.</summary>
internal static class SyncEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/instances/{id}/sync").WithTags("sync");
        group.MapPost("", SyncAsync).RequireScope(Scopes.InstancesWrite).Produces<SyncResponse>().WithSummary("Take an incremental snapshot now");
        group.MapGet("", StatusAsync).RequireScope(Scopes.InstancesRead).Produces<SyncStatusResponse>().WithSummary("Where the syncs of an instance are");
        group.MapGet("/status", StatusAsync).RequireScope(Scopes.InstancesRead).Produces<SyncStatusResponse>().WithSummary("Where the syncs of an instance are");
        api.MapGet("/sync", ListAsync).RequireScope(Scopes.InstancesRead).WithTags("sync").WithSummary("Syncs of all your instances");
    }

    private static async Task<IResult> SyncAsync(
        InstanceId id,
        Caller caller,
        SnapshotEndpoints.Waiting waiting,
        bool? force,
        [FromQuery(Name = "source_path")] string? sourcePath,
        bool? wait,
        CancellationToken cancellationToken)
    {
        var source = sourcePath ?? SnapshotRules.Workspace;
        if (!SnapshotRules.IsInWorkspace(source))
        {
            return Problems.Field("source_path", "Must be /workspace or a directory in it.", "query");
        }

        var result = await waiting.Service.SyncAsync(caller.UserId, id, source, force == true, cancellationToken);
        return await waiting.ForSnapshotAsync(
            caller,
            result,
            wait,
            (made, isOver) => isOver ? TypedResults.Ok(SnapshotViews.ToSync(made)) : TypedResults.Accepted((string?)null, SnapshotViews.ToSync(made)),
            cancellationToken);
    }

    private static async Task<IResult> StatusAsync(
        InstanceId id, Caller caller, InstanceStore instances, SnapshotStore snapshots, SnapshotViews views, TimeProvider time, CancellationToken cancellationToken) =>
        await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null
            ? Problems.Unknown("instance", id)
            : TypedResults.Ok(await ToStatusAsync(caller.UserId, id, snapshots, views, time, cancellationToken));

    private static async Task<SyncListResponse> ListAsync(
        Caller caller, InstanceStore instances, SnapshotStore snapshots, SnapshotViews views, TimeProvider time, CancellationToken cancellationToken)
    {
        var syncs = new List<SyncStatusResponse>();
        foreach (var instance in await instances.ListOfUserAsync(caller.UserId, cancellationToken))
        {
            syncs.Add(await ToStatusAsync(caller.UserId, instance.Id, snapshots, views, time, cancellationToken));
        }

        return new SyncListResponse(syncs, syncs.Count);
    }

    private static async Task<SyncStatusResponse> ToStatusAsync(
        UserId user, InstanceId id, SnapshotStore snapshots, SnapshotViews views, TimeProvider time, CancellationToken cancellationToken)
    {
        var syncs = (await snapshots.ListOfUserAsync(user, id, cancellationToken)).Where(each => each.IsSync).ToList();
        var last = syncs.FirstOrDefault(each => each.IsUsable);
        var newest = syncs.FirstOrDefault();
        var at = last?.Document.CompletedAt ?? last?.CreatedAt;
        var stats = last is null ? null : await views.FindAsync(user, last.Id, cancellationToken);
        return new SyncStatusResponse
        {
            InstanceId = id,
            Synced = last is not null,
            IsSyncing = newest?.Status == SnapshotStatus.Creating,
            SyncStatus = newest is null ? "never" : newest.Status switch
            {
                SnapshotStatus.Creating => "syncing",
                SnapshotStatus.Failed => "failed",
                SnapshotStatus.Completed or SnapshotStatus.Partial => "synced",
            },
            LastSync = at,
            LastSyncAgo = at is { } then ? Math.Round((time.GetUtcNow() - then).TotalSeconds, 1) : null,
            LastSnapshotId = last?.Id.ToString(),
            SyncCount = syncs.Count(each => each.IsUsable),
            BytesSynced = syncs.Sum(each => each.Document.Result?.BytesAdded ?? 0),
            SourcePath = last?.Document.SourcePath ?? SnapshotRules.Workspace,
            LastStats = stats is null ? null : SnapshotViews.ToSync(stats),
            Error = newest?.Document.Error,
        };
    }
}
