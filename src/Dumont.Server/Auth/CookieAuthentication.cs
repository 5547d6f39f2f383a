using System.Security.Claims;
using System.Text.Encodings.Web;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Auth;

/// <summary>Knows who looks at a page by the session cookie and by nothing else. Only pages ask for this scheme; the API never sees a cookie.</summary>
internal sealed class CookieAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, CookieSessions sessions)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <inheritdoc />
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync() =>
        await sessions.FindAsync(Context) is { } session
            ? AuthenticateResult.Success(new AuthenticationTicket(
                new ClaimsPrincipal(BearerAuthentication.OfSession(session.UserId, session.Email, session.Role, session.SessionId)), Scheme.Name))
            : AuthenticateResult.NoResult();

    /// <inheritdoc />
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (!Page.IsWanted(Request))
        {
            Response.StatusCode = StatusCodes.Status401Unauthorized;
            return Task.CompletedTask;
        }

        // Where a form was to be sent is no place to return to.
        var back = HttpMethods.IsGet(Request.Method) && Request.Path != "/" ? "?return=" + Uri.EscapeDataString(Request.Path + Request.QueryString) : "";
        Response.StatusCode = StatusCodes.Status303SeeOther;
        Response.Headers.Location = Pages.SignInPath + back;
        return Task.CompletedTask;
    }
}
