using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Dumont.Server.Auth;

/// <summary>Knows the caller by <c>Authorization: Bearer</c> with an access token or an API key, or by <c>X-API-Key</c>. Never by a query parameter
/// or a cookie.</summary>
internal sealed class BearerAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    JsonWebTokens tokens,
    RevokedSessions revoked,
    ApiKeyCache credentials) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <summary>Name of the scheme.</summary>
    public const string SchemeName = "Bearer";

    /// <summary>What every API key starts with.</summary>
    public const string ApiKeyPrefix = "dumont_sk_";

    /// <summary>Longest key that is looked at.</summary>
    private const int ApiKeyLengthMax = 128;

    private static readonly Claim[] AllScopes = [.. Scopes.All.Select(scope => new Claim(Caller.ScopeClaim, scope))];

    /// <summary>The credential that a request bears in <c>Authorization: Bearer</c>, or null.</summary>
    public static string? BearerOf(HttpRequest request) =>
        request.Headers[HeaderNames.Authorization] is [{ } header] && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? header["Bearer ".Length..].Trim()
            : null;

    /// <summary>Who has logged in: a user with all scopes.</summary>
    public static ClaimsIdentity OfSession(UserId userId, string email, string role, string sessionId)
    {
        var identity = Identity(userId.Value, email, role);
        identity.AddClaim(new Claim(Caller.SessionIdClaim, sessionId));
        identity.AddClaims(AllScopes);
        return identity;
    }

    /// <inheritdoc />
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var credential = BearerOf(Request) ?? (Request.Headers["X-API-Key"] is [{ Length: > 0 } key] ? key : null);
        if (string.IsNullOrEmpty(credential))
        {
            return AuthenticateResult.NoResult();
        }

        var identity = credential.StartsWith(ApiKeyPrefix, StringComparison.Ordinal)
            ? await OfApiKeyAsync(credential)
            : OfAccessToken(credential);
        return identity is null
            ? AuthenticateResult.Fail("The credential is not good.")
            : AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
    }

    /// <inheritdoc />
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // The body is written where every empty answer becomes a problem.
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        return Task.CompletedTask;
    }

    private ClaimsIdentity? OfAccessToken(string token)
    {
        if (tokens.Read(token) is not { } claims || revoked.Contains(claims.SessionId))
        {
            return null;
        }

        return OfSession(claims.UserId, claims.Email, claims.Role, claims.SessionId);
    }

    private async Task<ClaimsIdentity?> OfApiKeyAsync(string key)
    {
        if (key.Length > ApiKeyLengthMax || await credentials.FindOwnerAsync(key, Context.RequestAborted) is not { } owner)
        {
            return null;
        }

        var identity = Identity(owner.UserId.Value, owner.Email, owner.Role);
        identity.AddClaims(owner.Scopes.Select(scope => new Claim(Caller.ScopeClaim, scope)));
        return identity;
    }

    private static ClaimsIdentity Identity(long userId, string email, string role) =>
        new(
            [
                new Claim(Caller.UserIdClaim, userId.ToString(CultureInfo.InvariantCulture)),
                new Claim("sub", email),
                new Claim(Caller.RoleClaim, role),
            ],
            SchemeName,
            "sub",
            Caller.RoleClaim);
}
