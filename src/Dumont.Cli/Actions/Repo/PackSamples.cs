using System.Globalization;
using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Which packs a verification reads, in the words of restic: <c>3/30</c>, <c>2.5%</c>, <c>500M</c>.</summary>
internal static class PackSamples
{
    private const string Units = "KMGT";
    private const int UnitBits = 10;
    private const double Percents = 100;

    /// <summary>Reads the keys of a verification.</summary>
    /// <exception cref="UsageException">They make no sense.</exception>
    public static PackSample Of(bool readAll, string? subset, Random random)
    {
        if (readAll && subset is not null)
        {
            throw new UsageException(new("give either --read-data or --read-data-subset", "use --read-data ou --read-data-subset, não ambos"));
        }

        return readAll ? PackSample.All : subset is null ? PackSample.None : Parse(subset.Trim(), random) ?? throw new UsageException(
            new($"'{subset}' is no part of the data; write 3/30, 2.5% or 500M", $"'{subset}' não é uma parte dos dados; escreva 3/30, 2.5% ou 500M"),
            "dumont repo verify --read-data-subset 1/30");
    }

    private static PackSample? Parse(string text, Random random)
    {
        if (text.Split('/') is [var number, var total])
        {
            return int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
                && int.TryParse(total, NumberStyles.None, CultureInfo.InvariantCulture, out var t) && n >= 1 && n <= t
                    ? PackSample.Part(n, t)
                    : null;
        }

        if (text.EndsWith('%'))
        {
            return double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent) && percent is > 0 and <= Percents
                ? PackSample.Share(percent / Percents, random)
                : null;
        }

        var unit = text.Length > 0 ? Units.IndexOf(char.ToUpperInvariant(text[^1]), StringComparison.Ordinal) : -1;
        var digits = unit < 0 ? text : text[..^1];
        var shift = UnitBits * (unit + 1);
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size > 0 && size <= long.MaxValue >> shift
            ? PackSample.Bytes(size << shift, random)
            : null;
    }
}
