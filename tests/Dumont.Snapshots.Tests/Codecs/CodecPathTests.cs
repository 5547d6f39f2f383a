namespace Dumont.Snapshots.Tests;

/// <summary>Each codec by itself, also on content that the encoder would give to another: every path writes the same and reads it all.</summary>
public sealed class CodecPathTests
{
    private static readonly int[] Lengths = [64, 129, 600, 4097, 5000, 33_000, 70_001];
    private static readonly string[] Kinds = ["bf16", "fp16", "fp32", "adam-v", "int32", "int64", "sparse", "random", "constant", "infinities"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void Bitshuffle_AnyContent_IsTheSameOnEveryPath(int widthBytes) => ForAll((content, phase) =>
    {
        byte[]? first = null;
        foreach (var path in CodecPaths.Supported())
        {
            using var codec = new BitshuffleCodec(path);
            var stored = new byte[content.Length + 200];
            stored = stored[..codec.Encode(content, phase, widthBytes, stored, stored.Length)];
            Assert.Equal(first ??= stored, stored);
            if (stored.Length > 0)
            {
                var decoded = new byte[content.Length];
                codec.Decode(BitshuffleCodec.Parameter(phase, widthBytes), stored, decoded);
                Assert.Equal(content, decoded);
            }
        }
    });

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(4, false)]
    [InlineData(4, true)]
    [InlineData(8, false)]
    [InlineData(8, true)]
    public void Huffman_AnyContent_IsTheSameOnEveryPath(int widthBytes, bool rotated) => ForAll((content, phase) =>
    {
        byte[]? first = null;
        foreach (var path in CodecPaths.Supported())
        {
            using var codec = new ExponentHuffmanCodec(path);
            var stored = new byte[content.Length + 200];
            stored = stored[..codec.Encode(content, phase, widthBytes, rotated, stored, stored.Length)];
            Assert.Equal(first ??= stored, stored);
            if (stored.Length > 0)
            {
                var decoded = new byte[content.Length];
                codec.Decode(ExponentHuffmanCodec.Parameter(phase, widthBytes, rotated), stored, decoded);
                Assert.Equal(content, decoded);
            }
        }
    });

    [Theory]
    [InlineData(ExponentCoding.Bf16)]
    [InlineData(ExponentCoding.Fp32)]
    [InlineData(ExponentCoding.Fp16)]
    public void ExponentPack_AnyContentAndBase_IsTheSameOnEveryPath(ExponentCoding coding) => ForAll((content, phase) =>
    {
        var format = (ExponentFormat)coding;
        foreach (byte baseExponent in new byte[] { 0, 3, 18, 122, 255 })
        {
            // Room for nothing but escapes, and too little room.
            foreach (var limit in new[] { content.Length * 2 + 100, content.Length })
            {
                AssertSame(format, content, phase, baseExponent, limit);
            }
        }
    });

    [Fact]
    public void HuffmanCode_CountsLikeFibonacci_KeepsToElevenBits()
    {
        // The deepest tree there is for a sum of counts.
        Span<uint> counts = stackalloc uint[256];
        (uint last, uint next) = (1, 1);
        for (var i = 0; i < 40; i++)
        {
            counts[i * 3] = last;
            (last, next) = (next, last + next);
        }

        Span<byte> lengths = stackalloc byte[256];
        Assert.True(ExponentHuffmanCode.TryBuild(counts, lengths));
        Assert.True(ExponentHuffmanCode.IsComplete(lengths));
    }

    [Fact]
    public void HuffmanCode_RandomCounts_IsCompleteAndNotLongerThanFlat()
    {
        var random = new SeededRandom(11);
        Span<uint> counts = stackalloc uint[256];
        Span<byte> lengths = stackalloc byte[256];
        for (var run = 0; run < 3000; run++)
        {
            counts.Clear();
            var used = 2 + random.Below(255);
            for (var i = 0; i < used; i++)
            {
                counts[i] = 1 + (uint)(random.Next() >> (40 + random.Below(24)));
            }

            Assert.True(ExponentHuffmanCode.TryBuild(counts, lengths));
            Assert.True(ExponentHuffmanCode.IsComplete(lengths));
            var total = 0UL;
            var bits = 0UL;
            for (var i = 0; i < used; i++)
            {
                total += counts[i];
                bits += (ulong)counts[i] * lengths[i];
            }

            Assert.InRange(bits, total, 8 * total);
        }
    }

    /// <summary><see cref="ExponentFormat"/>, which a public test cannot name.</summary>
    public enum ExponentCoding
    {
        Bf16 = ExponentFormat.Bf16,
        Fp32 = ExponentFormat.Fp32,
        Fp16 = ExponentFormat.Fp16,
    }

    private static void AssertSame(ExponentFormat format, byte[] content, int phase, byte baseExponent, int limit)
    {
        byte[]? first = null;
        foreach (var path in CodecPaths.Supported())
        {
            var stored = new byte[limit + ExponentPack.SlackBytes];
            stored = stored[..ExponentPack.Encode(path, format, content, phase, baseExponent, stored, limit)];
            Assert.Equal(first ??= stored, stored);
            if (stored.Length > 0)
            {
                var decoded = new byte[content.Length];
                ExponentPack.Decode(path, format, (byte)phase, stored, decoded);
                Assert.Equal(content, decoded);
            }
        }
    }

    private static void ForAll(Action<byte[], int> check)
    {
        foreach (var kind in Kinds)
        {
            foreach (var length in Lengths)
            {
                var phase = length % 8;
                check(ChunkSamples.Make(kind, length, length), phase);
            }
        }
    }
}
