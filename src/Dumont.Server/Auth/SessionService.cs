using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using Dumont.Contracts;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Auth;

/// <summary>How a login ended.</summary>
internal abstract record LoginResult
{
    private LoginResult()
    {
    }

    /// <summary>Who it is, with his tokens.</summary>
    public sealed record LoggedIn(TokenResponse Tokens) : LoginResult;

    /// <summary>No such user, or not his password; which, is not told.</summary>
    public sealed record Wrong : LoginResult;

    /// <summary>Too many failures; not looked at.</summary>
    public sealed record Throttled(TimeSpan RetryAfter) : LoginResult;
}

/// <summary>Opens, refreshes and ends sessions.</summary>
internal sealed partial class SessionService(
    AuthStore store,
    JsonWebTokens tokens,
    PasswordHasher passwords,
    LoginThrottle throttle,
    RevokedSessions revoked,
    IOptions<AuthOptions> options,
    TimeProvider time,
    ILogger<SessionService> logger)
{
    private const string RefreshTokenPrefix = "dumont_rt_";
    private const int RefreshTokenBytes = 32;
    private const int SessionIdBytes = 16;

    /// <summary>Checks a password and opens a session.</summary>
    public async Task<LoginResult> LoginAsync(string identifier, string password, IPAddress? address, CancellationToken cancellationToken) =>
        await CheckAsync(identifier, password, address, cancellationToken) switch
        {
            ({ } refused, _) => refused,
            (_, var user) => new LoginResult.LoggedIn(await OpenAsync(user!, cancellationToken)),
        };

    /// <summary>Checks a password: the user, or why not.</summary>
    public async Task<(LoginResult? Refused, User? User)> CheckAsync(
        string identifier, string password, IPAddress? address, CancellationToken cancellationToken)
    {
        identifier = Normalize(identifier);
        if (throttle.TryBegin(identifier, address) is { } wait)
        {
            return (new LoginResult.Throttled(wait), null);
        }

        var succeeded = false;
        try
        {
            var user = await store.FindUserAsync(identifier, cancellationToken);
            succeeded = await passwords.VerifyAsync(user?.PasswordHash, password, cancellationToken);
            return succeeded ? (null, user) : (new LoginResult.Wrong(), null);
        }
        finally
        {
            throttle.End(identifier, address, succeeded);
        }
    }

    /// <summary>Makes a user. The session is opened by <see cref="OpenAsync"/>.</summary>
    public async Task<RegisterResult> RegisterAsync(string email, string password, string? username, string? name, CancellationToken cancellationToken)
    {
        email = Normalize(email);
        var local = email[..email.LastIndexOf('@')];
        var suggested = local.Length is > 0 and <= 64 && local.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_' or '-') ? local : null;
        var hash = await passwords.HashAsync(password, cancellationToken);
        return await store.RegisterAsync(
            email, username is null ? null : Normalize(username), suggested, name, hash, options.Value.AllowRegistration, cancellationToken);
    }

    /// <summary>A new session of <paramref name="user"/>.</summary>
    public async Task<TokenResponse> OpenAsync(User user, CancellationToken cancellationToken)
    {
        var (refreshToken, kept) = NewToken(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SessionIdBytes)));
        await store.OpenSessionAsync(user.Id, kept, cancellationToken);
        return Respond(user, kept.SessionId, refreshToken);
    }

    /// <summary>New tokens for a refresh token, or null when it is not good.</summary>
    public async Task<TokenResponse?> RefreshAsync(string refreshToken, CancellationToken cancellationToken)
    {
        // The secrets of cookies are kept in the same table, and are not for trading.
        if (!refreshToken.StartsWith(RefreshTokenPrefix, StringComparison.Ordinal))
        {
            return null;
        }

        var (next, kept) = ("", default(NewRefreshToken));
        var result = await store.RotateAsync(
            AuthStore.HashOf(refreshToken),
            sessionId =>
            {
                (next, kept) = NewToken(sessionId);
                return kept;
            },
            cancellationToken);
        switch (result)
        {
            case RotateResult.Rotated(var user):
                return Respond(user, kept!.SessionId, next);
            case RotateResult.Reused(var sessionId):
                RefreshTokenReused(logger, sessionId);
                revoked.Add(sessionId);
                return null;
            default:
                return null;
        }
    }

    /// <summary>Ends a session: its tokens are refused here at once, by other replicas within seconds.</summary>
    public async Task LogoutAsync(string sessionId, CancellationToken cancellationToken)
    {
        revoked.Add(sessionId);
        await store.RevokeSessionAsync(sessionId, cancellationToken);
    }

    private static string Normalize(string identifier) => identifier.Trim().ToLowerInvariant();

    private (string Token, NewRefreshToken Kept) NewToken(string sessionId)
    {
        var token = RefreshTokenPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RefreshTokenBytes));
        return (token, new NewRefreshToken(sessionId, AuthStore.HashOf(token), time.GetUtcNow() + options.Value.RefreshTokenLifetime));
    }

    private TokenResponse Respond(User user, string sessionId, string refreshToken)
    {
        var lifetime = options.Value.AccessTokenLifetime;
        var access = tokens.Write(new AccessTokenClaims(user.Id, user.Email, sessionId, user.Role, time.GetUtcNow() + lifetime));
        return new TokenResponse(access, access, "bearer", (int)lifetime.TotalSeconds, refreshToken, true, user.Email);
    }

    [LoggerMessage(LogLevel.Warning, "A refresh token of session {SessionId} was used twice; the session is revoked")]
    private static partial void RefreshTokenReused(ILogger logger, string sessionId);
}
