using System.Globalization;
using System.Text;

namespace Dumont.Cli.Drills;

/// <summary>Measured values of one kind: percentiles and a histogram. Pure.</summary>
internal sealed class Distribution
{
    private const int BucketsMax = 12;
    private const int BarWidth = 40;

    private readonly double[] _sorted;

    public Distribution(IEnumerable<double> values) => _sorted = [.. values.Order()];

    public int Count => _sorted.Length;

    public double Max => _sorted[^1];

    /// <summary>The smallest value that <paramref name="share"/> of all do not exceed.</summary>
    public double Percentile(double share) => _sorted[Math.Clamp((int)Math.Ceiling(share * _sorted.Length) - 1, 0, _sorted.Length - 1)];

    /// <summary>Ranges of equal width, from a round number to a round number, and how many values are in each. A value is in the range that it begins.</summary>
    public IReadOnlyList<(double From, double To, int Count)> Buckets()
    {
        if (_sorted.Length == 0)
        {
            return [];
        }

        var width = RoundWidth((Max - _sorted[0]) / BucketsMax);
        var first = Math.Floor(_sorted[0] / width);
        var buckets = new int[(int)(Math.Floor(Max / width) - first) + 1];
        foreach (var value in _sorted)
        {
            buckets[(int)(Math.Floor(value / width) - first)]++;
        }

        return [.. buckets.Select((count, i) => ((first + i) * width, (first + i + 1) * width, count))];
    }

    /// <summary>The histogram as lines of text.</summary>
    public string Bars(string unit)
    {
        var (buckets, text) = (Buckets(), new StringBuilder());
        var most = buckets.Count == 0 ? 0 : buckets.Max(bucket => bucket.Count);
        foreach (var (from, to, count) in buckets)
        {
            var bar = new string('#', (int)Math.Ceiling((double)BarWidth * count / most));
            text.Append(string.Create(CultureInfo.InvariantCulture, $"{from,8:0.##} – {to,-8:0.##} {unit,-2} {count,5}  {bar}")).Append('\n');
        }

        return text.ToString();
    }

    // 1, 2 or 5 of something.
    private static double RoundWidth(double least)
    {
        if (least <= 0)
        {
            return 1;
        }

        var scale = Math.Pow(10, Math.Floor(Math.Log10(least)));
        return (least / scale) switch
        {
            <= 1 => scale,
            <= 2 => 2 * scale,
            <= 5 => 5 * scale,
            _ => 10 * scale,
        };
    }
}
