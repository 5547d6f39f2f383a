using System.Text;

namespace Dumont.Snapshots.Tests;

/// <summary>Contents of the kinds that codecs meet.</summary>
internal static class Samples
{
    private static readonly string[] Words = ["def ", "return ", "import torch\n", "    ", "self.", "weight", " = ", "(", ")\n", "loss", "0.1", ", ", "epoch ", "# "];

    /// <summary>Noise, zeros, a short pattern, text, few distinct bytes, or stretches of them after one another.</summary>
    public static byte[] Any(SeededRandom random, int length) => random.Below(6) switch
    {
        0 => TreeFacts.Noise(length, (int)random.Next()),
        1 => new byte[length],
        2 => Pattern(random, length),
        3 => Text(random, length),
        4 => [.. Enumerable.Range(0, length).Select(_ => (byte)random.Below(3))],
        _ => Mixed(random, length),
    };

    public static byte[] Text(SeededRandom random, int length)
    {
        var text = new StringBuilder();
        while (text.Length < length)
        {
            text.Append(random.Pick(Words));
        }

        return Encoding.ASCII.GetBytes(text.ToString(0, length));
    }

    private static byte[] Pattern(SeededRandom random, int length)
    {
        var period = 1 + random.Below(70);
        var unit = TreeFacts.Noise(period, (int)random.Next());
        return [.. Enumerable.Range(0, length).Select(i => unit[i % period])];
    }

    private static byte[] Mixed(SeededRandom random, int length)
    {
        var content = new List<byte>();
        while (content.Count < length)
        {
            content.AddRange(random.Below(4) switch
            {
                0 => TreeFacts.Noise(random.Below(600), (int)random.Next()),
                1 => new byte[random.Below(600)],
                2 => Text(random, random.Below(600)),
                _ => content.Skip(random.Below(content.Count + 1)).Take(random.Below(600)).ToArray(),
            });
        }

        return [.. content.Take(length)];
    }
}
