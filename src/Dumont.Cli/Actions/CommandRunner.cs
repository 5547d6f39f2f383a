using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Cli.Session;
using Dumont.Contracts;

namespace Dumont.Cli.Actions;

/// <summary>What every command does that the table describes fully: look up, ask, send, wait, show.</summary>
internal static class CommandRunner
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);

    public static async Task<ExitCode> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        await ResolveLabelsAsync(context, cancellationToken);
        if (context.Options.Curl)
        {
            return PrintCurl(context);
        }

        if (context.Command.Confirm is { } question)
        {
            var what = context.Invocation.Positionals.Values.FirstOrDefault() ?? "";
            context.Confirm(new(
                question.English.Replace("{0}", what, StringComparison.Ordinal), question.Portuguese.Replace("{0}", what, StringComparison.Ordinal)));
        }

        var invocation = context.Invocation;
        var answer = await context.Session.SendAsync(
            invocation.Command.Method, invocation.PathAndQuery, invocation.RequestBody, cancellationToken);
        answer = await WaitAsync(context, answer, cancellationToken);
        context.Output.Write(answer ?? new JsonObject { ["success"] = true }, invocation.Command);
        return ExitCode.Ok;
    }

    /// <summary>Replaces labels by ids, so that an instance can be named as its user names it.</summary>
    /// <exception cref="CliException">No instance, or several, have that label.</exception>
    public static async Task ResolveLabelsAsync(CommandContext context, CancellationToken cancellationToken)
    {
        foreach (var positional in context.Command.Positionals)
        {
            if (positional.Kind == PositionalKind.Instance
                && context.Invocation.Positionals.TryGetValue(positional.Name, out var text)
                && !IsNumber(text))
            {
                context.Invocation.Positionals[positional.Name] = await IdOfLabelAsync(context, text, cancellationToken);
            }
        }
    }

    /// <summary>Waits, unless told not to, for what the command is for.</summary>
    /// <param name="context">The command.</param>
    /// <param name="answer">First answer of the server.</param>
    /// <param name="cancellationToken">Ctrl-C; what was started goes on at the server.</param>
    /// <returns>What to show: the first answer with its status brought up to date, or what was polled last.</returns>
    /// <exception cref="CliException">It failed, or took longer than allowed.</exception>
    public static async Task<JsonNode?> WaitAsync(CommandContext context, JsonNode? answer, CancellationToken cancellationToken)
    {
        if (context.Command.Wait is not { } wait || context.Options.NoWait)
        {
            return answer;
        }

        var id = wait.IdField is { } field
            ? (CellFormat.Field(answer, field) ?? CellFormat.Field(answer, "instance_id"))?.ToString()
            : context.Invocation.Positionals.Values.FirstOrDefault();
        if (id is null)
        {
            return answer;
        }

        var path = wait.Path.Replace("{id}", Uri.EscapeDataString(id), StringComparison.Ordinal);
        try
        {
            var last = await PollAsync(context, wait, path, id, cancellationToken);
            return wait.ShowsFinal && last is not null ? last : Updated(answer, wait, last);
        }
        finally
        {
            context.Progress.End();
        }
    }

    private static async Task<JsonNode?> PollAsync(
        CommandContext context, WaitSpec wait, string path, string id, CancellationToken cancellationToken)
    {
        var time = context.Environment.Time;
        var started = time.GetTimestamp();
        var timeout = context.Options.Timeout ?? wait.Timeout;
        while (true)
        {
            JsonNode? current;
            try
            {
                current = await context.Session.SendAsync(ApiMethod.Get, path, null, cancellationToken);
            }
            catch (DumontApiException e) when (e.Status == System.Net.HttpStatusCode.NotFound && wait.Done.Length == 0)
            {
                return null;
            }

            var status = CellFormat.Field(current, wait.StatusField)?.ToString() ?? "unknown";
            Report(context, status, current);
            if (wait.Done.Contains(status) || (wait.Done.Length == 0 && status is "deleted" or "destroyed" or "terminated"))
            {
                return current;
            }

            if (wait.Failed.Contains(status))
            {
                var why = CellFormat.Field(current, "status_message") ?? CellFormat.Field(current, "error") ?? CellFormat.Field(current, "message");
                var tail = why is null ? "" : " — " + TerminalText.Clean(why.ToString());
                throw new CliException(ExitCode.Failure, $"{id}: {wait.StatusField} {status}{tail}", wait.FailureHint.Replace("{id}", id, StringComparison.Ordinal));
            }

            if (time.GetElapsedTime(started) >= timeout)
            {
                var seconds = timeout.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
                throw new CliException(
                    ExitCode.WaitTimeout,
                    new($"{id} is still {status} after {seconds} s; it goes on at the server", $"{id} ainda está {status} após {seconds} s; continua no servidor"),
                    new("wait longer with --timeout 30m", "espere mais com --timeout 30m"));
            }

            await Task.Delay(PollInterval, time, cancellationToken);
        }
    }

    private static void Report(CommandContext context, string status, JsonNode? current)
    {
        if (CellFormat.NumberOf(CellFormat.Field(current, "progress.bytes_done")) is { } done
            && CellFormat.NumberOf(CellFormat.Field(current, "progress.bytes_total")) is > 0 and var total)
        {
            context.Progress.Report(CellFormat.Field(current, "progress.phase")?.ToString() ?? status, done, total);
        }
        else
        {
            context.Progress.Report(CellFormat.Field(current, "progress.phase")?.ToString() ?? status);
        }
    }

    // {"success":true,"status":"pausing"} has become true of the past.
    private static JsonNode? Updated(JsonNode? answer, WaitSpec wait, JsonNode? last)
    {
        if (answer is JsonObject map && CellFormat.Field(last, wait.StatusField) is { } status)
        {
            map[wait.StatusField] = status.DeepClone();
            foreach (var field in wait.UpdatedFields)
            {
                map[field] = CellFormat.Field(last, field)?.DeepClone();
            }
        }

        return answer;
    }

    /// <summary>Prints the call as a curl command. The token stays in the environment, secrets in the body are blanked out.</summary>
    public static ExitCode PrintCurl(CommandContext context)
    {
        var invocation = context.Invocation;
        var parts = new List<string> { "curl", "-sS", "-X", invocation.Command.Method.ToString().ToUpperInvariant() };
        if (context.Session.HasToken)
        {
            parts.Add("-H \"Authorization: Bearer $DUMONT_TOKEN\"");
        }

        if (invocation.RequestBody is { } body)
        {
            parts.Add("-H 'Content-Type: application/json'");
            parts.Add("--data " + ShellQuote(JsonText.OneLine(Secrets.Redact(body))));
        }

        parts.Add(ShellQuote(context.Session.BaseUrl.AbsoluteUri.TrimEnd('/') + invocation.PathAndQuery));
        context.Environment.Out.WriteLine(string.Join(' ', parts));
        return ExitCode.Ok;
    }

    private static string ShellQuote(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static bool IsNumber(string text) => text.All(char.IsAsciiDigit);

    private static async Task<string> IdOfLabelAsync(CommandContext context, string label, CancellationToken cancellationToken)
    {
        var answer = await context.Session.SendAsync(ApiMethod.Get, "/api/v1/instances", null, cancellationToken);
        var instances = (answer as JsonObject)?["instances"] as JsonArray ?? [];
        var matches = instances.Where(i => CellFormat.Field(i, "label")?.ToString() == label).Select(i => CellFormat.Field(i, "id")?.ToString()).ToList();
        return matches switch
        {
            [{ } id] => id,
            [] => throw new CliException(
                ExitCode.NotFound,
                new($"no instance has the number or label '{label}'", $"nenhuma instância tem o número ou rótulo '{label}'"),
                HintFor(label, instances)),
            _ => throw new CliException(
                ExitCode.Conflict,
                new($"several instances have the label '{label}': {string.Join(", ", matches)}", $"várias instâncias têm o rótulo '{label}': {string.Join(", ", matches)}"),
                new("use the number", "use o número")),
        };
    }

    private static Text HintFor(string label, JsonArray instances)
    {
        var near = Suggestions.Near(label, instances.Select(i => CellFormat.Field(i, "label")?.ToString()).OfType<string>());
        return near.Count > 0
            ? new Text($"did you mean {TerminalText.Line(near[0])}?", $"quis dizer {TerminalText.Line(near[0])}?")
            : new Text("list them with: dumont instance list", "liste-as com: dumont instance list");
    }
}
