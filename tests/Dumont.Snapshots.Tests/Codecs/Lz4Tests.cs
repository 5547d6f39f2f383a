using Dumont.Snapshots.References;

namespace Dumont.Snapshots.Tests;

public sealed class Lz4Tests
{
    [Fact]
    public void Encode_EveryShortLength_RoundTrips()
    {
        var random = new SeededRandom(31);
        for (var length = 0; length < 1500; length++)
        {
            AssertRoundTrips(Samples.Any(random, length));
        }
    }

    [Fact]
    public void Encode_AnyContent_RoundTrips()
    {
        var random = new SeededRandom(32);
        for (var round = 0; round < 300; round++)
        {
            AssertRoundTrips(Samples.Any(random, random.Below(300_000)));
        }
    }

    // Distances up to and beyond 65,535, the farthest a match can be.
    [Fact]
    public void Encode_RepeatsAtEveryKindOfDistance_RoundTrip()
    {
        var random = new SeededRandom(33);
        foreach (var distance in Enumerable.Range(1, 70).Concat([255, 256, 4095, 65_534, 65_535, 65_536, 65_537, 70_000]))
        {
            var unit = TreeFacts.Noise(distance, distance);
            var content = new byte[(2 * distance) + 300 + random.Below(200)];
            for (var i = 0; i < content.Length; i++)
            {
                content[i] = unit[i % distance];
            }

            AssertRoundTrips(content);
        }
    }

    // Places are skipped where nothing matches, so a match is often found late and goes back, by less than eight bytes or by more.
    [Fact]
    public void Encode_RepeatInTheMiddleOfNoise_IsFoundWhole()
    {
        for (var length = 40; length < 200; length++)
        {
            var repeat = TreeFacts.Noise(length, length);
            byte[] content = [.. repeat, .. TreeFacts.Noise(500, 1), .. repeat, .. TreeFacts.Noise(500, 2)];

            Assert.InRange(Encoded(content).Length, 1, content.Length - length + 16);
            AssertRoundTrips(content);
        }
    }

    [Fact]
    public void Encode_Destination_IsFilledOrLeftAlone()
    {
        using var memory = new GuardedMemory(4096);
        using var input = new GuardedMemory(4096);
        var random = new SeededRandom(34);
        for (var round = 0; round < 60; round++)
        {
            var content = Samples.Any(random, random.Below(3000));
            var block = Encoded(content);
            for (var room = 0; room <= block.Length + 20; room += 1 + random.Below(3))
            {
                var written = Lz4.Encode(round % 2 == 0 ? input.AtEnd(content) : input.AtStart(content), memory.AtEnd(room));
                Assert.Equal(room >= block.Length ? block.Length : 0, written);
                if (written > 0)
                {
                    Assert.Equal(block, memory.AtEnd(room)[..written]);
                }
            }
        }
    }

    [Fact]
    public void Encode_WorstCase_FitsTheBound()
    {
        foreach (var length in new[] { 0, 1, 14, 15, 16, 255, 269, 270, 271, 1000, 65_536, 1 << 20 })
        {
            Assert.InRange(Encoded(TreeFacts.Noise(length, length)).Length, 1, Lz4.MaximumEncodedBytes(length));
        }
    }

    [Fact]
    public void TryDecode_WrongLength_IsFalse()
    {
        var content = Samples.Any(new SeededRandom(35), 10_000);
        var block = Encoded(content);
        foreach (var length in new[] { 0, 1, content.Length - 100, content.Length - 1, content.Length + 1, content.Length + 100 })
        {
            Assert.False(Lz4.TryDecode(block, new byte[length]));
        }

        for (var length = 0; length < block.Length; length++)
        {
            Assert.False(Lz4.TryDecode(block.AsSpan(0, length), new byte[content.Length]));
        }

        Assert.False(Lz4.TryDecode([], []));
        Assert.True(Lz4.TryDecode([0], []));
    }

    [Theory]
    [InlineData(new byte[] { 0x00, 0x01, 0x00, 0x00 }, "a match before the first byte")]
    [InlineData(new byte[] { 0x14, 0x41, 0x02, 0x00, 0x00 }, "a match that reaches too far back")]
    [InlineData(new byte[] { 0x14, 0x41, 0x00, 0x00, 0x00 }, "an offset of zero")]
    [InlineData(new byte[] { 0xF0, 0xFF, 0xFF, 0xFF }, "a length without end")]
    [InlineData(new byte[] { 0x1F, 0x41, 0x01, 0x00, 0xFF, 0xFF }, "a match length without end")]
    [InlineData(new byte[] { 0x40, 0x41 }, "literals cut off")]
    [InlineData(new byte[] { 0x10, 0x41, 0x01 }, "an offset cut off")]
    public void TryDecode_Malformed_IsFalse(byte[] block, string what)
    {
        for (var length = 0; length < 300; length++)
        {
            Assert.False(Lz4.TryDecode(block, new byte[length]), what);
        }
    }

    [Fact]
    public void TryDecode_AnyInput_StaysInside()
    {
        using var input = new GuardedMemory(8192);
        using var output = new GuardedMemory(8192);
        var random = new SeededRandom(36);
        for (var round = 0; round < 60_000; round++)
        {
            var content = Samples.Any(random, random.Below(round % 100 == 0 ? 4000 : 200));
            var block = round % 3 == 0 ? TreeFacts.Noise(random.Below(80), round) : Encoded(content);
            for (var i = random.Below(4); i > 0 && block.Length > 0; i--)
            {
                block[random.Below(block.Length)] = (byte)(random.Below(3) switch { 0 => 255, 1 => random.Below(256), _ => 0 });
            }

            var length = random.Below(2) == 0 ? content.Length : random.Below(5000);
            Lz4.TryDecode(input.AtEnd(block), output.AtEnd(length));
            Lz4.TryDecode(input.AtStart(block), output.AtStart(length));
        }
    }

    [Fact]
    public void Blocks_OfTheLibraryAndOurs_DecodeEitherWay()
    {
        if (!NativeLz4.IsAvailable)
        {
            Assert.Skip("liblz4 is not installed.");
        }

        var random = new SeededRandom(37);
        for (var round = 0; round < 400; round++)
        {
            var content = Samples.Any(random, random.Below(round < 200 ? 300 : 200_000));
            var block = new byte[Lz4.MaximumEncodedBytes(content.Length)];
            var decoded = new byte[content.Length];

            Assert.True(Lz4.TryDecode(block.AsSpan(0, NativeLz4.Encode(content, block)), decoded));
            Assert.True(content.AsSpan().SequenceEqual(decoded));
            decoded.AsSpan().Clear();
            Assert.Equal(content.Length, NativeLz4.Decode(Encoded(content), decoded));
            Assert.True(content.AsSpan().SequenceEqual(decoded));
        }
    }

    private static void AssertRoundTrips(byte[] content)
    {
        var decoded = new byte[content.Length];
        Assert.True(Lz4.TryDecode(Encoded(content), decoded));
        Assert.True(content.AsSpan().SequenceEqual(decoded));
    }

    private static byte[] Encoded(byte[] content)
    {
        var block = new byte[Lz4.MaximumEncodedBytes(content.Length)];
        var length = Lz4.Encode(content, block);
        Assert.InRange(length, 1, block.Length);
        return block[..length];
    }
}
