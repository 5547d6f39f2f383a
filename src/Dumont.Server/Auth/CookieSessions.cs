using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Auth;

/// <summary>The sessions of browsers: the same sessions as the API's, with a secret in a cookie instead of tokens. Remembers for two seconds whose secret
/// it was, so that a busy page costs no query per request. A session that is ended here is refused at once, one that another replica has ended within
/// seconds.</summary>
internal sealed class CookieSessions(AuthStore store, RevokedSessions revoked, IOptions<AuthOptions> options, TimeProvider time) : ISessionWatch
{
    /// <summary>Holds the secret.</summary>
    public const string CookieName = "dumont_session";

    private const int SecretBytes = 32;
    private const int SecretLengthMax = 64;
    private const int SessionIdBytes = 16;
    private const int EntriesMax = 10_000;

    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(2);

    // A session in use is prolonged once in this time, not at each request.
    private static readonly TimeSpan ProlongAfter = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, (CookieSession Session, DateTimeOffset Until)> _known = new();

    /// <summary>Opens a session of <paramref name="user"/> and gives the browser its cookie.</summary>
    public async Task OpenAsync(HttpContext context, User user, CancellationToken cancellationToken)
    {
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        var lifetime = options.Value.RefreshTokenLifetime;
        await store.OpenSessionAsync(
            user.Id,
            new NewRefreshToken(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SessionIdBytes)), HashOf(secret), time.GetUtcNow() + lifetime),
            cancellationToken);
        context.Response.Cookies.Append(CookieName, secret, Preferences.Cookie(context, lifetime));
    }

    /// <summary>The session of the request's cookie; null when it has none that is good.</summary>
    public async ValueTask<CookieSession?> FindAsync(HttpContext context)
    {
        if (context.Request.Cookies[CookieName] is not { Length: > 0 and <= SecretLengthMax } secret)
        {
            return null;
        }

        var hash = HashOf(secret);
        var now = time.GetUtcNow();
        if (!_known.TryGetValue(hash, out var known) || known.Until <= now)
        {
            if (await store.FindSessionAsync(hash, context.RequestAborted) is not { } session)
            {
                return null;
            }

            var lifetime = options.Value.RefreshTokenLifetime;
            if (session.ExpiresAt < now + lifetime - ProlongAfter)
            {
                await store.ProlongSessionAsync(session.SessionId, hash, now + lifetime, context.RequestAborted);
                context.Response.Cookies.Append(CookieName, secret, Preferences.Cookie(context, lifetime));
            }

            if (_known.Count >= EntriesMax)
            {
                _known.Clear();
            }

            _known[hash] = known = (session, now + Remembered);
        }

        return revoked.Contains(known.Session.SessionId) ? null : known.Session;
    }

    /// <summary>Takes the cookie away.</summary>
    public static void Forget(HttpContext context) => context.Response.Cookies.Delete(CookieName, Preferences.Cookie(context, null));

    /// <inheritdoc />
    public bool IsOver(string sessionId) => revoked.Contains(sessionId);

    // Apart from refresh tokens, which are kept in the same table: the secret of a cookie cannot be traded for tokens.
    private static string HashOf(string secret) => AuthStore.HashOf("cookie " + secret);
}
