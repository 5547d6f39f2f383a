namespace Dumont.Snapshots.Tests;

public sealed class ChunkRoundTripTests
{
    private static readonly int[] Lengths =
    [
        0, 1, 2, 7, 63, 64, 65, 127, 128, 129, 200, 255, 256, 257, 300, 511, 513, 1000, 1024, 4095, 4096, 8191, 10_000, 16_385, 65_536, 66_001,
        262_144, 300_007,
    ];

    public static TheoryData<string> Kinds => [.. ChunkSamples.Kinds];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Encode_AnyLengthAndPhase_DecodesToTheSameOnEveryPath(string kind)
    {
        foreach (var compression in Enum.GetValues<ChunkCompression>())
        {
            foreach (var length in Lengths)
            {
                for (var phase = 0; phase < (length > 20_000 ? 4 : 8); phase++)
                {
                    AssertRoundTrip(kind, compression, length, phase);
                }
            }
        }
    }

    [Theory]
    [InlineData("bf16", ChunkCompression.Fast, ChunkCoding.ExponentBf16, 0.71)]
    [InlineData("fp16", ChunkCompression.Fast, ChunkCoding.ExponentFp16, 0.90)]
    [InlineData("fp32", ChunkCompression.Fast, ChunkCoding.ExponentFp32, 0.86)]
    [InlineData("fp32-of-bf16", ChunkCompression.Fast, ChunkCoding.BitshuffleLz4, 0.42)]
    [InlineData("int32", ChunkCompression.Fast, ChunkCoding.BitshuffleLz4, 0.45)]
    [InlineData("int64", ChunkCompression.Fast, ChunkCoding.BitshuffleLz4, 0.30)]
    [InlineData("random", ChunkCompression.Fast, ChunkCoding.Stored, 1)]
    [InlineData("random", ChunkCompression.Dense, ChunkCoding.Stored, 1)]
    [InlineData("zeros", ChunkCompression.None, ChunkCoding.Zero, 0)]
    [InlineData("bf16", ChunkCompression.None, ChunkCoding.Stored, 1)]
    [InlineData("bf16", ChunkCompression.Dense, ChunkCoding.ExponentHuffman, 0.68)]
    [InlineData("fp16", ChunkCompression.Dense, ChunkCoding.ExponentHuffman, 0.87)]
    [InlineData("fp32", ChunkCompression.Dense, ChunkCoding.ExponentHuffman, 0.84)]
    [InlineData("fp32-of-bf16", ChunkCompression.Dense, ChunkCoding.ExponentHuffman, 0.35)]
    [InlineData("int8", ChunkCompression.Dense, ChunkCoding.ExponentHuffman, 0.93)]
    public void Encode_ContentOfAKind_TakesTheCodingThatSuitsIt(string kind, ChunkCompression compression, ChunkCoding coding, double atMost)
    {
        var content = ChunkSamples.Make(kind, 262_144 + 8, 7);
        var stored = new byte[ChunkEncoder.MaximumEncodedBytes(content.Length)];
        using var encoder = new ChunkEncoder(compression);
        for (var phase = 0; phase < 8; phase++)
        {
            var encoded = encoder.Encode(content.AsSpan(phase, 262_144), stored);
            Assert.Equal(coding, encoded.Coding);
            Assert.InRange(encoded.LengthBytes / 262_144D, 0, atMost);
        }
    }

    [Fact]
    public void Encode_DestinationTooShort_Refuses()
    {
        using var encoder = new ChunkEncoder(ChunkCompression.Fast);
        Assert.Throws<ArgumentException>(() => encoder.Encode(new byte[100], new byte[100]));
    }

    private static void AssertRoundTrip(string kind, ChunkCompression compression, int length, int phase)
    {
        var content = ChunkSamples.Make(kind, length + phase, length).AsSpan(phase);
        byte[]? first = null;
        var firstEncoded = default(EncodedChunk);
        foreach (var path in CodecPaths.Supported())
        {
            using var encoder = new ChunkEncoder(compression, path);
            var stored = new byte[ChunkEncoder.MaximumEncodedBytes(length)];
            var encoded = encoder.Encode(content, stored);
            Assert.InRange(encoded.LengthBytes, 0, length);
            stored = stored[..encoded.LengthBytes];
            first ??= stored;
            firstEncoded = first == stored ? encoded : firstEncoded;
            Assert.Equal(firstEncoded, encoded);
            Assert.True(first.AsSpan().SequenceEqual(stored), $"{path} writes other bytes: {kind}, {compression}, {length} bytes, phase {phase}");
            AssertDecodes(content, encoded, stored, $"{path}: {kind}, {compression}, {length} bytes, phase {phase}");
        }
    }

    private static void AssertDecodes(ReadOnlySpan<byte> content, EncodedChunk encoded, byte[] stored, string message)
    {
        foreach (var path in CodecPaths.Supported())
        {
            using var decoder = new ChunkDecoder(path);
            var decoded = new byte[content.Length];
            decoder.Decode(encoded.Coding, encoded.Parameter, stored, decoded);
            Assert.True(content.SequenceEqual(decoded), $"decoded on {path}, encoded on {message}");
        }
    }
}
