using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Cli.Session;

namespace Dumont.Cli.Drills;

/// <summary><c>FAILOVER_PERFORMANCE_REPORT.md</c> and a page with the same, which needs nothing else: from the failovers that the server has recorded.</summary>
internal static class FailoverReportFiles
{
    private const string Name = "FAILOVER_PERFORMANCE_REPORT";
    private const int Days = 30;
    private const int BarHeight = 16;
    private const int LabelWidth = 150;
    private const int BarsWidth = 460;

    private sealed record Figure(Text Name, Distribution Values);

    /// <summary>Writes both into the current folder when the command was given <c>--report</c>.</summary>
    public static async Task WriteIfAskedAsync(CommandContext context, ServerSession session, CancellationToken cancellationToken)
    {
        if (context.Invocation.Members["report"]?.GetValue<bool>() != true)
        {
            return;
        }

        var report = await session.SendAsync(ApiMethod.Get, $"/api/v1/standby/failover/report?days={Days}", null, cancellationToken);
        var (language, at) = (context.Options.Language, context.Environment.Time.GetUtcNow());
        await File.WriteAllTextAsync(Name + ".md", Markdown(report, language, at), cancellationToken);
        await File.WriteAllTextAsync(Name + ".html", Page(report, language, at), cancellationToken);
        context.Note(new($"wrote {Name}.md and {Name}.html", $"escritos {Name}.md e {Name}.html"));
    }

    /// <summary>The report as Markdown.</summary>
    public static string Markdown(JsonNode? report, Language language, DateTimeOffset at)
    {
        var text = new StringBuilder($"# {Title.In(language)}\n\n{Intro(report, at).In(language)}\n\n| | |\n| --- | --- |\n");
        foreach (var (name, value) in Facts(report))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {name.In(language)} | {TerminalText.Line(value)} |\n");
        }

        foreach (var (name, values) in Figures(report))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {name.In(language)}\n\n{Summary(values)}\n\n```\n{values.Bars("s")}```\n");
        }

        return text.ToString();
    }

    /// <summary>The report as a page without scripts, fonts or addresses of others.</summary>
    public static string Page(JsonNode? report, Language language, DateTimeOffset at)
    {
        var title = WebUtility.HtmlEncode(Title.In(language));
        var text = new StringBuilder(
            $$"""
            <!doctype html>
            <html lang="{{(language == Language.Portuguese ? "pt-BR" : "en")}}">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{{title}}</title>
            <style>
            :root { color-scheme: light dark; --bar: #2f6fdb; --faint: #6b7280; }
            body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
            table { border-collapse: collapse; } th { text-align: left; font-weight: 600; } th, td { padding: .2rem 1.5rem .2rem 0; }
            svg { max-width: 100%; height: auto; } rect { fill: var(--bar); } text { fill: currentColor; font-size: 12px; } p { color: var(--faint); }
            </style>
            </head>
            <body>
            <h1>{{title}}</h1>
            <p>{{WebUtility.HtmlEncode(Intro(report, at).In(language))}}</p>
            <table>

            """);
        foreach (var (name, value) in Facts(report))
        {
            text.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{WebUtility.HtmlEncode(name.In(language))}</th><td>{WebUtility.HtmlEncode(value)}</td></tr>\n");
        }

        text.Append("</table>\n");
        foreach (var (name, values) in Figures(report))
        {
            text.Append(CultureInfo.InvariantCulture, $"<h2>{WebUtility.HtmlEncode(name.In(language))}</h2>\n<p>{Summary(values)}</p>\n{Drawing(name.In(language), values)}\n");
        }

        return text.Append("</body>\n</html>\n").ToString();
    }

    private static Text Title => new("Failover performance", "Desempenho do failover");

    private static Text Intro(JsonNode? report, DateTimeOffset at)
    {
        var when = at.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
        return new(
            $"Failovers that the server has recorded in the last {Word(report, "period_days")} days, {when}.",
            $"Failovers registrados pelo servidor nos últimos {Word(report, "period_days")} dias, {when}.");
    }

    private static IEnumerable<(Text Name, string Value)> Facts(JsonNode? report)
    {
        yield return (new("failovers", "failovers"), Word(report, "total_failovers"));
        yield return (new("came back to a GPU", "voltaram a uma GPU"), Word(report, "successful_failovers"));
        yield return (new("failed", "falharam"), Word(report, "failed_failovers"));
        yield return (new("success rate, %", "taxa de sucesso, %"), Word(report, "success_rate"));
        yield return (new("mean time until users were served, s", "tempo médio até atender, s"), Word(report, "mttr_seconds"));
        yield return (new("most frequent cause", "causa mais frequente"), Word(report, "primary_cause"));
    }

    /// <summary>A figure without a value is left out, not zero.</summary>
    private static IEnumerable<Figure> Figures(JsonNode? report)
    {
        var history = report?["history"] as JsonArray ?? [];
        List<(Text Name, Func<JsonNode?, double?> Read)> figures =
        [
            (new("Until users are served: detection and switch", "Até atender: detecção e troca"), f => Phase(f, "detecting") + Phase(f, "gpu_lost")),
            (new("Detection", "Detecção"), f => Phase(f, "detecting")),
            (new("Decision until the address is switched", "Decisão até o endereço trocado"), f => Phase(f, "gpu_lost")),
            (new("Renting and booting the new GPU", "Aluguel e início da nova GPU"), f => Phase(f, "provisioning")),
            (new("Restoring the workspace", "Restauração do workspace"), f => Phase(f, "restoring")),
            (new("Back on a GPU", "De volta a uma GPU"), f => CellFormat.Field(f, "success")?.ToString() == "true" ? CellFormat.NumberOf(CellFormat.Field(f, "total_time_ms")) / 1000 : null),
            (new("RPO by the last report", "RPO pelo último relato"), f => CellFormat.NumberOf(CellFormat.Field(f, "rpo_seconds"))),
        ];
        foreach (var (name, read) in figures)
        {
            var values = new Distribution(history.Select(read).OfType<double>());
            if (values.Count > 0)
            {
                yield return new Figure(name, values);
            }
        }
    }

    private static double? Phase(JsonNode? failover, string phase) => CellFormat.NumberOf(CellFormat.Field(failover, "phase_timings_ms." + phase)) / 1000;

    private static string Summary(Distribution values) => string.Create(
        CultureInfo.InvariantCulture,
        $"n = {values.Count}, p50 {values.Percentile(0.5):0.000} s, p95 {values.Percentile(0.95):0.000} s, p99 {values.Percentile(0.99):0.000} s, max {values.Max:0.000} s");

    private static string Drawing(string name, Distribution values)
    {
        var buckets = values.Buckets();
        var most = buckets.Max(bucket => bucket.Count);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"<svg role=\"img\" aria-label=\"{WebUtility.HtmlEncode(name)}\" viewBox=\"0 0 {LabelWidth + BarsWidth + 50} {(buckets.Count * (BarHeight + 4)) + 4}\" width=\"{LabelWidth + BarsWidth + 50}\">\n");
        for (var i = 0; i < buckets.Count; i++)
        {
            var (y, width) = ((i * (BarHeight + 4)) + 4, (double)BarsWidth * buckets[i].Count / most);
            text.Append(CultureInfo.InvariantCulture, $"<text x=\"{LabelWidth - 10}\" y=\"{y + 12}\" text-anchor=\"end\">{buckets[i].From:0.###} – {buckets[i].To:0.###} s</text>");
            text.Append(CultureInfo.InvariantCulture, $"<rect x=\"{LabelWidth}\" y=\"{y}\" width=\"{width:0.#}\" height=\"{BarHeight}\" rx=\"2\"/>");
            text.Append(CultureInfo.InvariantCulture, $"<text x=\"{LabelWidth + width + 6:0.#}\" y=\"{y + 12}\">{buckets[i].Count}</text>\n");
        }

        return text.Append("</svg>").ToString();
    }

    private static string Word(JsonNode? node, string field) => CellFormat.Field(node, field)?.ToString() ?? CellFormat.Absent;
}
