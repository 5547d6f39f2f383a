using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>HTTP of snapshots, restores and their operations.</summary>
internal static class SnapshotEndpoints
{
    private const int ListMax = 1000;
    private const int OperationsShown = 100;
    private static readonly TimeSpan ForgetWait = TimeSpan.FromSeconds(10);

    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/snapshots").WithTags("snapshots");
        group.MapGet("/", ListAsync).RequireScope(Scopes.InstancesRead).Produces<SnapshotListResponse>().WithSummary("Your snapshots, newest first");
        group.MapPost("/", CreateAsync).RequireScope(Scopes.InstancesWrite).WithIdempotency()
            .Produces<SnapshotResponse>(StatusCodes.Status201Created).Produces<SnapshotResponse>(StatusCodes.Status202Accepted)
            .WithSummary("Take a snapshot and wait for it; wait=false answers at once");
        group.MapPost("/restore", RestoreAsync).RequireScope(Scopes.InstancesWrite).WithIdempotency()
            .Produces<SnapshotOperationResponse>().Produces<SnapshotOperationResponse>(StatusCodes.Status202Accepted)
            .WithSummary("Bring a snapshot back, into an instance or a new one");
        group.MapGet("/operations", OperationsAsync).RequireScope(Scopes.InstancesRead).WithSummary("Your last snapshot operations, newest first");
        group.MapGet("/operations/{operationId:long}", OperationAsync).RequireScope(Scopes.InstancesRead).Produces<SnapshotOperationResponse>()
            .WithSummary("One operation and how far it is");
        group.MapPost("/operations/{operationId:long}/cancel", CancelAsync).RequireScope(Scopes.InstancesWrite).Produces<SuccessResponse>()
            .WithSummary("End an operation");
        group.MapPost("/verify", VerifyAsync).RequireScope(Scopes.InstancesWrite).Produces<SnapshotOperationResponse>()
            .WithSummary("Read your repository for damage");
        group.MapGet("/{id}", GetAsync).RequireScope(Scopes.InstancesRead).Produces<SnapshotResponse>().WithSummary("One snapshot");
        group.MapDelete("/{id}", DeleteAsync).RequireScope(Scopes.InstancesDestroy).Produces<SuccessResponse>().WithSummary("Delete a snapshot");
        group.MapPost("/{id}/keep-forever", KeepForeverAsync).RequireScope(Scopes.InstancesWrite).Produces<SuccessResponse>()
            .WithSummary("Keep a snapshot whatever the rules say");
        api.MapPost("/instances/{instanceId}/snapshots", CreateOfInstanceAsync).RequireScope(Scopes.InstancesWrite).WithIdempotency().WithTags("snapshots")
            .Produces<SnapshotResponse>(StatusCodes.Status201Created).WithSummary("Take a snapshot of this instance");
    }

    private static async Task<IResult> ListAsync(
        Caller caller,
        SnapshotViews views,
        [Microsoft.AspNetCore.Mvc.FromQuery(Name = "instance_id")] InstanceId? instanceId,
        string? tag,
        int? limit,
        int? offset,
        CancellationToken cancellationToken) =>
        limit is < 1 or > ListMax ? Problems.Field("limit", $"Must be from 1 to {ListMax}.", "query")
        : offset is < 0 ? Problems.Field("offset", $"Must be from 0 to {int.MaxValue}.", "query")
        : TypedResults.Ok(await views.ListAsync(caller.UserId, instanceId, tag, offset ?? 0, limit ?? ListMax, cancellationToken));

    private static async Task<IResult> GetAsync(string id, Caller caller, SnapshotViews views, CancellationToken cancellationToken) =>
        SnapshotNumber.TryParse(id) is { } number && await views.FindAsync(caller.UserId, number, cancellationToken) is { } snapshot
            ? TypedResults.Ok(snapshot)
            : Problems.Unknown("snapshot", id);

    private static Task<IResult> CreateOfInstanceAsync(
        InstanceId instanceId, CreateSnapshotRequest? request, Caller caller, Waiting waiting, bool? wait, CancellationToken cancellationToken) =>
        CreateAsync((request ?? new CreateSnapshotRequest()) with { InstanceId = instanceId }, caller, waiting, wait, cancellationToken);

    private static async Task<IResult> CreateAsync(
        CreateSnapshotRequest request, Caller caller, Waiting waiting, bool? wait, CancellationToken cancellationToken)
    {
        if (SnapshotRules.Check(request) is { Count: > 0 } errors)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        var result = await waiting.Service.CreateAsync(caller.UserId, request, also: null, cancellationToken);
        return await waiting.ForSnapshotAsync(
            caller, result, wait, (made, isOver) => isOver ? TypedResults.Created($"{ApiRoutes.Bases[0]}/snapshots/{made.Id}", made) : TypedResults.Accepted((string?)null, made), cancellationToken);
    }

    private static async Task<IResult> RestoreAsync(
        RestoreSnapshotRequest request, Caller caller, Waiting waiting, bool? wait, CancellationToken cancellationToken)
    {
        if (SnapshotRules.Check(request) is { Count: > 0 } errors)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        var result = await waiting.Service.RestoreAsync(caller.UserId, request, cancellationToken);
        return result is SnapshotResult.UnknownSnapshot
            ? Problems.Unknown("snapshot", request.SnapshotId!)
            : await waiting.ForOperationAsync(caller, result, wait, limit: null, cancellationToken);
    }

    private static async Task<IResult> VerifyAsync(
        Caller caller, Waiting waiting, [Microsoft.AspNetCore.Mvc.FromQuery(Name = "read_data")] bool? readData, bool? wait, CancellationToken cancellationToken) =>
        await waiting.ForOperationAsync(
            caller, await waiting.Service.VerifyAsync(caller.UserId, readData == true, cancellationToken), wait, limit: null, cancellationToken);

    internal static async Task<IResult> DeleteAsync(string id, Caller caller, Waiting waiting, CancellationToken cancellationToken)
    {
        if (SnapshotNumber.TryParse(id) is not { } number)
        {
            return Problems.Unknown("snapshot", id);
        }

        switch (await waiting.Service.DeleteAsync(caller.UserId, number, cancellationToken))
        {
            case SnapshotResult.Nothing:
                return TypedResults.Ok(new SuccessResponse(true, $"Snapshot {id} is deleted."));
            case SnapshotResult.Accepted(var forget, _):
                var ended = await waiting.UntilOverAsync(caller.UserId, forget, ForgetWait, cancellationToken);
                return TypedResults.Ok(new SuccessResponse(
                    true,
                    ended is { State: OperationState.Done }
                        ? $"Snapshot {id} is deleted; its space comes back with the next prune."
                        : $"Snapshot {id} is deleted; it is still being dropped from the repository."));
            case SnapshotResult.UnknownSnapshot:
                return Problems.Unknown("snapshot", id);
            case var refused:
                return Waiting.ProblemOf(refused);
        }
    }

    internal static async Task<IResult> KeepForeverAsync(
        string id, KeepForeverRequest? request, Caller caller, SnapshotStore store, CancellationToken cancellationToken)
    {
        var keep = request?.KeepForever ?? true;
        return SnapshotNumber.TryParse(id) is { } number && await store.SetKeepForeverAsync(caller.UserId, number, keep, cancellationToken)
            ? TypedResults.Ok(new SuccessResponse(true, keep ? $"Snapshot {id} is kept for ever." : $"Snapshot {id} is kept as the rules say."))
            : Problems.Unknown("snapshot", id);
    }

    private static async Task<SnapshotOperationListResponse> OperationsAsync(Caller caller, OperationStore store, CancellationToken cancellationToken)
    {
        var operations = await store.ListOfUserAsync(caller.UserId, OperationsShown, cancellationToken);
        return new SnapshotOperationListResponse([.. operations.Select(SnapshotViews.ToResponse)], operations.Count);
    }

    private static async Task<IResult> OperationAsync(long operationId, Caller caller, OperationStore store, CancellationToken cancellationToken) =>
        await store.FindOfUserAsync(caller.UserId, operationId, cancellationToken) is { } operation
            ? TypedResults.Ok(SnapshotViews.ToResponse(operation))
            : Problems.Unknown("snapshot operation", operationId);

    private static async Task<IResult> CancelAsync(long operationId, Caller caller, OperationStore store, Waiting waiting, CancellationToken cancellationToken)
    {
        if (await store.FindOfUserAsync(caller.UserId, operationId, cancellationToken) is null)
        {
            return Problems.Unknown("snapshot operation", operationId);
        }

        if (!await store.RequestCancelAsync(caller.UserId, operationId, cancellationToken))
        {
            return new Problem(Problems.Conflict, "The operation has ended already.");
        }

        await waiting.UntilOverAsync(caller.UserId, operationId, ForgetWait, cancellationToken);
        return TypedResults.Ok(new SuccessResponse(true, "The operation is being ended."));
    }

    /// <summary>Waits, as long as the caller and the options allow, for an operation's end, and says how it ended.</summary>
    internal sealed class Waiting(
        SnapshotService service,
        OperationStore operations,
        OperationChanges changes,
        SnapshotViews views,
        IHostApplicationLifetime lifetime,
        IOptions<SnapshotsOptions> options)
    {
        public SnapshotService Service => service;

        /// <summary>How long a call waits.</summary>
        public TimeSpan Limit => options.Value.Wait;

        public async Task<SnapshotOperation?> UntilOverAsync(UserId user, long id, TimeSpan limit, CancellationToken cancellationToken)
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
            return await changes.WaitForEndAsync(id, () => operations.FindOfUserAsync(user, id, ending.Token), limit, ending.Token);
        }

        public async Task<IResult> ForSnapshotAsync(
            Caller caller, SnapshotResult result, bool? wait, Func<SnapshotResponse, bool, IResult> answer, CancellationToken cancellationToken)
        {
            if (result is not SnapshotResult.Accepted(var id, { } snapshot))
            {
                return ProblemOf(result);
            }

            var ended = await UntilOverAsync(caller.UserId, id, wait == false ? TimeSpan.Zero : options.Value.Wait, cancellationToken);
            return ended is { State: OperationState.Failed or OperationState.Cancelled }
                ? FailureOf(ended)
                : answer((await views.FindAsync(caller.UserId, snapshot, cancellationToken))!, ended is { IsOver: true });
        }

        public async Task<IResult> ForOperationAsync(
            Caller caller, SnapshotResult result, bool? wait, TimeSpan? limit, CancellationToken cancellationToken)
        {
            if (result is not SnapshotResult.Accepted(var id, _))
            {
                return ProblemOf(result);
            }

            var ended = await UntilOverAsync(caller.UserId, id, wait == false ? TimeSpan.Zero : limit ?? options.Value.Wait, cancellationToken);
            return ended switch
            {
                null => Problems.Unknown("snapshot operation", id),
                { State: OperationState.Failed or OperationState.Cancelled } => FailureOf(ended),
                { IsOver: true } => TypedResults.Ok(SnapshotViews.ToResponse(ended)),
                _ => TypedResults.Accepted((string?)null, SnapshotViews.ToResponse(ended)),
            };
        }

        /// <summary>How an operation that failed is told.</summary>
        public static Problem FailureOf(SnapshotOperation operation) =>
            new(
                operation.Document.Failure switch
                {
                    "not_found" => Problems.NotFound,
                    "paused" or "instance_gone" or "instance_error" or "cancelled" => Problems.WrongState,
                    "notinstalled" or "not_installed" => Problems.SnapshotEngineMissing,
                    _ => Problems.SnapshotFailed,
                },
                operation.Document.Message ?? "It came to nothing.");

        /// <summary>What a wish that was refused is told.</summary>
        public static Problem ProblemOf(SnapshotResult result) =>
            result switch
            {
                SnapshotResult.UnknownInstance(var id) => Problems.Unknown("instance", id),
                SnapshotResult.WrongState(var status) => new Problem(Problems.WrongState, $"The instance is {status}."),
                SnapshotResult.NotUsable(var status) => new Problem(Problems.SnapshotNotUsable, $"The snapshot is {status}; nothing can be restored from it."),
                SnapshotResult.InUse(var operation) => new Problem(Problems.Conflict, $"Operation {operation} is under way; wait for its end."),
                SnapshotResult.TooSoon(var left) => new Problem(
                    Problems.TooManyRequests, "The last sync was just now. Send force=true to sync at once.", retryAfter: left),
                SnapshotResult.QuotaReached(var quota) => new Problem(Problems.TooManyRequests, $"There are {quota} snapshots already. Delete some first."),
                SnapshotResult.StorageIncomplete(var missing) => new Problem(Problems.StorageIncomplete, $"Missing: {missing}."),
                SnapshotResult.Invalid(var errors) => new Problem(Problems.Validation, Problems.Validation.Title, errors),
                SnapshotResult.NoInstance(var why) => InstancesEndpoints.ProblemOf(why, new CreateInstanceRequest()),
                _ => Problems.Unknown("snapshot", ""),
            };
    }
}
