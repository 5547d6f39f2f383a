using Dumont.Snapshots.References;

namespace Dumont.Snapshots.Tests;

public sealed class ChunkerTests
{
    private static readonly ChunkSizes Tiny = new(MinimumBytes: 1024, AverageBytes: 4096, MaximumBytes: 16_384);
    private static readonly Chunker TinyChunker = new(Tiny);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Cuts_AnyInput_CoverItWithinBounds(int seed)
    {
        var random = new SeededRandom(seed);
        for (var round = 0; round < 100; round++)
        {
            var data = Input(random, random.Below(150_000));

            var lengths = Cut(TinyChunker, data);

            Assert.Equal(data.Length, lengths.Sum());
            Assert.All(lengths, length => Assert.InRange(length, 1, Tiny.MaximumBytes));
            Assert.All(lengths.SkipLast(1), length => Assert.InRange(length, Tiny.MinimumBytes, Tiny.MaximumBytes));
        }
    }

    [Fact]
    public void Cuts_AnyInputSizesAndSecret_PathsAgree()
    {
        var random = new SeededRandom(10);
        for (var round = 0; round < 300; round++)
        {
            var minimum = 128 + random.Below(1000);
            var sizes = new ChunkSizes(minimum, 4096, 4097 + random.Below(20_000));
            var secret = random.Next();
            var data = Input(random, random.Below(100_000)).AsSpan(0);
            data = data[Math.Min(random.Below(70), data.Length)..];

            var expected = Cut(new Chunker(sizes, secret, VectorPath.Scalar), data);
            foreach (var path in VectorPaths.Supported().Skip(1))
            {
                Assert.Equal(expected, Cut(new Chunker(sizes, secret, path), data));
            }
        }
    }

    // Each length once, so that the last group of a vector ends at each place.
    [Fact]
    public void Find_EveryLength_PathsAgree()
    {
        var noise = TreeFacts.Noise(5100, 33);
        var window = CutWindow.Create(7);
        for (var length = CutWindow.Bytes; length < 5000; length++)
        {
            var data = noise.AsSpan(length % 61, length);
            var start = CutWindow.Bytes + (length % 97);
            var expected = window.Find(data, start, length, 0, VectorPath.Scalar);
            foreach (var path in VectorPaths.Supported().Skip(1))
            {
                Assert.Equal(expected, window.Find(data, start, length, 0, path));
            }
        }
    }

    [Fact]
    public void Cuts_HoweverTheInputArrives_AreTheSame()
    {
        var random = new SeededRandom(13);
        for (var round = 0; round < 60; round++)
        {
            var data = Input(random, 200_000);
            Assert.Equal(Cut(TinyChunker, data), CutInPieces(TinyChunker, data, random, isJudgedOnce: false));
        }
    }

    [Fact]
    public void Cuts_NoWindowJudgedTwice_AreTheSameOnEveryPath()
    {
        var random = new SeededRandom(15);
        for (var round = 0; round < 60; round++)
        {
            var data = Input(random, 200_000);
            var expected = Cut(TinyChunker, data);
            foreach (var path in VectorPaths.Supported())
            {
                Assert.Equal(expected, CutInPieces(new Chunker(Tiny, 0, path), data, random, isJudgedOnce: true));
            }
        }
    }

    private static List<int> CutInPieces(Chunker chunker, byte[] data, SeededRandom random, bool isJudgedOnce)
    {
        var lengths = new List<int>();
        var start = 0;
        var seen = 0;
        var judged = 0;
        while (start < data.Length)
        {
            seen = Math.Min(data.Length, seen + 1 + random.Below(random.Below(5) == 0 ? 30_000 : 300));
            var some = new int[1 + random.Below(4)];
            var piece = data.AsSpan(start..seen);
            var isEnd = seen == data.Length;
            var count = isJudgedOnce ? chunker.Cut(piece, isEnd, some, ref judged) : chunker.Cut(piece, isEnd, some);
            lengths.AddRange(some.AsSpan(0, count));
            start += some.AsSpan(0, count).ToArray().Sum();
        }

        return lengths;
    }

    [Fact]
    public void Cut_RestThatDecidesNothing_WaitsForMore()
    {
        var zeros = new byte[Tiny.MaximumBytes - 1];
        var lengths = new int[3];

        Assert.Equal(0, TinyChunker.Cut(zeros, isEnd: false, lengths));
        Assert.Equal(1, TinyChunker.Cut(zeros, isEnd: true, lengths));
        Assert.Equal(zeros.Length, lengths[0]);
        Assert.Equal(0, TinyChunker.Cut([], isEnd: true, lengths));
        Assert.Equal(0, TinyChunker.Cut(zeros, isEnd: true, []));
    }

    [Fact]
    public void Cuts_SameTailBehindOtherHead_MeetAgain()
    {
        var random = new SeededRandom(11);
        for (var round = 0; round < 30; round++)
        {
            var tail = TreeFacts.Noise(240_000, round + 5000);
            byte[] first = [.. TreeFacts.Noise(random.Below(20_000), round), .. tail];
            byte[] second = [.. TreeFacts.Noise(random.Below(20_000), round + 1000), .. tail];

            var ends = CutsFromEnd(first).Intersect(CutsFromEnd(second)).Count();

            // The two may take a few chunks to fall into step, whatever lies before.
            Assert.True(ends > CutsFromEnd(first).Count() / 2, $"round {round}: only {ends} cuts in common");
        }
    }

    [Fact]
    public void Cuts_BytesInserted_MoveFewChunks()
    {
        var random = new SeededRandom(12);
        var before = TreeFacts.Noise(2_000_000, 5);
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
        // Guards constants, windows and rule: another list here means that peers and repositories find no old chunk again.
        Assert.Equal(KnownCuts, Cut(TinyChunker, TreeFacts.Noise(60_000, 42)));
        Assert.Equal(KnownCutsOfSecret, Cut(new Chunker(Tiny, 0x0123_4567_89AB_CDEF), TreeFacts.Noise(60_000, 42)));
    }

    [Fact]
    public void Cuts_OtherSecret_LieElsewhere()
    {
        var noise = TreeFacts.Noise(4_000_000, 6);
        var ends = Ends(Cut(TinyChunker, noise)).ToHashSet();
        foreach (var secret in new[] { 1UL, 2UL, 1UL << 63, ulong.MaxValue })
        {
            var common = Ends(Cut(new Chunker(Tiny, secret), noise)).Count(ends.Contains);

            // The end of the input, and a chance of one in a few thousand each.
            Assert.InRange(common, 1, 6);
        }
    }

    [Fact]
    public void Cuts_RunsOfAnyByte_AreAtTheMaximum()
    {
        for (var secret = 0UL; secret < 30; secret++)
        {
            var chunker = new Chunker(Tiny, secret);
            for (var value = 0; value < 256; value++)
            {
                var run = new byte[2 * Tiny.MaximumBytes];
                run.AsSpan().Fill((byte)value);

                Assert.Equal([Tiny.MaximumBytes, Tiny.MaximumBytes], Cut(chunker, run));
            }
        }
    }

    [Fact]
    public void Cuts_Noise_AverageNearTheAim()
    {
        var noise = TreeFacts.Noise(64 << 20, 9);

        Assert.InRange(Cut(new Chunker(ChunkSizes.Large), noise).Average(), 200 << 10, 400 << 10);
        Assert.InRange(Cut(new Chunker(ChunkSizes.Small), noise).Average(), 50 << 10, 100 << 10);
    }

    [Fact]
    public void Deduplication_OfChangedContent_IsThatOfFastCdc()
    {
        // Several secrets and gear tables, because where single cuts fall is luck.
        var before = TreeFacts.Noise(32 << 20, 14);
        long own = 0;
        long other = 0;
        for (var round = 0; round < 6; round++)
        {
            var after = Changed(before, 150, round);
            foreach (var sizes in new[] { ChunkSizes.Small, ChunkSizes.Large })
            {
                var chunker = new Chunker(sizes, (ulong)round);
                var fastCdc = new FastCdc(sizes, (ulong)round);
                own += NewBytes(before, after, data => Cut(chunker, data));
                other += NewBytes(before, after, fastCdc.Cut);
            }
        }

        Assert.InRange(own, 1, (long)(other * 1.01));
    }

    [Fact]
    public void Chunker_SizesOutOfOrder_AreRefused()
    {
        foreach (var sizes in new ChunkSizes[] { default, new(127, 4096, 8192), new(128, 2048, 8192), new(4096, 4096, 8192), new(1024, 4096, 4096), new(1024, 5000, 8192) })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => new Chunker(sizes));
        }
    }

    [Fact]
    public void ReadChunks_AnyFile_EqualsCutsInMemory()
    {
        using var folder = new TempFolder();
        foreach (var length in new[] { 0, 1, FileContent.WholeFileBytes, FileContent.WholeFileBytes + 1, (2 << 20) - 1, 2 << 20, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9_000_001, 12 << 20 })
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

    // Computed by a second implementation, from docs/formats/sync-protocol.md alone.
    private static readonly int[] KnownCuts = [6823, 10758, 4475, 4657, 1581, 7769, 1281, 3363, 3795, 4399, 4330, 5989, 780];
    private static readonly int[] KnownCutsOfSecret = [3412, 8334, 5103, 2108, 4294, 6314, 4709, 4631, 6139, 5474, 5254, 4228];

    // Noise, runs, repeats and text: what files are made of.
    private static byte[] Input(SeededRandom random, int length) => random.Below(4) switch
    {
        0 => TreeFacts.Noise(length, (int)random.Next()),
        1 => new byte[length],
        2 => [.. Enumerable.Range(0, length).Select(i => (byte)(i / 7 % 31))],
        _ => [.. Enumerable.Range(0, length).Select(_ => (byte)("etaoin shrdlu\n"[random.Below(14)]))],
    };

    // Bytes overwritten, inserted and removed at places all over.
    private static byte[] Changed(byte[] before, int changes, int seed)
    {
        var random = new SeededRandom(seed);
        var after = new MemoryStream(before.Length + 100_000);
        var places = Enumerable.Range(0, changes).Select(_ => random.Below(before.Length - 200)).Order().ToArray();
        var from = 0;
        foreach (var place in places.Where((place, i) => i == 0 || place > places[i - 1] + 200))
        {
            after.Write(before, from, place - from);
            from = place;
            var fresh = TreeFacts.Noise(1 + random.Below(100), place);
            after.Write(fresh);
            from += random.Below(3) switch { 0 => 0, 1 => fresh.Length, _ => 100 };
        }

        after.Write(before, from, before.Length - from);
        return after.ToArray();
    }

    private static long NewBytes(byte[] before, byte[] after, Func<byte[], List<int>> cut)
    {
        var known = new HashSet<ContentHash>();
        long bytes = 0;
        foreach (var (data, isNew) in new[] { (before, false), (after, true) })
        {
            var start = 0;
            foreach (var length in cut(data))
            {
                if (known.Add(ContentHash.Of(data.AsSpan(start, length))) && isNew)
                {
                    bytes += length;
                }

                start += length;
            }
        }

        return bytes;
    }

    private static List<int> Cut(Chunker chunker, ReadOnlySpan<byte> data)
    {
        var lengths = new int[(data.Length / chunker.Sizes.MinimumBytes) + 1];
        var count = chunker.Cut(data, isEnd: true, lengths);
        return [.. lengths.AsSpan(0, count)];
    }

    private static List<int> Cut(Chunker chunker, byte[] data) => Cut(chunker, data.AsSpan());

    private static IEnumerable<int> Ends(IEnumerable<int> lengths)
    {
        var end = 0;
        return lengths.Select(length => end += length);
    }

    private static IEnumerable<int> CutsFromEnd(byte[] data)
    {
        var position = data.Length;
        return Cut(TinyChunker, data).Select(length => position -= length);
    }

    private static IEnumerable<ContentHash> Hashes(byte[] data)
    {
        var start = 0;
        foreach (var length in Cut(TinyChunker, data))
        {
            yield return ContentHash.Of(data.AsSpan(start, length));
            start += length;
        }
    }
}
