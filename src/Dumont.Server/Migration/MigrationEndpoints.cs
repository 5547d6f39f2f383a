using System.Security.Claims;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Migration;

internal static class MigrationEndpoints
{
    public static void Map(RouteGroupBuilder api)
    {
        var ofInstance = api.MapGroup("/instances/{id}").WithTags("migrations");
        ofInstance.MapPost("/migrate/estimate", EstimateAsync).RequireScope(Scopes.InstancesRead).Produces<MigrationEstimateResponse>()
            .WithSummary("What a move would take and cost; changes nothing");
        ofInstance.MapPost("/migrate", BeginAsync).RequireScope(Scopes.InstancesWrite).WithIdempotency().Produces<MigrateResponse>()
            .WithSummary("Move an instance to another machine; it keeps its address");
        ofInstance.MapGet("/migrations", ListAsync).RequireScope(Scopes.InstancesRead).Produces<MigrationListResponse>()
            .WithSummary("Moves of an instance, newest first");

        var group = api.MapGroup("/migrations").WithTags("migrations");
        group.MapGet("/{id:long}", GetAsync).RequireScope(Scopes.InstancesRead).Produces<MigrationResponse>().WithSummary("How far a move is, or how it ended");
        group.MapDelete("/{id:long}", CancelAsync).RequireScope(Scopes.InstancesWrite).Produces<MigrationResponse>()
            .WithSummary("Cancel a move, until it switches");
        group.MapPost("/{id:long}/release-source", ReleaseSourceAsync).RequireScope(Scopes.InstancesDestroy).Produces<MigrationResponse>()
            .WithSummary("Give back the machine that a move has kept");
    }

    private static async Task<IResult> EstimateAsync(
        InstanceId id, MigrateRequest request, Caller caller, MigrationService service, CancellationToken cancellationToken)
    {
        var (estimate, problem) = await service.EstimateAsync(caller.UserId, id, request, cancellationToken);
        return problem ?? (IResult)TypedResults.Ok(estimate);
    }

    private static async Task<IResult> BeginAsync(
        InstanceId id,
        MigrateRequest request,
        Caller caller,
        ClaimsPrincipal principal,
        MigrationService service,
        MigrationViews views,
        CancellationToken cancellationToken)
    {
        if (request.AutoDestroySource != false && !principal.HasScope(Scopes.InstancesDestroy))
        {
            return new Problem(
                Problems.Forbidden, $"Giving the old machine back needs the scope {Scopes.InstancesDestroy}. Send auto_destroy_source=false, or use a key that has it.");
        }

        var (number, estimate, problem) = await service.BeginAsync(caller.UserId, id, request, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var migration = await views.FindAsync(caller.UserId, number!.Value, cancellationToken);
        return TypedResults.Ok(new MigrateResponse
        {
            Success = true,
            MigrationId = number.Value,
            NewInstanceId = id,
            OldInstanceId = id,
            Status = migration!.Status,
            StepsCompleted = migration.StepsCompleted,
            Estimate = estimate!,
        });
    }

    private static async Task<IResult> ListAsync(
        InstanceId id, Caller caller, InstanceStore instances, MigrationViews views, CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        var all = await views.ListAsync(caller.UserId, id, cancellationToken);
        return TypedResults.Ok(new MigrationListResponse(all, all.Count));
    }

    private static async Task<IResult> GetAsync(long id, Caller caller, MigrationViews views, CancellationToken cancellationToken) =>
        await views.FindAsync(caller.UserId, id, cancellationToken) is { } migration ? TypedResults.Ok(migration) : Problems.Unknown("migration", id);

    private static async Task<IResult> CancelAsync(long id, Caller caller, MigrationService service, MigrationViews views, CancellationToken cancellationToken) =>
        await service.CancelAsync(caller.UserId, id, cancellationToken) is { } problem ? problem : await GetAsync(id, caller, views, cancellationToken);

    private static async Task<IResult> ReleaseSourceAsync(long id, Caller caller, MigrationService service, MigrationViews views, CancellationToken cancellationToken) =>
        await service.ReleaseSourceAsync(caller.UserId, id, cancellationToken) is { } problem ? problem : await GetAsync(id, caller, views, cancellationToken);
}
