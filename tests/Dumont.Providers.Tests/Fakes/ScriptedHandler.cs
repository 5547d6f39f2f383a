using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Dumont.Providers.Tests.Fakes;

/// <summary>A request as it would have gone out.</summary>
public sealed record SentRequest(HttpMethod Method, Uri Uri, string? Authorization, string? Body, string? MediaType)
{
    public string Path => Uri.AbsolutePath;

    public JsonElement Json => JsonElement.Parse(Body!);
}

/// <summary>Stands in for the network: answers each request by a function and remembers all of them.</summary>
public sealed class ScriptedHandler(Func<SentRequest, CancellationToken, Task<HttpResponseMessage>> answer) : HttpMessageHandler
{
    private readonly ConcurrentQueue<SentRequest> _sent = new();

    public ScriptedHandler(Func<SentRequest, HttpResponseMessage> answer)
        : this((request, _) => Task.FromResult(answer(request)))
    {
    }

    public IReadOnlyList<SentRequest> Sent => [.. _sent];

    public static HttpResponseMessage Json(string json, int status = 200) => Text(json, status, "application/json");

    public static HttpResponseMessage Text(string text, int status, string mediaType = "text/plain") =>
        new((HttpStatusCode)status) { Content = new StringContent(text, Encoding.UTF8, mediaType) };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? null : await request.Content.ReadAsStringAsync(cancellationToken);
        var sent = new SentRequest(
            request.Method, request.RequestUri!, request.Headers.Authorization?.ToString(), body, request.Content?.Headers.ContentType?.ToString());
        _sent.Enqueue(sent);
        var response = await answer(sent, cancellationToken);
        response.RequestMessage ??= request;
        return response;
    }
}
