using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Dumont.Providers.Wire;

/// <summary>One HTTP exchange under a time limit and a size limit, with every way to fail turned into a value. Retries nothing.</summary>
internal sealed class WireClient(HttpClient http, TimeSpan timeout, TimeProvider time)
{
    /// <summary>Largest answer that is read. A full page of any list is below 1 MiB; more than this is a fault or an attack.</summary>
    public const int BodyBytesMax = 8 * 1024 * 1024;

    /// <summary>Sends once.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up; what was asked may have happened.</exception>
    public async Task<WireReply> SendAsync(
        HttpMethod method, Uri uri, AuthenticationHeaderValue? authorization, HttpContent? content, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, uri) { Content = content };
        request.Headers.Authorization = authorization;
        request.Headers.Accept.ParseAdd("application/json");
        using var limit = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (response.RequestMessage?.RequestUri is { } final && final != uri)
            {
                return new WireReply.Lost(LossKind.Redirected, "The answer came from another address than the one asked.", null);
            }

            var body = await ReadAsync(response.Content, either.Token);
            return body is null
                ? new WireReply.Lost(LossKind.TooLarge, $"The answer is larger than {BodyBytesMax} bytes.", null)
                : new WireReply.Answer((int)response.StatusCode, Encoding.UTF8.GetString(body), ParseOrNull(body));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new WireReply.Lost(LossKind.Timeout, $"No answer within {timeout.TotalSeconds:0.###} s.", null);
        }
        catch (HttpRequestException e)
        {
            return NotSent(e)
                ? new WireReply.Lost(LossKind.NotSent, $"Could not connect ({e.HttpRequestError}).", e)
                : new WireReply.Lost(LossKind.Broken, $"The connection broke ({e.HttpRequestError}).", e);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            // A reset while the body is read, or a body that does not decompress.
            return new WireReply.Lost(LossKind.Broken, "The connection broke in the middle of the answer.", e);
        }
    }

    /// <summary>A JSON body of the bare media type: Vast.ai and its peers compare it for equality.</summary>
    public static HttpContent JsonContent(string json)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(json));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    private static bool NotSent(HttpRequestException e) => e.HttpRequestError
        is HttpRequestError.ConnectionError
        or HttpRequestError.NameResolutionError
        or HttpRequestError.SecureConnectionError
        or HttpRequestError.ProxyTunnelError;

    private static async Task<byte[]?> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > BodyBytesMax)
        {
            return null;
        }

        await using var stream = await content.ReadAsStreamAsync(cancellationToken);
        using var whole = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (whole.Length + read > BodyBytesMax)
            {
                return null;
            }

            whole.Write(buffer, 0, read);
        }

        return whole.ToArray();
    }

    private static JsonElement? ParseOrNull(byte[] body)
    {
        ReadOnlyMemory<byte> json = body.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? body.AsMemory(Encoding.UTF8.Preamble.Length) : body;
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
