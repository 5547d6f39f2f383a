using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Microsoft.Net.Http.Headers;
using MediaTypeHeaderValue = Microsoft.Net.Http.Headers.MediaTypeHeaderValue;

namespace Dumont.LocalCloud.Gcp;

/// <summary><c>POST /batch/compute/v1</c>: several calls in one, as a multipart body of HTTP requests.</summary>
/// <remarks>Each part is sent to this same cloud, so that it is answered, and struck by faults, exactly as it would be alone.</remarks>
internal sealed class GcpBatch(IHttpClientFactory clients, FaultBook faults)
{
    public const string ClientName = "gcp-batch";

    private const int PartsMax = 1000;
    private const int BytesMax = 16 << 20;

    /// <summary>One request of the batch.</summary>
    private sealed record Part(string ContentId, string Method, string Path, IReadOnlyList<(string Name, string Value)> Headers, string Body);

    public async Task<IResult> AnswerAsync(HttpContext http)
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 } boundary)
        {
            return GcpError.Invalid("Failed to parse batch request, error: The batch request is not multipart/mixed with a boundary.");
        }

        List<Part> parts;
        try
        {
            parts = await ReadAsync(boundary, http.Request.Body, http.RequestAborted);
        }
        catch (BadRequestException e)
        {
            return GcpError.Invalid($"Failed to parse batch request, error: {e.Message}");
        }

        if (parts.Count is 0 or > PartsMax)
        {
            return GcpError.Invalid($"Failed to parse batch request, error: {parts.Count} parts, where 1 to {PartsMax} are allowed.");
        }

        var done = faults.Strike(kind => kind.Name == FaultKind.PartialBatch, "gcp", CloudOperation.Batch) is null ? parts.Count : (parts.Count + 1) / 2;
        var answer = $"batch_{Guid.NewGuid():N}";
        var text = new StringBuilder();
        foreach (var (index, part) in parts.Index())
        {
            var reply = index < done ? await SendAsync(http, part) : Unavailable;
            text.Append(CultureInfo.InvariantCulture, $"--{answer}\r\nContent-Type: application/http\r\nContent-ID: <response-{part.ContentId.Trim('<', '>')}>\r\n\r\n{reply}\r\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"--{answer}--\r\n");
        return new MultipartAnswer(answer, text.ToString());
    }

    private static string Unavailable { get; } = Render(
        503, "Service Unavailable", """{"error":{"code":503,"message":"The service is currently unavailable.","errors":[{"message":"The service is currently unavailable.","domain":"global","reason":"backendError"}]}}""");

    // By hand: Google's own client ends lines with a line feed alone, which readers of forms do not take.
    private static async Task<List<Part>> ReadAsync(string boundary, Stream body, CancellationToken cancellationToken)
    {
        var buffer = new MemoryStream();
        var chunk = new byte[16 << 10];
        int read;
        while ((read = await body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > BytesMax)
            {
                throw new BadRequestException($"it is longer than {BytesMax >> 20} MiB");
            }
        }

        var text = "\n" + Encoding.UTF8.GetString(buffer.ToArray()).ReplaceLineEndings("\n");
        var sections = text.Split("\n--" + boundary, PartsMax + 3);
        return [.. sections.Skip(1).TakeWhile(section => !section.StartsWith("--", StringComparison.Ordinal)).Select(ParseSection)];
    }

    private static Part ParseSection(string section)
    {
        // The rest of the boundary's line, the section's own headers, an empty line, the request.
        var start = section.IndexOf('\n', StringComparison.Ordinal) + 1;
        var end = section.IndexOf("\n\n", start, StringComparison.Ordinal);
        if (start == 0 || end < 0)
        {
            throw new BadRequestException("a part has no headers");
        }

        var id = section[start..end].Split('\n')
            .Where(line => line.StartsWith("Content-ID:", StringComparison.OrdinalIgnoreCase))
            .Select(line => line["Content-ID:".Length..].Trim())
            .FirstOrDefault("");
        return Parse(id, section[(end + 2)..]);
    }

    private static Part Parse(string contentId, string text)
    {
        var lines = new StringReader(text);
        var first = (lines.ReadLine() ?? "").Split(' ');
        if (first.Length < 2 || !Uri.TryCreate(first[1], UriKind.RelativeOrAbsolute, out var address))
        {
            throw new BadRequestException("a part is not an HTTP request");
        }

        var headers = new List<(string, string)>();
        while (lines.ReadLine() is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                headers.Add((line[..colon].Trim(), line[(colon + 1)..].Trim()));
            }
        }

        // Only calls of this API, whatever host a part names.
        var path = address.IsAbsoluteUri ? address.PathAndQuery : first[1];
        return path.StartsWith("/compute/", StringComparison.Ordinal)
            ? new Part(contentId, first[0], path, headers, lines.ReadToEnd())
            : throw new BadRequestException($"a part asks for {path}, which is not of this API");
    }

    private async Task<string> SendAsync(HttpContext http, Part part)
    {
        using var client = clients.CreateClient(ClientName);
        var port = http.Connection.LocalPort.ToString(CultureInfo.InvariantCulture);
        using var request = new HttpRequestMessage(new HttpMethod(part.Method), new Uri($"http://127.0.0.1:{port}{part.Path}"));
        // Links in answers name the host that the caller used.
        request.Headers.Host = http.Request.Host.Value;
        if (part.Body.Trim().Length > 0)
        {
            request.Content = new StringContent(part.Body, Encoding.UTF8, "application/json");
        }

        var own = part.Headers.FirstOrDefault(header => header.Name.Equals("Authorization", StringComparison.OrdinalIgnoreCase)).Value;
        if (AuthenticationHeaderValue.TryParse(own ?? http.Request.Headers.Authorization.ToString(), out var authorization))
        {
            request.Headers.Authorization = authorization;
        }

        try
        {
            using var response = await client.SendAsync(request, http.RequestAborted);
            return Render((int)response.StatusCode, response.ReasonPhrase ?? "", await response.Content.ReadAsStringAsync(http.RequestAborted));
        }
        catch (HttpRequestException)
        {
            // What breaks the connection of one call breaks that of the batch.
            http.Abort();
            return Unavailable;
        }
    }

    private static string Render(int status, string reason, string body) => string.Create(
        CultureInfo.InvariantCulture, $"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");

    private sealed class MultipartAnswer(string boundary, string body) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var bytes = Encoding.UTF8.GetBytes(body);
            httpContext.Response.ContentType = $"multipart/mixed; boundary={boundary}";
            httpContext.Response.ContentLength = bytes.Length;
            await httpContext.Response.Body.WriteAsync(bytes, httpContext.RequestAborted);
        }
    }
}
