using Dumont.Contracts;
using Dumont.Server.Platform.Security;

namespace Dumont.Server.Recovery;

internal static class RecoveryEndpoints
{
    public static void Map(RouteGroupBuilder api) =>
        api.MapPost("/instances/{id}/recover", RecoverAsync).RequireScope(Scopes.InstancesWrite).WithTags("failover").Produces<RecoverInstanceResponse>()
            .WithSummary("Bring an instance whose machine is lost back from a snapshot, on a new machine");

    internal static async Task<IResult> RecoverAsync(
        InstanceId id, RecoverInstanceRequest? request, Caller caller, RecoveryService service, CancellationToken cancellationToken)
    {
        var (begun, problem) = await service.RecoverAsync(caller.UserId, id, request ?? new RecoverInstanceRequest(), cancellationToken);
        return problem ?? (IResult)TypedResults.Ok(begun);
    }
}
