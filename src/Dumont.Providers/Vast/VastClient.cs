using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Vast;

/// <summary>Speaks Vast.ai's wire: addresses, key, pace, and the one rule of repetition: reads may be repeated, effects never.</summary>
internal sealed class VastClient(HttpClient http, VastOptions options, Secret apiKey, TimeProvider time, Random random)
{
    private readonly WireClient _wire = new(http, options.Timeout, time);
    private readonly ReadRetry _retry = new(time, random);
    private readonly VastPace _pace = new(time, options.PaceRequests);
    private readonly Uri _base = WithSlash(options.BaseUrl);

    /// <summary>Reads; repeated within bounds when refused for haste or when the provider stumbles.</summary>
    public async Task<VastReply> ReadAsync(
        HttpMethod method, string path, VastFamily family, JsonNode? body, CancellationToken cancellationToken)
    {
        var reply = await _retry.RunAsync(
            token => SendAsync(method, path, family, body, token), VastPace.IntervalOf(family), cancellationToken);
        return VastErrors.Sort(reply, apiKey);
    }

    /// <summary>Asks for an effect, once.</summary>
    public async Task<VastReply> ActAsync(
        HttpMethod method, string path, VastFamily family, JsonNode? body, CancellationToken cancellationToken) =>
        VastErrors.Sort(await SendAsync(method, path, family, body, cancellationToken), apiKey);

    private async Task<WireReply> SendAsync(
        HttpMethod method, string path, VastFamily family, JsonNode? body, CancellationToken cancellationToken)
    {
        if (!await _pace.TryEnterAsync(family, cancellationToken))
        {
            // Our own refusal, worded as the provider's would be: nothing was sent.
            return new WireReply.Answer(429, "Too many requests are waiting for their turn at Vast.ai.", null);
        }

        using var content = body is null ? null : WireClient.JsonContent(body.ToJsonString());
        var authorization = new AuthenticationHeaderValue("Bearer", apiKey.Reveal());
        return await _wire.SendAsync(method, new Uri(_base, path), authorization, content, cancellationToken);
    }

    private static Uri WithSlash(Uri url) => url.AbsoluteUri.EndsWith('/') ? url : new Uri(url.AbsoluteUri + "/");
}
