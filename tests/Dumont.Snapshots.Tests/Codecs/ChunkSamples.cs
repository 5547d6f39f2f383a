using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots.Tests;

/// <summary>Content of the kinds that a workspace holds, the same from the same seed.</summary>
internal static class ChunkSamples
{
    public static readonly string[] Kinds =
    [
        "bf16", "fp16", "fp32", "fp32-of-bf16", "fp64", "int8", "adam-v", "int32", "int64", "text", "random", "zeros", "sparse", "constant",
        "mixed", "infinities",
    ];

    public static byte[] Make(string kind, int bytes, long seed)
    {
        var random = new SeededRandom(seed);
        var content = new byte[bytes];
        switch (kind)
        {
            case "bf16":
                Fill<ushort>(content, () => Bf16(Weight(random)));
                break;
            case "fp16":
                Fill<ushort>(content, () => BitConverter.HalfToUInt16Bits((Half)Weight(random)));
                break;
            case "fp32":
                Fill<float>(content, () => Weight(random));
                break;
            case "fp32-of-bf16":
                Fill<uint>(content, () => (uint)Bf16(Weight(random)) << 16);
                break;
            case "fp64":
                Fill<double>(content, () => Weight(random) * (1 + Weight(random)));
                break;
            case "int8":
                Fill<sbyte>(content, () => (sbyte)Math.Clamp(Weight(random) * 1600, -127, 127));
                break;
            case "adam-v":
                Fill<float>(content, () => Weight(random) * Weight(random) * 1e-4F);
                break;
            case "int32":
                var token = 0;
                Fill<int>(content, () => token = (token + random.Below(40)) % 50257);
                break;
            case "int64":
                Fill<long>(content, () => random.Below(70000));
                break;
            case "text":
                Text(content, random);
                break;
            case "random":
                random.Fill(content);
                break;
            case "sparse":
                for (var i = 0; i < bytes / 20; i++)
                {
                    content[random.Below(bytes)] = (byte)random.Next();
                }

                break;
            case "constant":
                content.AsSpan().Fill(0xA5);
                break;
            case "mixed":
                // Two layers of different spread, then noise.
                Fill<ushort>(content, () => Bf16(Weight(random)));
                Fill<ushort>(content.AsSpan(bytes / 3), () => Bf16(Weight(random) * 300));
                random.Fill(content.AsSpan(bytes - bytes / 20));
                break;
            case "infinities":
                Fill<ushort>(content, () => random.Below(5) == 0 ? (ushort)random.Next() : Bf16(Weight(random)));
                break;
        }

        return content;
    }

    /// <summary>Normally distributed, as trained weights are.</summary>
    private static float Weight(SeededRandom random)
    {
        var sum = 0D;
        for (var i = 0; i < 4; i++)
        {
            sum += (random.Next() >> 11) * (1D / (1UL << 53)) - 0.5;
        }

        return (float)(sum * 0.02 * Math.Sqrt(3));
    }

    private static ushort Bf16(float value) => (ushort)((BitConverter.SingleToUInt32Bits(value) + 0x8000) >> 16);

    private static void Fill<T>(Span<byte> content, Func<T> next)
        where T : unmanaged
    {
        foreach (ref var element in MemoryMarshal.Cast<byte, T>(content))
        {
            element = next();
        }
    }

    private static void Text(byte[] content, SeededRandom random)
    {
        string[] words = ["var ", "return ", "snapshot", "(", ");\n", " = ", "chunk", "    ", "// the ", "if (", "0x", "index", "\n"];
        var at = 0;
        while (at < content.Length)
        {
            var word = random.Below(8) == 0 ? random.Next().ToString("x", null) : random.Pick(words);
            var encoded = Encoding.ASCII.GetBytes(word);
            var length = Math.Min(encoded.Length, content.Length - at);
            encoded.AsSpan(0, length).CopyTo(content.AsSpan(at));
            at += length;
        }
    }
}
