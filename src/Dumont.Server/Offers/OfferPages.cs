using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Offers;

/// <summary>What can be rented now, as a page.</summary>
internal static class OfferPages
{
    /// <summary>Maps the page.</summary>
    public static void Map(RouteGroupBuilder pages) => pages.MapGet("/offers", ShowAsync);

    private static async Task<IResult> ShowAsync(HttpContext context, Caller caller, OfferViews views, CancellationToken cancellationToken)
    {
        var filter = OfferFilter.Read(context.Request.Query);
        if (filter.Errors.Count > 0)
        {
            // Not the offers that a filter left out would find: they would look like the answer.
            return Page.Show<OffersPage>(context, new { Filter = filter, ProblemCode = Problems.Validation.Code });
        }

        OfferListResponse? offers = null;
        Problem? problem = null;
        try
        {
            offers = await views.SearchAsync(caller.UserId, filter.Parameters, cancellationToken);
            problem = offers is null ? new Problem(Problems.ProviderNotConfigured, "") : null;
        }
        catch (ProviderException exception)
        {
            problem = ProblemMapping.OfProvider(exception);
        }

        return Page.Show<OffersPage>(context, new { Filter = filter, Offers = offers, ProblemCode = problem?.Kind.Code, ProblemDetail = problem?.Detail });
    }
}
