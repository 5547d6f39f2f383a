using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Output;

/// <summary>Aligned columns that fit the terminal.</summary>
internal static class TableRenderer
{
    private const int Gap = 2;
    private const int FlexibleWidthMin = 8;

    /// <summary>Writes header and rows.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="columns">Columns, most important first: the last are left out when nothing else helps.</param>
    /// <param name="rows">Objects.</param>
    /// <param name="width">Columns of the terminal; null for no limit.</param>
    /// <param name="style">Colours.</param>
    public static void Write(TextWriter output, IReadOnlyList<Column> columns, IReadOnlyList<JsonNode?> rows, int? width, Style style)
    {
        var cells = rows.Select(row => columns.Select(c => CellFormat.Show(CellFormat.Field(row, c.Field), c.Format)).ToArray()).ToArray();
        var widths = columns.Select((c, i) => cells.Select(r => TerminalText.Width(r[i])).Append(c.Header.Length).Max()).ToList();
        var shown = columns.Count;
        if (width is { } limit)
        {
            shown = Fit(columns, widths, limit);
        }

        WriteLine(output, shown, widths, columns, i => columns[i].Header, (_, text) => style.Bold(text));
        foreach (var row in cells)
        {
            WriteLine(output, shown, widths, columns, i => TerminalText.Truncate(row[i], widths[i]), (i, text) =>
                columns[i].Format == ColumnFormat.State ? style.State(row[i], text) : text);
        }
    }

    private static void WriteLine(
        TextWriter output, int shown, List<int> widths, IReadOnlyList<Column> columns, Func<int, string> textOf, Func<int, string, string> paint)
    {
        var line = new StringBuilder();
        for (var i = 0; i < shown; i++)
        {
            var text = textOf(i);
            var padding = new string(' ', Math.Max(0, widths[i] - TerminalText.Width(text)));
            var last = i == shown - 1;
            if (CellFormat.IsRightAligned(columns[i].Format))
            {
                line.Append(padding).Append(paint(i, text));
            }
            else
            {
                line.Append(paint(i, text)).Append(last ? "" : padding);
            }

            line.Append(' ', last ? 0 : Gap);
        }

        output.WriteLine(line.ToString());
    }

    // Shows as many columns as fit with their text columns cut, the widest first; leaves out columns from the right when that is not enough.
    private static int Fit(IReadOnlyList<Column> columns, List<int> widths, int limit)
    {
        var natural = widths.ToArray();
        for (var shown = columns.Count; shown > 1; shown--)
        {
            natural.CopyTo(CollectionsMarshal.AsSpan(widths));
            while (Total(widths, shown) > limit && WidestFlexible(columns, widths, shown) is { } widest)
            {
                widths[widest]--;
            }

            if (Total(widths, shown) <= limit)
            {
                return shown;
            }
        }

        return 1;
    }

    private static int? WidestFlexible(IReadOnlyList<Column> columns, List<int> widths, int shown)
    {
        int? widest = null;
        for (var i = 0; i < shown; i++)
        {
            if (columns[i].IsFlexible && widths[i] > FlexibleWidthMin && (widest is null || widths[i] > widths[widest.Value]))
            {
                widest = i;
            }
        }

        return widest;
    }

    private static int Total(List<int> widths, int shown)
    {
        var total = Gap * (shown - 1);
        for (var i = 0; i < shown; i++)
        {
            total += widths[i];
        }

        return total;
    }
}
