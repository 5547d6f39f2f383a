using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Output;

/// <summary>Shows an answer in the format asked for. Data only; everything else goes to standard error.</summary>
internal sealed class OutputWriter(CliEnvironment environment, GlobalOptions options)
{
    private const int DerivedColumnsMax = 8;

    private readonly TextWriter _out = environment.Out;
    private readonly Style _style = Style.For(environment, options, environment.OutputIsTerminal);

    /// <summary>True where people read; else the API's own fields are printed.</summary>
    public bool IsForPeople => options.Output is OutputFormat.Table or OutputFormat.Wide && options.Query is null;

    public void Write(JsonNode? answer, CommandSpec command)
    {
        if (options.Query is not null)
        {
            WritePart(JsonQuery.Select(answer, options.Query));
            return;
        }

        switch (options.Output)
        {
            case OutputFormat.Json:
                _out.WriteLine(JsonText.Pretty(answer));
                break;
            case OutputFormat.Yaml:
                new TextTree(_out, new Style(enabled: false), isYaml: true).Write(answer);
                break;
            case OutputFormat.NdJson:
                foreach (var row in RowsOf(answer, command) ?? [answer])
                {
                    _out.WriteLine(JsonText.OneLine(row));
                }

                break;
            case OutputFormat.Csv:
                WriteCsv(RowsOf(answer, command) ?? [answer], command);
                break;
            case OutputFormat.Name:
                foreach (var row in RowsOf(answer, command) ?? [answer])
                {
                    _out.WriteLine(NameOf(row, command));
                }

                break;
            case OutputFormat.Table or OutputFormat.Wide:
                WriteForPeople(answer, command);
                break;
        }
    }

    private void WritePart(JsonNode? part)
    {
        if (options.Output == OutputFormat.Json)
        {
            _out.WriteLine(JsonText.Pretty(part));
        }
        else if (part is JsonObject or JsonArray && (part is JsonObject || part.AsArray().Any(i => i is JsonObject or JsonArray)))
        {
            new TextTree(_out, _style, isYaml: options.Output == OutputFormat.Yaml).Write(part);
        }
        else
        {
            foreach (var item in part is JsonArray list ? [.. list] : new[] { part })
            {
                _out.WriteLine(TerminalText.Clean(item?.ToString() ?? ""));
            }
        }
    }

    private void WriteForPeople(JsonNode? answer, CommandSpec command)
    {
        var rows = RowsOf(answer, command);
        if (rows is null)
        {
            new TextTree(_out, _style, isYaml: false).Write(answer ?? new JsonObject { ["success"] = true });
            return;
        }

        WriteEnvelope(answer, command);
        if (rows.Count > 0 && rows[0] is JsonValue)
        {
            foreach (var row in rows)
            {
                _out.WriteLine(TerminalText.Line(row?.ToString() ?? CellFormat.Absent));
            }
        }
        else if (rows.Count > 0)
        {
            TableRenderer.Write(_out, ColumnsOf(rows, command), rows, environment.Width, _style);
        }

        var footer = string.Create(CultureInfo.InvariantCulture, $"count: {rows.Count}");
        if (command.TotalField is { } field && rows.Count > 0)
        {
            var total = rows.Sum(r => CellFormat.NumberOf(CellFormat.Field(r, field)) ?? CellFormat.NumberOf(CellFormat.Field(r, "dph_total")) ?? 0);
            footer += string.Create(CultureInfo.InvariantCulture, $"  total: ${total:0.000}/h");
        }

        _out.WriteLine(_style.Faint(footer));
    }

    // What stands beside the rows: status: healthy.
    private void WriteEnvelope(JsonNode? answer, CommandSpec command)
    {
        if (answer is not JsonObject envelope)
        {
            return;
        }

        var others = new JsonObject();
        foreach (var (name, value) in envelope)
        {
            if (name != command.Rows && name is not ("count" or "total") && value is not JsonArray { Count: 0 })
            {
                others[name] = value?.DeepClone();
            }
        }

        if (others.Count > 0)
        {
            new TextTree(_out, _style, isYaml: false).Write(others);
        }
    }

    private Column[] ColumnsOf(List<JsonNode?> rows, CommandSpec command)
    {
        if (command.Columns.Length > 0)
        {
            return options.Output == OutputFormat.Wide ? command.Columns : [.. command.Columns.Where(c => !c.IsWide)];
        }

        var names = (rows[0] as JsonObject)?.Where(m => m.Value is null or JsonValue).Select(m => m.Key) ?? [];
        return [.. names.Take(options.Output == OutputFormat.Wide ? int.MaxValue : DerivedColumnsMax)
            .Select(n => new Column(n.ToUpperInvariant().Replace('_', ' '), n))];
    }

    private void WriteCsv(List<JsonNode?> rows, CommandSpec command)
    {
        if (rows.Count > 0 && rows[0] is JsonValue)
        {
            foreach (var row in rows)
            {
                _out.WriteLine(CsvCell(row));
            }

            return;
        }

        var fields = command.Columns.Length > 0 && command.Rows is not null
            ? [.. command.Columns.Select(c => c.Field)]
            : ((rows.Count > 0 ? rows[0] : null) as JsonObject)?.Where(m => m.Value is null or JsonValue).Select(m => m.Key).ToList() ?? [];
        _out.WriteLine(string.Join(',', fields));
        foreach (var row in rows)
        {
            _out.WriteLine(string.Join(',', fields.Select(f => CsvCell(CellFormat.Field(row, f)))));
        }
    }

    private static string CsvCell(JsonNode? value)
    {
        var text = TerminalText.Clean(value is JsonObject or JsonArray ? JsonText.OneLine(value) : value?.ToString() ?? "");

        // A spreadsheet runs text that begins with these as a formula.
        if (value is JsonValue && value.GetValueKind() == JsonValueKind.String && text.Length > 0 && text[0] is '=' or '+' or '-' or '@')
        {
            text = "'" + text;
        }

        return text.AsSpan().IndexOfAny(",\"\n\r") < 0 ? text : '"' + text.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';
    }

    private static string NameOf(JsonNode? row, CommandSpec command)
    {
        if (row is JsonValue)
        {
            return TerminalText.Line(row.ToString());
        }

        var name = CellFormat.Field(row, command.NameField) ?? CellFormat.Field(row, "id") ?? CellFormat.Field(row, "instance_id")
            ?? CellFormat.Field(row, "name");
        return name is null ? CellFormat.Absent : TerminalText.Line(name.ToString());
    }

    // Tolerant where a list is wrapped differently than the table says; null: one object.
    private static List<JsonNode?>? RowsOf(JsonNode? answer, CommandSpec command)
    {
        if (command.Rows is null)
        {
            return null;
        }

        if (answer is JsonArray list)
        {
            return [.. list];
        }

        return (answer as JsonObject)?[command.Rows] switch
        {
            JsonArray rows => [.. rows],
            JsonObject map => [.. map.Select(m => m.Value)],
            _ => null,
        };
    }
}
