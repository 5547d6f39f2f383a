using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Output;

/// <summary>JSON values as people read them.</summary>
internal static class CellFormat
{
    public const string Absent = "-";

    public static string Show(JsonNode? value, ColumnFormat format)
    {
        if (value is null)
        {
            return Absent;
        }

        if (NumberOf(value) is { } number)
        {
            switch (format)
            {
                case ColumnFormat.Integer:
                    return number.ToString("0", CultureInfo.InvariantCulture);
                case ColumnFormat.UsdPerHour:
                    return number.ToString("$0.000", CultureInfo.InvariantCulture);
                case ColumnFormat.Usd:
                    return number.ToString("$0.00", CultureInfo.InvariantCulture);
                case ColumnFormat.Gigabytes:
                    return number.ToString("0.#", CultureInfo.InvariantCulture) + " GB";
                case ColumnFormat.Megabits:
                    return number.ToString("0", CultureInfo.InvariantCulture) + " Mb/s";
                case ColumnFormat.Fraction:
                    return (number * 100).ToString("0.0", CultureInfo.InvariantCulture) + "%";
                case ColumnFormat.Percent:
                    return number.ToString("0", CultureInfo.InvariantCulture) + "%";
                case ColumnFormat.Decimal:
                    return number.ToString(Math.Abs(number) >= 10 ? "0.0" : "0.000", CultureInfo.InvariantCulture);
                case ColumnFormat.Bytes:
                    return Bytes((long)number);
                case ColumnFormat.Seconds:
                    return number.ToString("0.0", CultureInfo.InvariantCulture) + " s";
                case ColumnFormat.Text or ColumnFormat.State or ColumnFormat.Boolean or ColumnFormat.Time:
                    break;
            }
        }

        if (format == ColumnFormat.Boolean && value.GetValueKind() is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetValueKind() == JsonValueKind.True ? "yes" : "no";
        }

        if (format == ColumnFormat.Time && DateTimeOffset.TryParse(
            value.ToString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        }

        var text = value is JsonArray list ? string.Join(", ", list.Select(i => i?.ToString() ?? Absent)) : value.ToString();
        return text.Length == 0 ? Absent : TerminalText.Line(text);
    }

    /// <summary>Numbers stand right in their column.</summary>
    public static bool IsRightAligned(ColumnFormat format) => format switch
    {
        ColumnFormat.Integer or ColumnFormat.UsdPerHour or ColumnFormat.Usd or ColumnFormat.Gigabytes or ColumnFormat.Megabits
            or ColumnFormat.Fraction or ColumnFormat.Percent or ColumnFormat.Decimal or ColumnFormat.Seconds or ColumnFormat.Bytes => true,
        ColumnFormat.Text or ColumnFormat.State or ColumnFormat.Boolean or ColumnFormat.Time => false,
    };

    /// <summary>A size in the unit that suits it: 1.2 MB. Powers of 1000, as disks and networks are sold.</summary>
    public static string Bytes(long bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB", "PB"];
        var unit = 0;
        double value = bytes;
        while (Math.Abs(value) >= 1000 && unit < units.Length - 1)
        {
            value /= 1000;
            unit++;
        }

        return value.ToString(unit == 0 || Math.Abs(value) >= 100 ? "0" : "0.0", CultureInfo.InvariantCulture) + " " + units[unit];
    }

    public static double? NumberOf(JsonNode? value) =>
        value is JsonValue scalar && value.GetValueKind() == JsonValueKind.Number
            ? scalar.TryGetValue<double>(out var number) ? number : scalar.TryGetValue<long>(out var whole) ? whole : scalar.TryGetValue<int>(out var small) ? small : null
            : null;

    /// <summary>Follows a dotted path; null where it ends early.</summary>
    public static JsonNode? Field(JsonNode? row, string path)
    {
        foreach (var name in path.Split('.'))
        {
            row = (row as JsonObject)?[name];
        }

        return row;
    }
}
