namespace Dumont.Snapshots.Tests;

public sealed class DeltaCodecTests(ITestOutputHelper output)
{
    private const long Seed = 20_261_122;
    private const int ChunkBytes = 1 << 20;
    private const int BlockBytes = 64 << 10;

    [Fact]
    public void Encode_OneBlockChangedInPlace_StoresThatBlockPacked()
    {
        var baseline = ChunkSamples.Make("fp32", ChunkBytes, 1);
        var chunk = (byte[])baseline.Clone();
        ChunkSamples.Make("fp32", BlockBytes, 2).CopyTo(chunk.AsSpan(5 * BlockBytes));

        var stored = RoundTrip(chunk, baseline);

        Assert.InRange(stored.Length, BlockBytes * 3 / 4, BlockBytes * 87 / 100);
        Assert.Equal((byte)ChunkCoding.ExponentFp32, stored[3]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1337)]
    [InlineData(100_000)]
    public void Encode_BytesInserted_StoresThose(int inserted)
    {
        var longer = ChunkSamples.Make("fp32", 2 * ChunkBytes, 1);
        var fresh = ChunkSamples.Make("random", inserted, 2);
        byte[] chunk = [.. longer.AsSpan(300_001, 200_000), .. fresh, .. longer.AsSpan(500_001, 500_000)];

        var stored = RoundTrip(chunk, longer);

        Assert.InRange(stored.Length, inserted, inserted + 700);
    }

    [Fact]
    public void Encode_SameContent_StoresAFewBytes()
    {
        var chunk = ChunkSamples.Make("bf16", ChunkBytes, 1);
        Assert.InRange(RoundTrip(chunk, chunk).Length, 1, 20);
    }

    [Fact]
    public void Encode_NothingShared_GivesUp()
    {
        var chunk = ChunkSamples.Make("bf16", ChunkBytes, 1);
        var stored = new byte[ChunkEncoder.MaximumEncodedBytes(chunk.Length)];
        Assert.Equal(0, DeltaCodec.Encode(chunk, ChunkSamples.Make("bf16", ChunkBytes, 2), stored));
        Assert.Equal(0, DeltaCodec.Encode(chunk, [], stored));
        Assert.Equal(0, DeltaCodec.Encode([], chunk, stored));
    }

    [Fact]
    public void Encode_RandomEdits_RoundTrips()
    {
        output.WriteLine($"seed {Seed}");
        var random = new SeededRandom(Seed);
        for (var run = 0; run < 400; run++)
        {
            var baseline = ChunkSamples.Make(random.Pick(ChunkSamples.Kinds), random.Below(40_000), run);
            var chunk = Edit(baseline, random);
            RoundTrip(chunk, baseline);
        }
    }

    [Fact]
    public void Decode_DamagedBytes_ThrowsFormatExceptionOrNothing()
    {
        output.WriteLine($"seed {Seed}");
        var random = new SeededRandom(Seed);
        using var storedMemory = new GuardedMemory(20_000);
        using var baselineMemory = new GuardedMemory(20_000);
        using var decodedMemory = new GuardedMemory(20_000);
        using var decoder = new ChunkDecoder();
        var baseline = baselineMemory.AtEnd(8000);
        ChunkSamples.Make("fp32", baseline.Length, 1).CopyTo(baseline);
        var chunk = baseline.ToArray();
        ChunkSamples.Make("fp32", 1500, 2).CopyTo(chunk.AsSpan(2000));
        byte[] shifted = [.. chunk.AsSpan(0, 6000), 1, 2, 3, .. chunk.AsSpan(5000, 1500)];
        var original = RoundTrip(shifted, baseline.ToArray());
        var refused = 0;
        for (var run = 0; run < 30_000; run++)
        {
            var damaged = (byte[])original.Clone();
            for (var i = random.Below(4); i >= 0; i--)
            {
                // The head and the runs, between which are the new bytes.
                var at = random.Below(2) == 0 ? random.Below(8) : damaged.Length - 1 - random.Below(30);
                damaged[at] = (byte)random.Next();
            }

            var stored = storedMemory.AtEnd(random.Below(8) == 0 ? random.Below(damaged.Length) : damaged.Length);
            damaged.AsSpan(0, stored.Length).CopyTo(stored);
            try
            {
                DeltaCodec.Decode(decoder, stored, baseline, decodedMemory.AtEnd(random.Below(10) == 0 ? random.Below(9000) : shifted.Length));
            }
            catch (SnapshotFormatException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 10_000, 30_000);
    }

    private static byte[] Edit(byte[] baseline, SeededRandom random)
    {
        List<byte> chunk = [.. baseline];
        for (var edit = random.Below(5); edit >= 0; edit--)
        {
            var at = random.Below(chunk.Count + 1);
            var bytes = random.Below(1500);
            switch (random.Below(3))
            {
                case 0:
                    var fresh = new byte[bytes];
                    random.Fill(fresh);
                    chunk.InsertRange(at, fresh);
                    break;
                case 1:
                    chunk.RemoveRange(at, Math.Min(bytes, chunk.Count - at));
                    break;
                default:
                    for (var i = at; i < Math.Min(at + bytes, chunk.Count); i++)
                    {
                        chunk[i] ^= (byte)random.Below(4);
                    }

                    break;
            }
        }

        return [.. chunk];
    }

    /// <summary>Empty when nothing is shared.</summary>
    private static byte[] RoundTrip(byte[] chunk, byte[] baseline)
    {
        var stored = new byte[ChunkEncoder.MaximumEncodedBytes(chunk.Length)];
        var bytes = DeltaCodec.Encode(chunk, baseline, stored);
        Assert.InRange(bytes, 0, chunk.Length);
        if (bytes > 0)
        {
            var decoded = new byte[chunk.Length];
            DeltaCodec.Decode(stored.AsSpan(0, bytes), baseline, decoded);
            Assert.Equal(chunk, decoded);
        }

        return stored[..bytes];
    }
}
