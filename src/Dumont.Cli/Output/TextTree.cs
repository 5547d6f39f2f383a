using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dumont.Cli.Output;

/// <summary>Objects as indented <c>name: value</c> lines: for people as they are, or as YAML with the quotes that YAML needs.</summary>
internal sealed class TextTree(TextWriter output, Style style, bool isYaml)
{
    // What means something in YAML, wherever it stands.
    private static readonly SearchValues<char> Special = SearchValues.Create(":#\"'\n\t{}[],&*!|>%@`");

    public void Write(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } map:
                WriteMap(map, 0, indentFirst: true);
                break;
            case JsonArray { Count: > 0 } list:
                WriteList(list, 0);
                break;
            default:
                output.WriteLine(Scalar(null, node));
                break;
        }
    }

    private void WriteMap(JsonObject map, int depth, bool indentFirst)
    {
        var first = true;
        foreach (var (name, value) in map)
        {
            var indent = first && !indentFirst ? "" : new string(' ', depth * 2);
            first = false;
            var key = style.Bold(isYaml ? QuoteIfNeeded(name) : TerminalText.Line(name)) + ":";
            switch (value)
            {
                case JsonObject { Count: > 0 } child:
                    output.WriteLine(indent + key);
                    WriteMap(child, depth + 1, indentFirst: true);
                    break;
                case JsonArray { Count: > 0 } list when isYaml || list.Any(i => i is JsonObject or JsonArray):
                    output.WriteLine(indent + key);
                    WriteList(list, depth);
                    break;
                case JsonArray { Count: > 0 } list:
                    output.WriteLine($"{indent}{key} {string.Join(", ", list.Select(i => Scalar(null, i)))}");
                    break;
                default:
                    output.WriteLine($"{indent}{key} {Scalar(name, value)}");
                    break;
            }
        }
    }

    private void WriteList(JsonArray list, int depth)
    {
        foreach (var item in list)
        {
            var indent = new string(' ', depth * 2);
            switch (item)
            {
                case JsonObject { Count: > 0 } map:
                    output.Write(indent + "- ");
                    WriteMap(map, depth + 1, indentFirst: false);
                    break;
                case JsonArray { Count: > 0 } inner:
                    output.WriteLine(indent + "-");
                    WriteList(inner, depth + 1);
                    break;
                default:
                    output.WriteLine($"{indent}- {Scalar(null, item)}");
                    break;
            }
        }
    }

    private string Scalar(string? name, JsonNode? value)
    {
        switch (value)
        {
            case null:
                return isYaml ? "null" : CellFormat.Absent;
            case JsonObject:
                return isYaml ? "{}" : CellFormat.Absent;
            case JsonArray:
                return isYaml ? "[]" : CellFormat.Absent;
        }

        var text = value.ToString();
        if (value.GetValueKind() != JsonValueKind.String)
        {
            return isYaml || name is null ? text : text + UnitOf(name);
        }

        if (isYaml)
        {
            return QuoteIfNeeded(text);
        }

        var clean = TerminalText.Clean(text).Replace("\n", "\n    ", StringComparison.Ordinal);
        return name is "status" or "state" or "phase" or "actual_status" ? style.State(clean, clean) : clean.Length == 0 ? CellFormat.Absent : clean;
    }

    // The API's names carry few units; these are said in docs/glossary.md.
    private static string UnitOf(string name) => name switch
    {
        "dph_total" or "total_dph" or "min_bid" or "min_price" or "max_price" or "avg_price" or "median_price" => " $/h",
        "gpu_ram" or "cpu_ram" or "ram_used" or "ram_total" or "disk_space" or "disk_gb" or "gcp_disk_size" => " GB",
        "inet_down" or "inet_up" => " Mbit/s",
        "gpu_util" or "cpu_util" => " %",
        "gpu_temp" => " °C",
        "sync_interval" or "expires_in" or "rpo_seconds" => " s",
        _ when name.EndsWith("_ms", StringComparison.Ordinal) => " ms",
        _ => "",
    };

    private static string QuoteIfNeeded(string text)
    {
        var plain = text.Length > 0 && !char.IsWhiteSpace(text[0]) && !char.IsWhiteSpace(text[^1])
            && text.AsSpan().IndexOfAny(Special) < 0 && text[0] is not '-' and not '?' and not '~' and not '='
            && text.ToLowerInvariant() is not ("true" or "false" or "null" or "yes" or "no" or "on" or "off" or "y" or "n" or ".nan" or ".inf")
            && !double.TryParse(text, NumberStyles.Any, CultureInfo.InvariantCulture, out _) && !LooksLikeDate(text) && IsPrintable(text);

        // A JSON string is a YAML double-quoted string.
        return plain ? text : JsonText.Quote(text);
    }

    private static bool LooksLikeDate(string text) => text.Length >= 8 && char.IsAsciiDigit(text[0]) && text.Contains('-', StringComparison.Ordinal);

    private static bool IsPrintable(string text) => text.All(c => c >= ' ' && c is < '\u007f' or > '\u00a0');
}
