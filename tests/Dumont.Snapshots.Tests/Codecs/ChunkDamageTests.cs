namespace Dumont.Snapshots.Tests;

/// <summary>Bytes that nobody encoded: whatever they are, the decoder says so or gives some chunk, and touches nothing else.</summary>
public sealed class ChunkDamageTests(ITestOutputHelper output)
{
    private const long Seed = 20_261_121;
    private const int Inputs = 80_000;
    private const int LargestBytes = 6000;

    private sealed record Original(EncodedChunk Encoded, byte[] Stored, int ChunkBytes);

    [Fact]
    public void Decode_DamagedBytes_ThrowsFormatExceptionOrNothing()
    {
        output.WriteLine($"seed {Seed}");
        var random = new SeededRandom(Seed);
        var originals = Originals(random);
        using var storedMemory = new GuardedMemory(2 * LargestBytes);
        using var decodedMemory = new GuardedMemory(2 * LargestBytes);
        var decoders = CodecPaths.Supported().Select(p => new ChunkDecoder(p)).ToList();
        var refused = 0;
        for (var i = 0; i < Inputs; i++)
        {
            var original = random.Pick(originals);
            var (encoded, damaged, chunkBytes) = Damage(original, random);
            var stored = i % 2 == 0 ? storedMemory.AtEnd(damaged.Length) : storedMemory.AtStart(damaged.Length);
            var decoded = i / 2 % 2 == 0 ? decodedMemory.AtEnd(chunkBytes) : decodedMemory.AtStart(chunkBytes);
            damaged.CopyTo(stored);
            try
            {
                decoders[i % decoders.Count].Decode(encoded.Coding, encoded.Parameter, stored, decoded);
            }
            catch (SnapshotFormatException)
            {
                refused++;
            }
        }

        decoders.ForEach(d => d.Dispose());

        // Most damage cannot be seen without a checksum, but a good part breaks a length.
        Assert.InRange(refused, Inputs / 5, Inputs);
    }

    [Fact]
    public void Decode_EveryTruncation_IsRefused()
    {
        foreach (var original in Originals(new SeededRandom(Seed)).Where(o => o.Stored.Length is > 0 and < 2000))
        {
            foreach (var path in CodecPaths.Supported())
            {
                using var decoder = new ChunkDecoder(path);
                for (var length = 0; length < original.Stored.Length; length++)
                {
                    Assert.Throws<SnapshotFormatException>(() => decoder.Decode(
                        original.Encoded.Coding, original.Encoded.Parameter, original.Stored.AsSpan(0, length), new byte[original.ChunkBytes]));
                }
            }
        }
    }

    [Fact]
    public void Decode_BetweenGuardPages_TouchesNothingOutside()
    {
        using var storedMemory = new GuardedMemory(2 * LargestBytes);
        using var decodedMemory = new GuardedMemory(2 * LargestBytes);
        foreach (var original in Originals(new SeededRandom(Seed)))
        {
            foreach (var path in CodecPaths.Supported())
            {
                using var decoder = new ChunkDecoder(path);
                var stored = storedMemory.AtEnd(original.Stored.Length);
                original.Stored.CopyTo(stored);
                decoder.Decode(original.Encoded.Coding, original.Encoded.Parameter, stored, decodedMemory.AtEnd(original.ChunkBytes));
                stored = storedMemory.AtStart(original.Stored.Length);
                original.Stored.CopyTo(stored);
                decoder.Decode(original.Encoded.Coding, original.Encoded.Parameter, stored, decodedMemory.AtStart(original.ChunkBytes));
            }
        }
    }

    [Fact]
    public void Encode_BetweenGuardPages_TouchesNothingOutside()
    {
        using var chunkMemory = new GuardedMemory(2 * LargestBytes);
        using var storedMemory = new GuardedMemory(2 * LargestBytes);
        foreach (var kind in ChunkSamples.Kinds)
        {
            foreach (var path in CodecPaths.Supported())
            {
                foreach (var compression in Enum.GetValues<ChunkCompression>())
                {
                    using var encoder = new ChunkEncoder(compression, path);
                    foreach (var length in new[] { 1, 100, 256, 777, 4096, LargestBytes })
                    {
                        var content = ChunkSamples.Make(kind, length, 3);
                        content.CopyTo(chunkMemory.AtEnd(length));
                        encoder.Encode(chunkMemory.AtEnd(length), storedMemory.AtEnd(ChunkEncoder.MaximumEncodedBytes(length)));
                        content.CopyTo(chunkMemory.AtStart(length));
                        encoder.Encode(chunkMemory.AtStart(length), storedMemory.AtStart(ChunkEncoder.MaximumEncodedBytes(length)));
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(10)]
    [InlineData(255)]
    public void Decode_UnknownCoding_IsRefused(byte coding)
    {
        using var decoder = new ChunkDecoder();
        Assert.Throws<SnapshotFormatException>(() => decoder.Decode((ChunkCoding)coding, 0, new byte[10], new byte[10]));
    }

    private static List<Original> Originals(SeededRandom random)
    {
        List<Original> originals = [];
        foreach (var compression in Enum.GetValues<ChunkCompression>())
        {
            using var encoder = new ChunkEncoder(compression);
            foreach (var kind in ChunkSamples.Kinds)
            {
                foreach (var length in new[] { 260, 1100, LargestBytes })
                {
                    var phase = random.Below(8);
                    var content = ChunkSamples.Make(kind, length + phase, (long)random.Next()).AsSpan(phase);
                    var stored = new byte[ChunkEncoder.MaximumEncodedBytes(length)];
                    var encoded = encoder.Encode(content, stored);
                    originals.Add(new(encoded, stored[..encoded.LengthBytes], length));
                }
            }
        }

        // What an encoder would not choose here, but another may.
        foreach (var width in new[] { 1, 2, 4, 8 })
        {
            var content = ChunkSamples.Make("sparse", 3000, width);
            var stored = new byte[content.Length];
            using var bitshuffle = new BitshuffleCodec(CodecPaths.Best);
            var bytes = bitshuffle.Encode(content, 3, width, stored, stored.Length);
            originals.Add(new(new(ChunkCoding.BitshuffleLz4, BitshuffleCodec.Parameter(3, width), bytes), stored[..bytes], content.Length));
            using var huffman = new ExponentHuffmanCodec(CodecPaths.Best);
            bytes = huffman.Encode(content, 5, width, rotated: true, stored, stored.Length);
            originals.Add(new(new(ChunkCoding.ExponentHuffman, ExponentHuffmanCodec.Parameter(5, width, true), bytes), stored[..bytes], content.Length));
        }

        return originals;
    }

    private static (EncodedChunk Encoded, byte[] Stored, int ChunkBytes) Damage(Original original, SeededRandom random)
    {
        var (encoded, stored, chunkBytes) = (original.Encoded, original.Stored, original.ChunkBytes);
        switch (random.Below(8))
        {
            case 0:
                stored = stored[..random.Below(stored.Length + 1)];
                break;
            case 1:
                stored = [.. stored, .. new byte[random.Below(70)]];
                break;
            case 2:
                chunkBytes = random.Below(2) == 0 ? random.Below(LargestBytes) : Math.Max(0, chunkBytes + random.Below(129) - 64);
                break;
            case 3:
                encoded = encoded with { Parameter = (byte)random.Next() };
                break;
            case 4:
                encoded = encoded with { Coding = (ChunkCoding)random.Below(11) };
                break;
            default:
                stored = [.. stored];
                for (var i = random.Below(6); i >= 0 && stored.Length > 0; i--)
                {
                    // Headers are at the front.
                    var at = random.Below(random.Below(2) == 0 ? Math.Min(40, stored.Length) : stored.Length);
                    stored[at] = random.Below(3) switch { 0 => (byte)random.Next(), 1 => (byte)(stored[at] ^ (1 << random.Below(8))), _ => 0xFF };
                }

                break;
        }

        return (encoded, stored, chunkBytes);
    }
}
