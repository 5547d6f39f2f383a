using System.Net;

namespace Dumont.Providers.Tests.Fakes;

/// <summary>One way for an exchange to go wrong, and what it must mean.</summary>
/// <param name="Name">For the test's name.</param>
/// <param name="Kind">What it means.</param>
/// <param name="Refused">The provider itself said no: nothing happened.</param>
/// <param name="Answer">Plays it.</param>
public sealed record Fault(string Name, ProviderErrorKind Kind, bool Refused, Func<CancellationToken, Task<HttpResponseMessage>> Answer)
{
    public override string ToString() => Name;
}

/// <summary>The rows of the fault matrix that an HTTP client can meet.</summary>
public static class Faults
{
    /// <summary>Faults of the wire, the same for every provider.</summary>
    public static IEnumerable<Fault> Common { get; } =
    [
        Throws("connection refused", HttpRequestError.ConnectionError),
        Throws("unknown host", HttpRequestError.NameResolutionError),
        Throws("certificate expired", HttpRequestError.SecureConnectionError),
        Throws("reset before the answer", HttpRequestError.ResponseEnded),
        new("timeout of the transport", ProviderErrorKind.Transient, false, _ => throw new TaskCanceledException("timed out")),
        Body("500 plain", 500, "Internal Server Error", ProviderErrorKind.Transient),
        Body("502 html", 502, "<html><body>Bad Gateway</body></html>", ProviderErrorKind.Transient),
        Body("503 json", 503, """{"success":false,"error":"unavailable"}""", ProviderErrorKind.Transient),
        Body("504 empty", 504, "", ProviderErrorKind.Transient),
        Body("408", 408, "Request Timeout", ProviderErrorKind.Transient),
        Body("302", 302, "Moved", ProviderErrorKind.Protocol),
        Body("200 html", 200, "<html>Maintenance</html>", ProviderErrorKind.Protocol),
        Body("200 empty", 200, "", ProviderErrorKind.Protocol),
        Body("200 truncated", 200, """{"offers":[{"id":1""", ProviderErrorKind.Protocol),
        Body("200 NaN", 200, """{"success":true,"credit":NaN,"instances":NaN}""", ProviderErrorKind.Protocol),
        Body("200 array", 200, "[1,2]", ProviderErrorKind.Protocol),
        Body("200 wrong types", 200, """{"offers":"x","instances":"y","credit":[],"items":7,"status":3,"name":1}""", ProviderErrorKind.Protocol),
        Body("404 html", 404, "<html>Not Found no_such_instance no_such_ask notFound</html>", ProviderErrorKind.Protocol),
        new("200 huge", ProviderErrorKind.Protocol, false, _ => Task.FromResult(Huge())),
        new("200 huge, length untold", ProviderErrorKind.Protocol, false, _ => Task.FromResult(Stream(new EndlessStream()))),
        new("reset in the body", ProviderErrorKind.Transient, false, _ => Task.FromResult(Stream(new BreakingStream()))),
    ];

    public static Fault Body(string name, int status, string body, ProviderErrorKind kind, bool refused = false) => new(
        name, kind, refused, _ => Task.FromResult(ScriptedHandler.Text(body, status, body.StartsWith('{') ? "application/json" : "text/html")));

    private static Fault Throws(string name, HttpRequestError error) => new(
        name, ProviderErrorKind.Transient, false, _ => throw new HttpRequestException(error, "the wire said no"));

    private static HttpResponseMessage Huge()
    {
        var response = Stream(new EndlessStream());
        response.Content.Headers.ContentLength = 100L << 20;
        return response;
    }

    private static HttpResponseMessage Stream(Stream stream) => new(HttpStatusCode.OK) { Content = new StreamContent(stream) };

    private sealed class EndlessStream : FakeStream
    {
        public override int Read(byte[] buffer, int offset, int count)
        {
            buffer.AsSpan(offset, count).Fill((byte)' ');
            return count;
        }
    }

    private sealed class BreakingStream : FakeStream
    {
        private bool _begun;

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (_begun)
            {
                throw new IOException("Connection reset by peer");
            }

            _begun = true;
            "{\"success\":true,"u8.CopyTo(buffer.AsSpan(offset));
            return 16;
        }
    }

    private abstract class FakeStream : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
