namespace Dumont.Snapshots.Tests;

public sealed class ChunkerTests
{
    private static readonly Chunker Small = new(minimumBytes: 256, averageBytes: 1024, maximumBytes: 4096);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Cuts_AnyInput_CoverItWithinBounds(int seed)
    {
        var random = new SeededRandom(seed);
        for (var round = 0; round < 200; round++)
        {
            var data = Input(random, random.Below(40_000));

            var lengths = Cut(Small, data);

            Assert.Equal(data.Length, lengths.Sum());
            Assert.All(lengths, length => Assert.InRange(length, 1, Small.MaximumBytes));
            Assert.All(lengths.SkipLast(1), length => Assert.InRange(length, Small.MinimumBytes, Small.MaximumBytes));
        }
    }

    [Fact]
    public void Cuts_SameTailBehindOtherHead_MeetAgain()
    {
        var random = new SeededRandom(11);
        for (var round = 0; round < 50; round++)
        {
            var tail = TreeFacts.Noise(60_000, round + 5000);
            byte[] first = [.. TreeFacts.Noise(random.Below(5000), round), .. tail];
            byte[] second = [.. TreeFacts.Noise(random.Below(5000), round + 1000), .. tail];

            var ends = CutsFromEnd(first).Intersect(CutsFromEnd(second)).Count();

            // The two may take a few chunks to fall into step, whatever lies before.
            Assert.True(ends > CutsFromEnd(first).Count() / 2, $"round {round}: only {ends} cuts in common");
        }
    }

    [Fact]
    public void Cuts_BytesInserted_MoveFewChunks()
    {
        var random = new SeededRandom(12);
        var before = TreeFacts.Noise(1_000_000, 5);
        for (var round = 0; round < 20; round++)
        {
            var at = random.Below(before.Length);
            byte[] after = [.. before[..at], .. TreeFacts.Noise(1 + random.Below(100), round), .. before[at..]];

            var known = Hashes(before).ToHashSet();
            var fresh = Hashes(after).Count(hash => !known.Contains(hash));

            Assert.InRange(fresh, 1, 12);
        }
    }

    [Fact]
    public void Cuts_KnownInput_StayAsTheyWere()
    {
        // Guards the table, the masks and the loop: another list here means that peers find no old chunk again.
        var lengths = Cut(Small, TreeFacts.Noise(12_000, 42));

        Assert.Equal(KnownCuts, lengths);
    }

    [Fact]
    public void Cuts_Noise_AverageNearTheAim()
    {
        var average = Cut(Chunker.ForSync, TreeFacts.Noise(64 << 20, 9)).Average();

        Assert.InRange(average, 200 << 10, 400 << 10);
    }

    [Fact]
    public void ReadChunks_AnyFile_EqualsCutsInMemory()
    {
        using var folder = new TempFolder();
        foreach (var length in new[] { 0, 1, FileContent.WholeFileBytes, FileContent.WholeFileBytes + 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9_000_001, 12 << 20 })
        {
            // Runs of zeros are cut at the maximum, which divides the reader's buffer.
            var data = length % 2 == 0 ? new byte[length] : TreeFacts.Noise(length, length);
            var path = folder.File("data");
            File.WriteAllBytes(path, data);
            using var file = File.OpenHandle(path);

            var chunks = FileContent.ReadChunks(file, Chunker.ForSync, CancellationToken.None).ToList();

            var expected = length == 0 ? [] : length <= FileContent.WholeFileBytes ? [length] : Cut(Chunker.ForSync, data);
            Assert.Equal(expected, chunks.Select(chunk => chunk.LengthBytes));
            Assert.All(chunks, chunk => Assert.Equal(ContentHash.Of(data.AsSpan((int)chunk.OffsetBytes, chunk.LengthBytes)), chunk.Hash));
        }
    }

    // Computed by a second implementation, from the description alone.
    private static readonly int[] KnownCuts = [2749, 1647, 1413, 1445, 1974, 552, 2220];

    // Noise, runs and repeats: what files are made of.
    private static byte[] Input(SeededRandom random, int length) => random.Below(3) switch
    {
        0 => TreeFacts.Noise(length, (int)random.Next()),
        1 => new byte[length],
        _ => [.. Enumerable.Range(0, length).Select(i => (byte)(i / 7 % 31))],
    };

    private static List<int> Cut(Chunker chunker, byte[] data)
    {
        var lengths = new List<int>();
        for (var start = 0; start < data.Length; start += lengths[^1])
        {
            lengths.Add(chunker.NextChunk(data.AsSpan(start)));
        }

        return lengths;
    }

    private static IEnumerable<int> CutsFromEnd(byte[] data)
    {
        var position = data.Length;
        return Cut(Small, data).Select(length => position -= length);
    }

    private static IEnumerable<ContentHash> Hashes(byte[] data)
    {
        var start = 0;
        foreach (var length in Cut(Small, data))
        {
            yield return ContentHash.Of(data.AsSpan(start, length));
            start += length;
        }
    }
}
