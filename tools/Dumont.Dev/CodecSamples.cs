using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Dev;

/// <summary>
/// Content as it lies on a GPU machine, from a fixed seed. Weights are normal with a spread of their own for each row of 4096; text is
/// words by Zipf's law.
/// </summary>
internal static class CodecSamples
{
    private const int Seed = 20240229;
    private const int RowElements = 4096;
    private const double Sigma = 0.02;

    public static readonly string[] Kinds =
        ["bf16", "fp16", "fp32", "fp32 holding bf16", "int8", "Adam v", "int32 tokens", "source text", "JSON lines", "random", "zeros"];

    public static byte[] Make(string kind, int bytes)
    {
        var random = new Random(Seed);
        var content = new byte[bytes];
        switch (kind)
        {
            case "bf16":
                Weights(random, Sigma, bytes / 2, (i, x) => Put(content, i, Bf16(x)));
                break;
            case "fp16":
                Weights(random, Sigma, bytes / 2, (i, x) => Put(content, i, (Half)x));
                break;
            case "fp32":
                Weights(random, Sigma, bytes / 4, (i, x) => Put(content, i, x));
                break;
            case "fp32 holding bf16":
                Weights(random, Sigma, bytes / 4, (i, x) => Put(content, i, (uint)Bf16(x) << 16));
                break;
            case "int8":
                Weights(random, Sigma, bytes, (i, x) => content[i] = (byte)(sbyte)Math.Clamp(MathF.Round(x * 1600), -127, 127));
                break;
            case "Adam v":
                Weights(random, 1e-4, bytes / 4, (i, x) => Put(content, i, x * x));
                break;
            case "int32 tokens":
                var token = 0;
                for (var i = 0; i < bytes / 4; i++)
                {
                    token = (token + random.Next(40)) % 50257;
                    Put(content, i, token);
                }

                break;
            case "source text":
                Source(content, random);
                break;
            case "JSON lines":
                JsonLines(content, random);
                break;
            case "random":
                random.NextBytes(content);
                break;
        }

        return content;
    }

    private static void Put<T>(Span<byte> content, int index, T element)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(content)[index] = element;

    private static ushort Bf16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }

    private static void Weights(Random random, double sigma, int count, Action<int, float> put)
    {
        var spread = sigma;
        for (var i = 0; i < count; i += 2)
        {
            if (i % RowElements == 0)
            {
                spread = sigma * Math.Exp(0.15 * Normal(random).First);
            }

            var (first, second) = Normal(random);
            put(i, (float)(first * spread));
            put(i + 1, (float)(second * spread));
        }
    }

    private static (double First, double Second) Normal(Random random)
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
        var (sine, cosine) = Math.SinCos(2 * Math.PI * random.NextDouble());
        return (radius * cosine, radius * sine);
    }

    private static string[] Vocabulary(Random random, int count)
    {
        const string letters = "eeeeaaaiiooutttnnnsssrrrlldcmpgbhfyvwkxzq";
        string Word() => string.Concat(Enumerable.Range(0, random.Next(3, 13)).Select(_ => letters[random.Next(letters.Length)]));
        return [.. Enumerable.Range(0, count).Select(_ => Word())];
    }

    private static int Zipf(Random random, int count, double exponent)
    {
        // The inverse of the continuous distribution.
        var power = 1 - exponent;
        return (int)Math.Pow(1 + random.NextDouble() * (Math.Pow(count, power) - 1), 1 / power) - 1;
    }

    private static void Source(byte[] content, Random random)
    {
        var words = Vocabulary(random, 40_000);
        var phrases = Enumerable.Range(0, 45_000).Select(i => (i % 4) switch
        {
            0 => $"        {Word()} = {Word()}.{Word()}({Word()});\n",
            1 => $"        if ({Word()} != null)\n        {{\n            return {Word()};\n        }}\n",
            2 => $"    // {string.Join(' ', Enumerable.Range(0, random.Next(2, 7)).Select(_ => Word()))}\n",
            _ => $"{Word()}.{Word()}({Word()}",
        }).ToArray();
        string Word() => words[random.Next(words.Length)];
        string[] signs = ["(", ")", ", ", ".", ";\n", " = ", "return ", "    ", "{\n", "}\n", "var ", "public ", "new ", "\n\n", " == ", " + ", "[", "]"];
        var recent = new string[256];
        Array.Fill(recent, "");
        Tokens(content, n =>
        {
            var token = random.NextDouble() < 0.5
                ? recent[random.Next(recent.Length)]
                : random.Next(10) switch
                {
                    < 5 => signs[random.Next(signs.Length)],
                    < 7 => words[Zipf(random, words.Length, 0.8)],
                    _ => phrases[Zipf(random, phrases.Length, 0.8)],
                };
            return recent[n % recent.Length] = token;
        });
    }

    private static void JsonLines(byte[] content, Random random)
    {
        var words = Vocabulary(random, 30_000);
        Tokens(content, _ =>
        {
            var text = string.Join(' ', Enumerable.Range(0, random.Next(10, 90)).Select(_ => words[Zipf(random, words.Length, 0.999)]));
            var head = string.Create(
                CultureInfo.InvariantCulture,
                $"\"id\":\"{random.NextInt64(1L << 48):x12}\",\"source\":\"crawl-{random.Next(12)}\",\"score\":{random.NextDouble():0.000000}");
            return $"{{{head},\"lang\":\"en\",\"text\":\"{text}\"}}\n";
        });
    }

    private static void Tokens(byte[] content, Func<int, string> next)
    {
        var at = 0;
        for (var n = 0; at < content.Length; n++)
        {
            var token = Encoding.ASCII.GetBytes(next(n));
            var length = Math.Min(token.Length, content.Length - at);
            token.AsSpan(0, length).CopyTo(content.AsSpan(at));
            at += length;
        }
    }
}
