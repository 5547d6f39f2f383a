using Dumont.Contracts;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Dashboard;

/// <summary>The pages that are read.</summary>
internal static class DashboardPages
{
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet("/", HomeAsync).AllowAnonymous();
        pages.MapGet("/instances", ListAsync);
        pages.MapGet("/instances/{id}", DetailAsync);
    }

    // Programs that ask for the root are told where the API is; they have been since the first version.
    private static async Task<IResult> HomeAsync(HttpContext context, LiveHub hub, CancellationToken cancellationToken)
    {
        if (!Page.IsWanted(context.Request))
        {
            return TypedResults.Ok(new RootResponse("Dumont", PlatformFeature.Version, "/docs", "/health"));
        }

        if (Caller.Of(context.User) is not { } caller)
        {
            return Results.Challenge(authenticationSchemes: [Pages.Scheme]);
        }

        var page = await hub.ShowAsync(KeyOf(context, caller, HomeView.ViewName, ""), cancellationToken);
        return Page.Show<HomePage>(context, new { Content = page!.Content, page.Stream });
    }

    private static async Task<IResult> ListAsync(HttpContext context, Caller caller, LiveHub hub, string? status, CancellationToken cancellationToken)
    {
        var filter = InstancesView.Filters.Contains(status) ? status! : "";
        var page = await hub.ShowAsync(KeyOf(context, caller, InstancesView.ViewName, filter), cancellationToken);
        return Page.Show<InstancesPage>(context, new { Content = page!.Content, page.Stream, Filter = filter });
    }

    private static async Task<IResult> DetailAsync(InstanceId id, HttpContext context, Caller caller, LiveHub hub, CancellationToken cancellationToken) =>
        await hub.ShowAsync(KeyOf(context, caller, InstanceView.ViewName, id.ToString()), cancellationToken) is { } page
            ? Page.Show<InstancePage>(context, new { page.Content, page.Stream, Label = ((InstanceContent)page.Content).Model.Instance.Label, Id = id })
            : Problems.Unknown("instance", id);

    private static LiveKey KeyOf(HttpContext context, Caller caller, string view, string argument) =>
        new(view, caller.UserId, argument, Language.Of(context.Request).Tag);
}
