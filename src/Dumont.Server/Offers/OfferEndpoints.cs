using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dumont.Server.Offers;

/// <summary>HTTP of the offer search.</summary>
internal static class OfferEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder routes) =>
        routes.MapGet("/instances/offers", SearchAsync).AllowAnonymous().WithTags("offers").WithSummary("Search what can be rented now");

    private static async Task<Results<Ok<OfferListResponse>, Problem>> SearchAsync(
        [AsParameters] OfferSearchParameters query, HttpContext context, OfferViews views, CancellationToken cancellationToken) =>
        // Without a token the server's own account is asked.
        await views.SearchAsync(Caller.Of(context.User)?.UserId, query, cancellationToken) is { } offers
            ? TypedResults.Ok(offers)
            : new Problem(Problems.ProviderNotConfigured, "There is no Vast.ai key, neither the user's nor the server's.");
}
