using System.ComponentModel.DataAnnotations;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Auth;

/// <summary>Signing in, the first account, signing out.</summary>
internal static class AuthPages
{
    private const string SignUpPath = "/sign-up";

    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Pages.SignInPath, ShowSignInAsync).AllowAnonymous();
        pages.MapPost(Pages.SignInPath, SignInAsync).AllowAnonymous();
        pages.MapGet(SignUpPath, ShowSignUpAsync).AllowAnonymous();
        pages.MapPost(SignUpPath, SignUpAsync).AllowAnonymous();
        pages.MapPost("/sign-out", SignOutAsync).AllowAnonymous();
    }

    private static async Task<IResult> ShowSignInAsync(
        HttpContext context, AuthStore store, IOptions<AuthOptions> options, CancellationToken cancellationToken)
    {
        var back = LocalPath.Of(context.Request.Query["return"]);
        if (Caller.Of(context.User) is not null)
        {
            return Page.GoTo(back);
        }

        return await store.AnyUserAsync(cancellationToken)
            ? Page.Show<SignInPage>(context, new { Return = back, CanSignUp = options.Value.AllowRegistration })
            : Page.GoTo(SignUpPath);
    }

    private static async Task<IResult> SignInAsync(
        HttpContext context, SessionService sessions, CookieSessions cookies, IOptions<AuthOptions> options, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var (name, password, back) = (form["username"].ToString(), form["password"].ToString(), LocalPath.Of(form["return"]));
        var request = new LoginRequest { Username = name, Password = password };
        var result = Errors(request).Count > 0
            ? new LoginResult.Wrong()
            : await sessions.CheckAsync(name, password, context.Connection.RemoteIpAddress, cancellationToken) switch
            {
                ({ } refused, _) => refused,
                (_, var user) => await OpenAsync(user!),
            };
        return result switch
        {
            null => Page.GoTo(back),
            LoginResult.Throttled(var wait) => Page.Show<SignInPage>(
                context,
                new { Return = back, Username = name, CanSignUp = options.Value.AllowRegistration, Wait = wait },
                StatusCodes.Status429TooManyRequests),
            _ => Page.Show<SignInPage>(
                context,
                new { Return = back, Username = name, CanSignUp = options.Value.AllowRegistration, IsWrong = true },
                StatusCodes.Status401Unauthorized),
        };

        async Task<LoginResult?> OpenAsync(User user)
        {
            await cookies.OpenAsync(context, user, cancellationToken);
            return null;
        }
    }

    private static async Task<IResult> ShowSignUpAsync(
        HttpContext context, AuthStore store, IOptions<AuthOptions> options, CancellationToken cancellationToken)
    {
        var isFirst = !await store.AnyUserAsync(cancellationToken);
        return isFirst || options.Value.AllowRegistration
            ? Page.Show<SignUpPage>(context, new { IsFirst = isFirst })
            : new Problem(Problems.Forbidden, "This server makes no users by itself; ask its administrator.");
    }

    private static async Task<IResult> SignUpAsync(
        HttpContext context, AuthStore store, SessionService sessions, CookieSessions cookies, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var (email, password) = (form["email"].ToString(), form["password"].ToString());
        var errors = Errors(new RegisterRequest { Email = email, Password = password });
        if (errors.Count > 0)
        {
            return await AgainAsync(errors, StatusCodes.Status422UnprocessableEntity);
        }

        switch (await sessions.RegisterAsync(email, password, username: null, name: null, cancellationToken))
        {
            case RegisterResult.Registered(var user):
                await cookies.OpenAsync(context, user, cancellationToken);
                return Page.GoTo("/");
            case RegisterResult.EmailTaken:
                return await AgainAsync(new HashSet<string> { "email.taken" }, StatusCodes.Status409Conflict);
            default:
                return new Problem(Problems.Forbidden, "This server makes no users by itself; ask its administrator.");
        }

        async Task<IResult> AgainAsync(IReadOnlySet<string> fields, int status) =>
            Page.Show<SignUpPage>(context, new { IsFirst = !await store.AnyUserAsync(cancellationToken), Email = email, Errors = fields }, status);
    }

    private static async Task<IResult> SignOutAsync(HttpContext context, SessionService sessions, CancellationToken cancellationToken)
    {
        if (Caller.Of(context.User)?.SessionId is { } session)
        {
            await sessions.LogoutAsync(session, cancellationToken);
        }

        CookieSessions.Forget(context);
        return Page.GoTo(Pages.SignInPath);
    }

    // The rules are those of the API's records.
    private static HashSet<string> Errors(object request)
    {
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(request, new ValidationContext(request), results, validateAllProperties: true);
        return [.. results.SelectMany(result => result.MemberNames).Select(name => name.ToLowerInvariant())];
    }
}
