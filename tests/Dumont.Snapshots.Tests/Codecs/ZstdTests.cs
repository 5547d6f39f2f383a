namespace Dumont.Snapshots.Tests;

public sealed class ZstdTests
{
    public ZstdTests()
    {
        if (!Zstd.IsAvailable)
        {
            Assert.Skip("libzstd is not installed.");
        }
    }

    [Theory]
    [InlineData(Zstd.FastLevel)]
    [InlineData(Zstd.DefaultLevel)]
    [InlineData(9)]
    [InlineData(Zstd.HighestLevel)]
    public void Encode_AnyContent_RoundTrips(int level)
    {
        var random = new SeededRandom(level);
        for (var round = 0; round < 40; round++)
        {
            var content = Samples.Any(random, random.Below(round < 20 ? 300 : 60_000));
            var decoded = new byte[content.Length];

            Zstd.Decode(Encoded(content, [], level), decoded);

            Assert.Equal(content, decoded);
        }
    }

    [Fact]
    public void Encode_AgainstABaseline_HoldsTheDifference()
    {
        var baseline = TreeFacts.Noise(1 << 20, 41);
        var content = baseline.ToArray();
        for (var i = 0; i < 50; i++)
        {
            content[i * 20_000] ^= 1;
        }

        foreach (var level in new[] { Zstd.FastLevel, Zstd.DefaultLevel, 9 })
        {
            var frame = Encoded(content, baseline, level);
            var decoded = new byte[content.Length];

            Zstd.Decode(frame, baseline, decoded);

            Assert.Equal(content, decoded);
            Assert.InRange(frame.Length, 1, 5000);
        }
    }

    [Fact]
    public void Encode_AgainstAnyBaseline_RoundTrips()
    {
        var random = new SeededRandom(42);
        for (var round = 0; round < 60; round++)
        {
            var baseline = Samples.Any(random, random.Below(30_000));
            byte[] content = [.. baseline.Skip(random.Below(500)), .. Samples.Any(random, random.Below(5000))];
            var decoded = new byte[content.Length];

            Zstd.Decode(Encoded(content, baseline, Zstd.DefaultLevel), baseline, decoded);

            Assert.Equal(content, decoded);
        }
    }

    // A context that was used with a baseline, or that failed, is as good as a new one.
    [Fact]
    public void Contexts_AfterABaselineOrAFailure_StartAnew()
    {
        var baseline = TreeFacts.Noise(5000, 43);
        var plain = Encoded(baseline, [], Zstd.DefaultLevel);
        Assert.NotEqual(plain, Encoded([.. baseline], baseline, Zstd.DefaultLevel));
        Assert.Equal(0, Zstd.Encode(baseline, new byte[10]));
        Assert.Throws<SnapshotFormatException>(() => Zstd.Decode(plain.AsSpan(0, 100), new byte[5000]));
        Assert.Throws<SnapshotFormatException>(() => Zstd.Decode([1, 2, 3], baseline, new byte[5000]));

        var decoded = new byte[5000];
        Zstd.Decode(Encoded(baseline, [], Zstd.DefaultLevel), decoded);

        Assert.Equal(plain, Encoded(baseline, [], Zstd.DefaultLevel));
        Assert.Equal(baseline, decoded);
    }

    [Fact]
    public void Encode_DestinationTooSmall_IsZero()
    {
        var content = Samples.Text(new SeededRandom(44), 5000);
        var frame = Encoded(content, [], Zstd.DefaultLevel);
        for (var room = 0; room < frame.Length; room += 7)
        {
            Assert.Equal(0, Zstd.Encode(content, new byte[room]));
        }
    }

    [Fact]
    public void Decode_AnyInput_ThrowsOnlyTheFormatsError()
    {
        using var input = new GuardedMemory(8192);
        using var output = new GuardedMemory(8192);
        var random = new SeededRandom(45);
        for (var round = 0; round < 20_000; round++)
        {
            var content = Samples.Any(random, random.Below(400));
            var baseline = random.Below(2) == 0 ? [] : content.AsSpan(content.Length / 2);
            var frame = round % 5 == 0 ? TreeFacts.Noise(random.Below(60), round) : Encoded(content, baseline, Zstd.FastLevel);
            for (var i = random.Below(3); i > 0 && frame.Length > 0; i--)
            {
                frame[random.Below(frame.Length)] = (byte)random.Below(256);
            }

            try
            {
                Zstd.Decode(input.AtEnd(frame), baseline, output.AtEnd(random.Below(3) == 0 ? random.Below(8000) : content.Length));
            }
            catch (SnapshotFormatException)
            {
                // Said what is wrong, and touched nothing outside.
            }
        }
    }

    [Fact]
    public void Decode_WrongLength_Throws()
    {
        var content = Samples.Text(new SeededRandom(46), 5000);
        var frame = Encoded(content, [], Zstd.DefaultLevel);
        foreach (var length in new[] { 0, 1, 4999, 5001, 6000 })
        {
            Assert.Throws<SnapshotFormatException>(() => Zstd.Decode(frame, new byte[length]));
        }
    }

    [Fact]
    public async Task Encode_FromManyThreads_EachHasItsContexts()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 64), TestContext.Current.CancellationToken, (seed, _) =>
        {
            var content = Samples.Any(new SeededRandom(seed), 20_000);
            var decoded = new byte[content.Length];
            Zstd.Decode(Encoded(content, [], Zstd.FastLevel), decoded);
            Assert.Equal(content, decoded);
            return ValueTask.CompletedTask;
        });
    }

    private static byte[] Encoded(byte[] content, ReadOnlySpan<byte> baseline, int level)
    {
        var frame = new byte[Zstd.MaximumEncodedBytes(content.Length)];
        var length = Zstd.Encode(content, baseline, frame, level);
        Assert.InRange(length, 1, frame.Length);
        return frame[..length];
    }
}
