using System.Diagnostics;
using Dumont.Contracts;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

internal static class InstancesEndpoints
{
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/instances").WithTags("instances");
        group.MapGet("/", ListAsync).RequireScope(Scopes.InstancesRead).WithSummary("Your instances");
        group.MapPost("/", CreateAsync).RequireScope(Scopes.InstancesWrite).WithIdempotency()
            .Produces<InstanceResponse>(StatusCodes.Status201Created).WithSummary("Create an instance from an offer, or from filters with use_wizard");
        group.MapPost("/provision", CreateAsync).RequireScope(Scopes.InstancesWrite).WithIdempotency().ExcludeFromDescription();
        group.MapPost("/batch-delete", BatchDeleteAsync).RequireScope(Scopes.InstancesDestroy).WithSummary("Delete several instances");
        group.MapGet("/{id}", GetAsync).RequireScope(Scopes.InstancesRead).Produces<InstanceResponse>().WithSummary("One instance");
        group.MapPatch("/{id}", UpdateAsync).RequireScope(Scopes.InstancesWrite).Produces<InstanceResponse>().WithSummary("Rename an instance");
        group.MapDelete("/{id}", DeleteAsync).RequireScope(Scopes.InstancesDestroy).Produces<InstanceActionResponse>()
            .WithSummary("Delete an instance and give its machines back");
        group.MapPost("/{id}/pause", PauseAsync).RequireScope(Scopes.InstancesWrite).Produces<InstanceActionResponse>()
            .WithSummary("Stop the machines and keep the disks");
        group.MapPost("/{id}/resume", ResumeAsync).RequireScope(Scopes.InstancesWrite).Produces<InstanceActionResponse>().WithSummary("Start again");
        group.MapGet("/{id}/events", EventsAsync).RequireScope(Scopes.InstancesRead).Produces<EventListResponse>()
            .WithSummary("What happened to an instance, newest first");
        api.MapGet("/events", AllEventsAsync).RequireScope(Scopes.InstancesRead).WithTags("events").WithSummary("What happened, newest first");
    }

    private static async Task<InstanceListResponse> ListAsync(Caller caller, InstanceViews views, string? status, CancellationToken cancellationToken)
    {
        var instances = await views.ListAsync(caller.UserId, status, cancellationToken);
        return new InstanceListResponse(instances, instances.Count);
    }

    private static async Task<IResult> GetAsync(InstanceId id, Caller caller, InstanceViews views, CancellationToken cancellationToken) =>
        await views.FindAsync(caller.UserId, id, cancellationToken) is { } instance ? TypedResults.Ok(instance) : Problems.Unknown("instance", id);

    private static async Task<IResult> CreateAsync(
        CreateInstanceRequest request, Caller caller, InstanceService service, InstanceViews views, HttpContext context, CancellationToken cancellationToken)
    {
        var errors = InstanceRules.Check(request);
        if (errors.Count > 0)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        var result = await service.CreateAsync(caller.UserId, request, IdempotentRequest.Of(context), also: null, cancellationToken);
        return result is CreateInstanceResult.Accepted(var instance)
            ? TypedResults.Created(
                $"{ApiRoutes.Bases[0]}/instances/{instance.Id}", await views.FindAsync(caller.UserId, instance.Id, cancellationToken))
            : ProblemOf(result, request);
    }

    /// <summary>What a refused creation is told.</summary>
    internal static Problem ProblemOf(CreateInstanceResult result, CreateInstanceRequest request) =>
        result switch
        {
            CreateInstanceResult.UnknownOffer => Problems.Unknown("offer", request.OfferId!),
            CreateInstanceResult.OfferGone => new Problem(
                Problems.OfferGone, "The offer is being rented by somebody else, and nothing equivalent is on the market."),
            CreateInstanceResult.NoMatch => new Problem(Problems.NoOffer, "No offer matches these filters at present."),
            CreateInstanceResult.InsufficientCredit(var credit, var price) => new Problem(
                Problems.InsufficientCredit, FormattableString.Invariant($"The account has ${credit:0.00}; an hour of this machine costs ${price:0.00}.")),
            CreateInstanceResult.NotConfigured => new Problem(Problems.ProviderNotConfigured, "There are no working credentials for Vast.ai."),
            CreateInstanceResult.Unavailable => Problems.Provider(MachinePlacement.GpuProvider),
            CreateInstanceResult.QuotaReached(var quota) => new Problem(
                Problems.TooManyRequests, $"You have {quota} instances, as many as allowed.", retryAfter: TimeSpan.FromSeconds(60)),
            _ => throw new UnreachableException(),
        };

    private static async Task<IResult> UpdateAsync(
        InstanceId id, UpdateInstanceRequest request, Caller caller, InstanceStore store, InstanceViews views, CancellationToken cancellationToken)
    {
        var errors = new List<FieldError>();
        InstanceRules.CheckLabel(errors, "label", request.Label ?? "");
        if (errors.Count > 0)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        return await store.SetLabelAsync(caller.UserId, id, request.Label!.Trim(), cancellationToken)
            ? TypedResults.Ok(await views.FindAsync(caller.UserId, id, cancellationToken))
            : Problems.Unknown("instance", id);
    }

    private static async Task<IResult> DeleteAsync(
        InstanceId id,
        Caller caller,
        InstanceService service,
        [Microsoft.AspNetCore.Mvc.FromQuery(Name = "destroy_standby")] bool? destroyStandby,
        string? reason,
        CancellationToken cancellationToken)
    {
        DeleteReason? parsed = (reason ?? "user_request") switch
        {
            "user_request" => DeleteReason.UserRequest,
            "gpu_failure" => DeleteReason.GpuFailure,
            "spot_interruption" => DeleteReason.SpotInterruption,
            _ => null,
        };
        if (parsed is not { } why)
        {
            return Problems.Field("reason", "Must be user_request, gpu_failure or spot_interruption.", "query");
        }

        return await service.DeleteAsync(caller.UserId, id, why, destroyStandby ?? true, cancellationToken)
            ? TypedResults.Ok(new InstanceActionResponse(true, id, "deleting", "The instance is deleted; its machines are being given back."))
            : Problems.Unknown("instance", id);
    }

    private static async Task<IResult> BatchDeleteAsync(
        BatchDeleteRequest request, Caller caller, InstanceService service, CancellationToken cancellationToken)
    {
        if (request.Ids.Count is 0 or > 100)
        {
            return Problems.Field("ids", "Must be 1 to 100 ids.");
        }

        var (deleted, missing) = (new List<InstanceId>(), new List<InstanceId>());
        foreach (var id in request.Ids.Distinct())
        {
            var found = await service.DeleteAsync(caller.UserId, id, DeleteReason.UserRequest, destroyStandby: true, cancellationToken);
            (found ? deleted : missing).Add(id);
        }

        return TypedResults.Ok(new BatchDeleteResponse(missing.Count == 0, deleted, missing));
    }

    private static Task<IResult> PauseAsync(InstanceId id, Caller caller, Actions actions, CancellationToken cancellationToken) =>
        actions.RunAsync(caller, id, InstanceDesired.Paused, InstanceStatus.Paused, wait: null, cancellationToken);

    private static Task<IResult> ResumeAsync(InstanceId id, Caller caller, Actions actions, CancellationToken cancellationToken) =>
        actions.RunAsync(caller, id, InstanceDesired.Running, InstanceStatus.Running, wait: null, cancellationToken);

    private static async Task<IResult> EventsAsync(
        InstanceId id, Caller caller, InstanceStore store, EventStore events, HttpContext context, int? limit, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > 500)
        {
            return Problems.Field("limit", "Must be from 1 to 500.", "query");
        }

        return await store.FindOfUserAsync(caller.UserId, id, cancellationToken) is null
            ? Problems.Unknown("instance", id)
            : TypedResults.Ok(ToResponse(context, await events.ListAsync(caller.UserId, id, 0, limit ?? 50, cancellationToken)));
    }

    private static async Task<IResult> AllEventsAsync(
        Caller caller, EventStore events, HttpContext context, int? limit, long? after, CancellationToken cancellationToken) =>
        limit is < 1 or > 500
            ? Problems.Field("limit", "Must be from 1 to 500.", "query")
            : TypedResults.Ok(ToResponse(context, await events.ListAsync(caller.UserId, null, after ?? 0, limit ?? 50, cancellationToken)));

    private static EventListResponse ToResponse(HttpContext context, IReadOnlyList<RecordedEvent> events)
    {
        var ui = new Ui(Language.Answering(context));
        return new(events.Select(each => EventTexts.ToResponse(ui, each)).ToList(), events.Count);
    }

    /// <summary>Pause and resume: record the wish, then wait a while for it to come true.</summary>
    internal sealed class Actions(
        InstanceService service, InstanceStore store, AssociationStore associations, InstanceChanges changes, IOptions<InstancesOptions> options)
    {
        /// <summary>Waits as long as the options say, or as <paramref name="wait"/> does.</summary>
        public async Task<IResult> RunAsync(
            Caller caller, InstanceId id, InstanceDesired desired, InstanceStatus goal, TimeSpan? wait, CancellationToken cancellationToken)
        {
            if (await store.FindOfUserAsync(caller.UserId, id, cancellationToken) is not { } instance)
            {
                return Problems.Unknown("instance", id);
            }

            // One that never ran has nothing to resume; one whose machine failed may be tried again.
            if (instance.Status == InstanceStatus.Creating || (instance.Status == InstanceStatus.Error && instance.Generation == 0))
            {
                return new Problem(Problems.WrongState, $"The instance is {InstanceViews.Word(instance.Status)}.");
            }

            if (await associations.FindAsync(id, cancellationToken) is { Released: false, FailoverActive: true, RestsOnStandby: false })
            {
                return new Problem(Problems.WrongState, "A failover is running; wait for its end: dumont failover active");
            }

            if (instance.Status == InstanceStatus.Error && desired == InstanceDesired.Running)
            {
                if (!await service.RetryAsync(instance, cancellationToken))
                {
                    return new Problem(
                        Problems.WrongState,
                        $"The machine with the workspace is gone ({instance.Document.StatusMessage}); there is nothing to start. Delete the instance and create another.");
                }
            }
            else
            {
                await service.SetDesiredAsync(caller.UserId, id, desired, cancellationToken);
            }

            var reached = await changes.WaitForAsync(
                id,
                async () => await store.FindOfUserAsync(caller.UserId, id, cancellationToken) is { } now && (now.Status == goal || now.PausesLater) ? now : null,
                wait ?? options.Value.ActionWait,
                cancellationToken);
            var present = reached ?? await store.FindOfUserAsync(caller.UserId, id, cancellationToken);
            var status = InstanceViews.Word(present?.Status ?? InstanceStatus.Deleted);
            return TypedResults.Ok(new InstanceActionResponse(true, id, status, MessageOf(present, status, isReached: reached is not null)));
        }

        private static string MessageOf(Instance? instance, string status, bool isReached) =>
            instance is { PausesLater: true } ? "Accepted; the instance runs until its snapshot is done, and pauses then."
                : !isReached ? "Accepted; it is on its way."
                : instance is { RunsFor: not null } ? $"The instance is {status}, and stays so after its snapshot."
                : $"The instance is {status}.";
    }
}
