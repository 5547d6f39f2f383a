using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Gcp;

/// <summary>Speaks the Compute API's wire: addresses, tokens, and the one rule of repetition: reads may be repeated, effects never,
/// but for the one that a stale token stopped at the door.</summary>
internal sealed class GcpClient : IDisposable
{
    /// <summary>Wait after a 429: Google's guide asks for about a second and more each time.</summary>
    public static readonly TimeSpan RateLimitWait = TimeSpan.FromSeconds(1);

    private readonly WireClient _wire;
    private readonly ReadRetry _retry;
    private readonly GcpTokens _tokens;
    private readonly Uri _project;

    /// <summary>Speaks for <paramref name="account"/> in <paramref name="projectId"/>.</summary>
    public GcpClient(
        HttpClient http, GcpOptions options, GcpServiceAccount account, string projectId, TimeProvider time, Random random)
    {
        _wire = new WireClient(http, options.Timeout, time);
        _retry = new ReadRetry(time, random);
        _tokens = new GcpTokens(account, options.ComputeUrl, _wire, _retry, time);
        _project = new Uri($"{options.ComputeUrl.AbsoluteUri.TrimEnd('/')}/projects/{projectId}/");
    }

    /// <summary>Reads <paramref name="path"/>, relative to the project.</summary>
    public Task<GcpReply> ReadAsync(string path, CancellationToken cancellationToken) => WithTokenAsync(
        (token, cancel) => _retry.RunAsync(inner => SendAsync(HttpMethod.Get, path, null, token, inner), RateLimitWait, cancel),
        cancellationToken);

    /// <summary>Asks for an effect, once.</summary>
    public Task<GcpReply> ActAsync(HttpMethod method, string path, JsonObject? body, CancellationToken cancellationToken) =>
        WithTokenAsync((token, cancel) => SendAsync(method, path, body, token, cancel), cancellationToken);

    /// <inheritdoc />
    public void Dispose() => _tokens.Dispose();

    private async Task<GcpReply> WithTokenAsync(
        Func<Secret, CancellationToken, Task<WireReply>> send, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var (token, failure) = await _tokens.GetAsync(cancellationToken);
            if (token is null)
            {
                return new GcpReply(default, failure);
            }

            var reply = await send(token, cancellationToken);

            // A 401 is decided before anything is done, so even an effect may be asked again with a new token, once.
            if (attempt == 1 && reply is WireReply.Answer { Status: 401 })
            {
                _tokens.Drop(token);
                continue;
            }

            return GcpErrors.Sort(reply, token);
        }
    }

    private async Task<WireReply> SendAsync(HttpMethod method, string path, JsonObject? body, Secret token, CancellationToken cancellationToken)
    {
        using var content = body is null ? null : WireClient.JsonContent(body.ToJsonString());
        var authorization = new AuthenticationHeaderValue("Bearer", token.Reveal());
        return await _wire.SendAsync(method, new Uri(_project, path), authorization, content, cancellationToken);
    }
}
