using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;

namespace Dumont.Server.Platform.Web.Shell;

/// <summary>How a feature maps its pages: for signed-in users unless it says otherwise, every form checked for its token, every refusal shown as a page.</summary>
internal static class Pages
{
    /// <summary>The authentication scheme of pages. The API does not know it, and pages know no other.</summary>
    public const string Scheme = "Cookie";

    /// <summary>Where one signs in.</summary>
    public const string SignInPath = "/sign-in";

    private static readonly AuthorizationPolicy SignedIn = new AuthorizationPolicyBuilder(Scheme).RequireAuthenticatedUser().Build();

    /// <summary>Registers the shell.</summary>
    public static void AddPages(this IServiceCollection services) => services.AddSingleton<FormTokens>();

    /// <summary>Maps a feature's pages.</summary>
    public static void MapPages(this IEndpointRouteBuilder routes, Action<RouteGroupBuilder> map)
    {
        var group = routes.MapGroup("").RequireAuthorization(SignedIn).ExcludeFromDescription();
        group.AddEndpointFilter(GuardAsync);
        map(group);
    }

    /// <summary>Writes a refusal the way the client reads: a page for a browser, JSON for a program.</summary>
    public static async Task WriteAsync(HttpContext context, Problem problem)
    {
        if (!Page.IsWanted(context.Request))
        {
            await problem.ExecuteAsync(context);
            return;
        }

        // No endpoint was reached, or one that knows no sessions; the page shows its navigation to those who are signed in.
        if (await context.AuthenticateAsync(Scheme) is { Succeeded: true } session)
        {
            context.User = session.Principal;
        }

        problem.SetHeaders(context);
        await ProblemPage(context, problem).ExecuteAsync(context);
    }

    private static async ValueTask<object?> GuardAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        if (HttpMethods.IsPost(context.Request.Method) && !await HasTokenAsync(context))
        {
            return ProblemPage(context, new Problem(Problems.Forbidden, "The form is out of date or does not come from this server. Go back, reload the page and send it again."));
        }

        var result = await next(invocation);
        if (result is not Problem problem || !Page.IsWanted(context.Request))
        {
            return result;
        }

        problem.SetHeaders(context);
        return ProblemPage(context, problem);
    }

    private static async Task<bool> HasTokenAsync(HttpContext context)
    {
        if (!context.Request.HasFormContentType)
        {
            return false;
        }

        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        return context.RequestServices.GetRequiredService<FormTokens>().IsGood(context, form[FormTokens.Field]);
    }

    private static IResult ProblemPage(HttpContext context, Problem problem)
    {
        var language = Language.Of(context.Request);
        var detail = problem.Fields is { } fields
            ? string.Join(" ", fields.Select(field => $"{field.Field}: {ProblemTexts.MessageOf(field, language)}"))
            : ProblemTexts.DetailOf(problem, language);
        return Page.Show<ErrorPage>(context, new { Status = problem.Kind.Status, Code = problem.Kind.Code, Detail = detail }, problem.Kind.Status);
    }
}
