namespace Dumont.Cli.Grammar;

/// <summary>Names near a misspelt one.</summary>
internal static class Suggestions
{
    private const int DistanceMax = 2;
    private const int CountMax = 3;

    /// <summary>Up to three candidates within two edits, or that begin with the word; nearest first.</summary>
    public static List<string> Near(string word, IEnumerable<string> candidates)
    {
        var near = new List<(int Distance, string Name)>();
        foreach (var candidate in candidates)
        {
            var distance = Distance(word, candidate);
            if (distance <= Math.Min(DistanceMax, Math.Max(1, word.Length / 2)))
            {
                near.Add((distance, candidate));
            }
            else if (word.Length >= 3 && candidate.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            {
                near.Add((DistanceMax + 1, candidate));
            }
        }

        near.Sort(static (a, b) => a.Distance != b.Distance ? a.Distance.CompareTo(b.Distance) : string.CompareOrdinal(a.Name, b.Name));
        var names = new List<string>();
        foreach (var (_, name) in near)
        {
            if (names.Count < CountMax && !names.Contains(name))
            {
                names.Add(name);
            }
        }

        return names;
    }

    /// <summary>Damerau-Levenshtein distance, optimal string alignment, case ignored: insert, delete, replace, swap neighbours.</summary>
    public static int Distance(string a, string b)
    {
        var beforeLast = new int[b.Length + 1];
        var last = new int[b.Length + 1];
        var current = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            last[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Same(a[i - 1], b[j - 1]) ? 0 : 1;
                current[j] = Math.Min(Math.Min(current[j - 1] + 1, last[j] + 1), last[j - 1] + cost);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                {
                    current[j] = Math.Min(current[j], beforeLast[j - 2] + 1);
                }
            }

            (beforeLast, last, current) = (last, current, beforeLast);
        }

        return last[b.Length];
    }

    private static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
