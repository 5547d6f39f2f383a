using System.Globalization;
using Dumont.Cli.Output;

namespace Dumont.Cli.Session;

/// <summary>Writes every request and answer to standard error, secrets blanked out.</summary>
internal sealed class DebugHandler(TextWriter error) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        error.WriteLine($"> {request.Method} {request.RequestUri}");
        foreach (var (name, values) in request.Headers)
        {
            error.WriteLine($"> {name}: {(name == "Authorization" ? "Bearer " + Secrets.Blank : string.Join(", ", values))}");
        }

        if (request.Content is not null)
        {
            error.WriteLine("> " + Secrets.Redact(await request.Content.ReadAsStringAsync(cancellationToken)));
        }

        error.Flush();
        var started = TimeProvider.System.GetTimestamp();
        var response = await base.SendAsync(request, cancellationToken);
        var elapsed = TimeProvider.System.GetElapsedTime(started);
        error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"< {(int)response.StatusCode} {response.ReasonPhrase} ({elapsed.TotalMilliseconds:0} ms)"));
        foreach (var (name, values) in response.Headers)
        {
            error.WriteLine($"< {name}: {(name == "Set-Cookie" ? Secrets.Blank : TerminalText.Line(string.Join(", ", values)))}");
        }

        await response.Content.LoadIntoBufferAsync(cancellationToken);
        error.WriteLine("< " + TerminalText.Clean(Secrets.Redact(await response.Content.ReadAsStringAsync(cancellationToken))));
        error.Flush();
        return response;
    }
}
