using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Http;

/// <summary>A JSON answer whose content type is exactly <c>application/json</c>: Vast.ai's own client compares it for equality.</summary>
internal sealed class JsonAnswer(JsonNode body, int status = StatusCodes.Status200OK) : IResult
{
    private static readonly JsonSerializerOptions Format = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body, Format);
        httpContext.Response.StatusCode = status;
        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = bytes.Length;
        await httpContext.Response.Body.WriteAsync(bytes, httpContext.RequestAborted);
    }
}

/// <summary>A plain-text answer, as a proxy before the provider gives it.</summary>
internal sealed class TextAnswer(string body, int status, string type = "text/plain") : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = status;
        httpContext.Response.ContentType = type;
        await httpContext.Response.WriteAsync(body, httpContext.RequestAborted);
    }
}
