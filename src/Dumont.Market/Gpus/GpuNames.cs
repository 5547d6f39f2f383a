using System.Text;
using System.Text.RegularExpressions;

namespace Dumont.Market.Gpus;

/// <summary>Makes one of the ways in which people write a GPU's name: <c>rtx4090</c>, <c>RTX_4090</c> and <c>nvidia geforce rtx 4090</c>
/// are <c>RTX 4090</c>.</summary>
public static partial class GpuNames
{
    // Key of each known spelling → canonical names. A key has letters and digits only.
    private static readonly Dictionary<string, string> Known = BuildKnown();

    /// <summary>The canonical name, or null when the text names no single known GPU: <c>a100</c> is two, <c>RTX</c> many.</summary>
    public static string? FindCanonical(string text) => Known.GetValueOrDefault(KeyOf(text));

    /// <summary>The canonical name where there is one, else the text with underscores and double spaces mended.</summary>
    public static string Normalise(string text) =>
        FindCanonical(text) ?? string.Join(' ', text.Replace('_', ' ').Split(' ', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Whether an offer's GPU is what a user asked for. Case, spaces, underscores and dashes do not count. A text that names a known GPU
    /// means that one alone (<c>RTX 4080</c> is not <c>RTX 4080S</c>); any other is a part to be found anywhere (<c>RTX</c>, <c>a100</c>, <c>4090</c>).
    /// An empty one matches all.</summary>
    public static bool Matches(string query, string? gpuName)
    {
        var wanted = KeyOf(query);
        if (wanted.Length == 0)
        {
            return true;
        }

        if (string.IsNullOrEmpty(gpuName))
        {
            return false;
        }

        return Known.TryGetValue(wanted, out var canonical)
            ? canonical == FindCanonical(gpuName)
            : KeyOf(gpuName).Contains(wanted, StringComparison.Ordinal);
    }

    /// <summary>Known names that a query means, to ask a provider for exactly these; empty when it means none, or every one.</summary>
    public static IReadOnlyList<string> Expand(string query) => KeyOf(query).Length == 0
        ? []
        : [.. GpuModels.All.Select(model => model.Name).Distinct(StringComparer.Ordinal).Where(name => Matches(query, name))];

    // Letters and digits in lower case, without maker, brand line and memory size, and with "super" as marketplaces shorten it.
    private static string KeyOf(string text)
    {
        var lower = MemorySize().Replace(text.ToLowerInvariant(), "");
        var key = new StringBuilder(lower.Length);
        foreach (var c in lower.Where(char.IsAsciiLetterOrDigit))
        {
            key.Append(c);
        }

        key.Replace("nvidia", "").Replace("geforce", "").Replace("generation", "").Replace("quadro", "q").Replace("super", "s");
        var compact = key.ToString();

        // Makers write "Ti SUPER", marketplaces "S Ti".
        return compact.EndsWith("tis", StringComparison.Ordinal) ? $"{compact[..^3]}sti" : compact;
    }

    private static Dictionary<string, string> BuildKnown()
    {
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in GpuModels.All.Select(model => model.Name))
        {
            var key = KeyOf(name);
            known[key] = name;

            // "Tesla T4" and "Q RTX 8000" are mostly called T4 and RTX 8000; a shorter name that is another model's own stays that model's.
            foreach (var brand in (string[])["tesla", "q"])
            {
                if (key.StartsWith(brand, StringComparison.Ordinal))
                {
                    known.TryAdd(key[brand.Length..], name);
                }
            }
        }

        return known;
    }

    [GeneratedRegex(@"\b\d+\s?gb\b")]
    private static partial Regex MemorySize();
}
