using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Dumont.Cli.Grammar;

/// <summary>A condition as the Vast command line spells it, <c>gpu_ram&gt;=48</c>, put into the query keys that the API has.</summary>
internal static class Filter
{
    private static readonly string[] Operators = [">=", "<=", "!=", "==", ">", "<"];

    // What the field is called in offers, and in Vast's own queries, and what the API calls it in its keys.
    private static readonly (string Field, string Stem)[] Stems =
    [
        ("dph_total", "price"),
        ("dph", "price"),
        ("total_price", "price"),
        ("disk_space", "disk"),
    ];

    /// <summary>Turns a condition into a pair for one of <paramref name="keys"/>.</summary>
    /// <param name="token">One argument.</param>
    /// <param name="keys">Keys of the command.</param>
    /// <param name="pair">The pair, where the token is a condition.</param>
    /// <exception cref="UsageException">A condition that the API cannot answer.</exception>
    public static bool TryTranslate(string token, KeySpec[] keys, [NotNullWhen(true)] out Pair? pair)
    {
        pair = null;
        var end = Pair.KeyLength(token);
        if (end == 0 || end == token.Length)
        {
            return false;
        }

        var field = token[..end];
        var rest = token[end..].TrimStart();
        var sign = Array.Find(Operators, o => rest.StartsWith(o, StringComparison.Ordinal));
        if (sign is null)
        {
            if (rest.StartsWith("in ", StringComparison.Ordinal))
            {
                throw UsageErrors.UnsupportedSign(token, "in");
            }

            return false;
        }

        var value = rest[sign.Length..].Trim();
        if (sign is "==" && HasKey(keys, field))
        {
            pair = new Pair(field, PairKind.Text, value);
            return true;
        }

        var stem = field;
        foreach (var (name, replacement) in Stems)
        {
            stem = stem == name ? replacement : stem;
        }

        if (stem.StartsWith("min_", StringComparison.Ordinal) || stem.StartsWith("max_", StringComparison.Ordinal))
        {
            stem = stem[4..];
        }

        var key = sign switch
        {
            ">=" or ">" => "min_" + stem,
            "<=" or "<" => "max_" + stem,
            _ => throw UsageErrors.UnsupportedSign(token, sign),
        };
        if (!HasKey(keys, key))
        {
            var possible = keys.Select(k => k.Name)
                .Where(n => n.StartsWith("min_", StringComparison.Ordinal) || n.StartsWith("max_", StringComparison.Ordinal));
            throw UsageErrors.NoSuchFilter(token, key, possible);
        }

        pair = new Pair(key, PairKind.Text, sign is ">" or "<" ? Beyond(value, up: sign == ">", token) : value);
        return true;
    }

    private static bool HasKey(KeySpec[] keys, string name) => Array.Exists(keys, k => k.Name == name);

    // The API's limits include their value; the next representable number makes them exclude it.
    private static string Beyond(string value, bool up, string token) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? (up ? double.BitIncrement(number) : double.BitDecrement(number)).ToString("R", CultureInfo.InvariantCulture)
            : throw UsageErrors.FilterNeedsNumber(token);
}
