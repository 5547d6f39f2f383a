using System.Globalization;
using System.Text;
using Dumont.Snapshots;

namespace Dumont.Dev;

/// <summary>Contents like those of a workspace, the same on every run.</summary>
internal static class BenchContents
{
    private const int Words = 3000;

    /// <summary>Name and bytes of each kind.</summary>
    public static IReadOnlyList<(string Name, byte[] Bytes)> All(int length) =>
        [("bf16 weights", Weights(length)), ("text", Text(length)), ("random", Noise(length)), ("zeros", new byte[length])];

    private static byte[] Noise(int length)
    {
        var random = new SplitMix64(1);
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = (byte)random.Next();
        }

        return bytes;
    }

    // Nearly normal with a deviation of 0.02, each row of 4096 a little wider or narrower.
    private static byte[] Weights(int length)
    {
        var random = new SplitMix64(2);
        var bytes = new byte[length];
        var scale = 0f;
        for (var i = 0; i + 1 < length; i += 2)
        {
            if (i % 8192 == 0)
            {
                scale = 0.035f * (0.7f + (0.6f * Unit(ref random)));
            }

            var sum = Unit(ref random) + Unit(ref random) + Unit(ref random) + Unit(ref random) - 2f;
            var bits = BitConverter.SingleToUInt32Bits(sum * scale);
            bytes[i] = (byte)(bits >> 16);
            bytes[i + 1] = (byte)(bits >> 24);
        }

        return bytes;
    }

    // Lines of common and rare words with indentation and numbers, like source code and logs.
    private static byte[] Text(int length)
    {
        var random = new SplitMix64(3);
        var words = Enumerable.Range(0, Words).Select(_ => Word(ref random)).ToArray();
        var text = new StringBuilder(length + 200);
        while (text.Length < length)
        {
            text.Append(' ', (int)(random.Next() % 5) * 4);
            for (var i = random.Next() % 9 + 1; i > 0; i--)
            {
                var rare = Unit(ref random);
                text.Append(words[(int)(Words * rare * rare * rare)]).Append(" (._=,"[(int)(random.Next() % 6)]);
            }

            text.Append(CultureInfo.InvariantCulture, $"{random.Next() % 1000}\n");
        }

        return Encoding.ASCII.GetBytes(text.ToString(0, length));
    }

    private static string Word(ref SplitMix64 random)
    {
        var letters = new char[2 + (random.Next() % 9)];
        for (var i = 0; i < letters.Length; i++)
        {
            letters[i] = "etaoinshrdlucmfwypvbgk"[(int)(22 * Unit(ref random) * Unit(ref random))];
        }

        return new string(letters);
    }

    private static float Unit(ref SplitMix64 random) => (random.Next() >> 40) * (1f / (1 << 24));
}
