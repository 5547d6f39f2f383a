using Dumont.Providers.Wire;

namespace Dumont.Providers.Gcp;

/// <summary>Access tokens of a service account: fetched once, kept until a minute before their end, shared by all calls.</summary>
internal sealed class GcpTokens : IDisposable
{
    private const string Scope = "https://www.googleapis.com/auth/compute";

    private static readonly TimeSpan EarlyBy = TimeSpan.FromSeconds(60);

    private readonly GcpServiceAccount _account;
    private readonly WireClient _wire;
    private readonly ReadRetry _retry;
    private readonly TimeProvider _time;
    private readonly Secret _nothing = new("-");
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile Token? _token;

    /// <summary>Tokens of <paramref name="account"/>.</summary>
    /// <exception cref="FormatException">The key file sends its signature to an address that is neither Google's nor the emulator's.</exception>
    public GcpTokens(GcpServiceAccount account, Uri computeUrl, WireClient wire, ReadRetry retry, TimeProvider time)
    {
        // The key file is a user's upload. Believing any address in it would let a user make the server call whatever it can reach.
        if (!Trusted(account.TokenUri, computeUrl))
        {
            throw new FormatException($"The service account's token_uri points to {account.TokenUri.Host}, which is not Google's.");
        }

        _account = account;
        _wire = wire;
        _retry = retry;
        _time = time;
    }

    /// <summary>A token that lives for another minute at least, or why there is none.</summary>
    public async Task<(Secret? Token, GcpFailure? Failure)> GetAsync(CancellationToken cancellationToken)
    {
        if (Fresh() is { } cached)
        {
            return (cached, null);
        }

        await _gate.WaitAsync(cancellationToken);
        try
        {
            return Fresh() is { } meanwhile ? (meanwhile, null) : await FetchAsync(cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Forgets a token that was refused.</summary>
    public void Drop(Secret refused)
    {
        if (ReferenceEquals(_token?.Value, refused))
        {
            _token = null;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _gate.Dispose();

    private Secret? Fresh() => _token is { } token && _time.GetUtcNow() < token.ExpiresAt - EarlyBy ? token.Value : null;

    private async Task<(Secret? Token, GcpFailure? Failure)> FetchAsync(CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ["assertion"] = _account.Assert(Scope, now),
        };
        var reply = await _retry.RunAsync(
            async token =>
            {
                using var content = new FormUrlEncodedContent(form);
                return await _wire.SendAsync(HttpMethod.Post, _account.TokenUri, null, content, token);
            },
            GcpClient.RateLimitWait,
            cancellationToken);
        if (reply is WireReply.Answer { IsSuccess: true, Json: { } json } && json.Text("access_token") is { } value)
        {
            // A lifetime that is not told is taken as long enough for this call only.
            var lives = TimeSpan.FromSeconds(Math.Clamp(json.Number("expires_in") ?? 0, 0, 86400));
            var secret = new Secret(value);
            _token = new Token(secret, now + lives);
            return (secret, null);
        }

        return (null, FailureOf(reply));
    }

    // Nothing was asked of Compute yet, so each of these is a refusal without effect.
    private GcpFailure FailureOf(WireReply reply) => reply switch
    {
        WireReply.Answer { Status: >= 400 and < 500 and not 429 and not 408 } refused => new(
            ProviderErrorKind.Credentials, "token", Refused: true,
            SafeText.Clean($"No token: HTTP {refused.Status} {refused.Json?.Text("error")} {refused.Json?.Text("error_description")}", _nothing)),
        WireReply.Answer { Status: 429 } => new(ProviderErrorKind.RateLimited, "token", Refused: true, "No token: HTTP 429"),
        WireReply.Answer { IsSuccess: true } => new(ProviderErrorKind.Protocol, "token", Refused: true, "The token's answer holds none."),
        WireReply.Answer answer => new(ProviderErrorKind.Transient, "token", Refused: true, $"No token: HTTP {answer.Status}"),
        WireReply.Lost lost => new(ProviderErrorKind.Transient, "token", Refused: true, $"No token: {lost.Reason}", lost.Cause),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static bool Trusted(Uri token, Uri compute) =>
        (token.Scheme == Uri.UriSchemeHttps && (token.Host is "oauth2.googleapis.com" or "accounts.google.com" or "www.googleapis.com"))
        || (token.Scheme == compute.Scheme
            && (string.Equals(token.Host, compute.Host, StringComparison.OrdinalIgnoreCase) || (token.IsLoopback && compute.IsLoopback)));

    private sealed record Token(Secret Value, DateTimeOffset ExpiresAt);
}
