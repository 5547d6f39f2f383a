using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Snapshots;

/// <summary>HTTP of the checks that come by themselves.</summary>
internal static class VerificationEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/snapshots/verification").WithTags("snapshots");
        group.MapGet("", GetAsync).RequireScope(Scopes.InstancesRead).WithSummary("What the checks of your repositories have found");
        group.MapPut("", SetAsync).RequireScope(Scopes.InstancesWrite).Produces<VerificationResponse>().WithSummary("Say how often every byte is read");
    }

    private static Task<VerificationResponse> GetAsync(Caller caller, VerificationViews views, CancellationToken cancellationToken) =>
        views.ListAsync(caller.UserId, cancellationToken);

    internal static async Task<IResult> SetAsync(
        VerificationRequest request, Caller caller, VerificationStore store, VerificationViews views, CancellationToken cancellationToken)
    {
        if (request.Days is not (>= 0 and <= VerificationPolicy.DaysMax))
        {
            return Problems.Field("days", $"Must be from 0 to {VerificationPolicy.DaysMax}.");
        }

        await store.SetDaysAsync(caller.UserId, request.Days.Value, cancellationToken);
        return TypedResults.Ok(await views.ListAsync(caller.UserId, cancellationToken));
    }
}
