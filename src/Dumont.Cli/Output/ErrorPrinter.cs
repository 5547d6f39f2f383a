using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Contracts;

namespace Dumont.Cli.Output;

/// <summary>Says on standard error what went wrong and what to do, and finds the exit code. With <c>-o json</c>, as one JSON object.</summary>
internal sealed class ErrorPrinter(CliEnvironment environment, GlobalOptions options)
{
    private readonly Style _style = Style.For(environment, options, environment.ErrorIsTerminal);

    public static ExitCode ExitCodeOf(DumontApiException problem) => (int)problem.Status switch
    {
        401 or 403 => ExitCode.Auth,
        402 => ExitCode.Budget,
        404 or 410 => ExitCode.NotFound,
        409 or 412 => ExitCode.Conflict,
        422 => ExitCode.Usage,
        429 => ExitCode.RateLimited,
        502 or 503 or 504 => ExitCode.Unavailable,
        _ => ExitCode.Failure,
    };

    public ExitCode Print(CliException e)
    {
        if (options.Output is OutputFormat.Json or OutputFormat.NdJson)
        {
            PrintJson(new JsonObject { ["error"] = Say(e.Text), ["hint"] = e.Hint is { } h ? Say(h) : null, ["exit_code"] = (int)e.ExitCode });
            return e.ExitCode;
        }

        Line(Say(e.Text));
        Hint(e.Hint is { } hint ? Say(hint) : null);
        return e.ExitCode;
    }

    /// <param name="problem">The server's answer.</param>
    /// <param name="path">What was asked for.</param>
    /// <param name="otherServer">Server that the user is logged in to instead, if so.</param>
    public ExitCode Print(DumontApiException problem, string path, string? otherServer)
    {
        var exitCode = ExitCodeOf(problem);
        if (options.Output is OutputFormat.Json or OutputFormat.NdJson)
        {
            PrintJson(problem.Body?.DeepClone() ?? new JsonObject { ["status"] = (int)problem.Status, ["detail"] = problem.Detail });
            return exitCode;
        }

        var reason = ReasonOf(problem.Status);
        var line = string.Create(CultureInfo.InvariantCulture, $"{(int)problem.Status} {reason}");
        var detail = TerminalText.Clean(problem.Detail);
        Line(detail.Length == 0 || detail.Equals(reason, StringComparison.OrdinalIgnoreCase) ? line : $"{line} — {detail}");
        if (problem.Status == HttpStatusCode.NotFound)
        {
            environment.Error.WriteLine($"  {Say(new("Not found:", "Não encontrado:"))} {path}");
        }

        foreach (var (field, messages) in problem.Errors)
        {
            environment.Error.WriteLine($"  {TerminalText.Line(field)}: {TerminalText.Line(string.Join("; ", messages))}");
        }

        Hint(HintFor(problem, otherServer));
        if (problem.RequestId is { } id)
        {
            environment.Error.WriteLine(_style.Faint($"request id: {TerminalText.Line(id)}"));
        }

        return exitCode;
    }

    public ExitCode Print(HttpRequestException e, Uri server)
    {
        var cause = e.InnerException is SocketException or IOException ? e.InnerException.Message : e.Message;
        return Print(new CliException(
            ExitCode.Unavailable,
            new($"Could not connect to {server.AbsoluteUri.TrimEnd('/')} — {cause}", $"Não foi possível conectar a {server.AbsoluteUri.TrimEnd('/')} — {cause}"),
            new("start a server with ./dumont up, or name yours with --base-url or DUMONT_BASE_URL",
                "inicie um servidor com ./dumont up, ou indique o seu com --base-url ou DUMONT_BASE_URL")));
    }

    /// <summary>A defect of ours: one line, and the trace only with <c>--debug</c>.</summary>
    public ExitCode PrintDefect(Exception e)
    {
        Line($"{e.GetType().Name}: {TerminalText.Clean(e.Message)}");
        if (options.Debug)
        {
            environment.Error.WriteLine(TerminalText.Clean(e.ToString()));
        }
        else
        {
            Hint(Say(new("run again with --debug for the details", "execute de novo com --debug para ver os detalhes")));
        }

        return ExitCode.Failure;
    }

    private string? HintFor(DumontApiException problem, string? otherServer)
    {
        if (problem.Status == HttpStatusCode.Unauthorized)
        {
            return otherServer is null
                ? Say(new("log in with: dumont auth login <email>", "entre com: dumont auth login <email>"))
                : Say(new($"you are logged in to {otherServer}; log in to this server with: dumont auth login <email>",
                    $"sua sessão é de {otherServer}; entre neste servidor com: dumont auth login <email>"));
        }

        if (problem.Hint is { } hint)
        {
            return TerminalText.Clean(hint);
        }

        return problem.RetryAfter is { } wait
            ? Say(new($"try again in {Math.Ceiling(wait.TotalSeconds):0} s", $"tente de novo em {Math.Ceiling(wait.TotalSeconds):0} s"))
            : null;
    }

    // English whatever the language: scripts look for "401 Unauthorized".
    private static string ReasonOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => "Unauthorized",
        HttpStatusCode.NotFound => "Not Found",
        HttpStatusCode.PaymentRequired => "Payment Required",
        HttpStatusCode.UnprocessableEntity => "Unprocessable Entity",
        HttpStatusCode.TooManyRequests => "Too Many Requests",
        HttpStatusCode.BadRequest => "Bad Request",
        HttpStatusCode.InternalServerError => "Internal Server Error",
        HttpStatusCode.ServiceUnavailable => "Service Unavailable",
        _ => status.ToString(),
    };

    private void Line(string text) => environment.Error.WriteLine($"{_style.Red(Say(new("error:", "erro:")))} {text}");

    private void Hint(string? text)
    {
        if (!string.IsNullOrEmpty(text) && !options.Quiet)
        {
            environment.Error.WriteLine($"{_style.Yellow(Say(new("hint:", "dica:")))} {text}");
        }
    }

    private void PrintJson(JsonNode node) => environment.Error.WriteLine(JsonText.OneLine(node));

    private string Say(Text text) => text.In(options.Language);
}
