using System.Globalization;

namespace Dumont.Snapshots.Tests;

/// <summary>Which place of a chunk is taken, and what reading it may cost.</summary>
public sealed class ChunkPlaceTests
{
    private static readonly ContentHash Base = Name("base");

    [Fact]
    public void Join_DeltaBeforeWhole_TakesTheWhole()
    {
        var index = Join(Pack("a", Whole("base")), Pack("b", Delta("chunk", "base")), Pack("c", Whole("chunk")));

        Assert.True(index.Chunks.TryFind(Name("chunk"), out var location));
        Assert.Equal(index.NumberOf(Name("c")), location.Pack);
        Assert.Empty(index.Deltas);
    }

    [Fact]
    public void Join_TwoDeltas_TakesTheShorterWay()
    {
        var index = Join(Pack("a", Delta("chunk", "between"), Delta("between", "base")), Pack("b", Delta("chunk", "base")), Pack("c", Whole("base")));

        Assert.Equal(1, index.Deltas[Name("chunk")].Depth);
    }

    [Fact]
    public void Join_PackIsMissingOrMarked_TakesThePlaceThatIsThere()
    {
        var packs = new[] { Pack("missing", Whole("chunk")), Pack("marked", Whole("chunk"), Whole("other")), Pack("there", Whole("chunk")) };
        var index = RepositoryIndex.Join(
            [(Name("index"), new IndexObject([], packs))], Stored(packs[1..], [Name("marked")]));

        Assert.True(index.Chunks.TryFind(Name("chunk"), out var location));
        Assert.Equal(index.NumberOf(Name("there")), location.Pack);
        Assert.False(index.Chunks.Contains(Name("other")));
        Assert.True(index.ListsOthers);
    }

    [Fact]
    public void Join_BaselineIsNowhere_DoesNotKnowTheDelta()
    {
        var index = Join(Pack("a", Delta("chunk", "base"), Delta("upon it", "chunk")));

        Assert.False(index.Chunks.Contains(Name("chunk")));
        Assert.False(index.Chunks.Contains(Name("upon it")));
        Assert.Contains($"difference from {Base.ToString()[..16]}, which no index knows", index.WhyUnknown(Name("chunk")), StringComparison.Ordinal);
        Assert.True(index.With([Pack("b", Whole("base"))]).Chunks.Contains(Name("upon it")));
    }

    [Fact]
    public void Join_DeltasInACircle_KnowsNoneOfThem()
    {
        var index = Join(Pack("a", Delta("one", "two"), Delta("two", "one"), Delta("itself", "itself"), Whole("base")));

        Assert.Equal(1, index.Chunks.Count);
        Assert.Contains("takes more than", index.WhyUnknown(Name("one")), StringComparison.Ordinal);
        Assert.Contains("takes more than", index.WhyUnknown(Name("itself")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(2, 9)]
    [InlineData(4, 5)]
    public async Task Read_ChainThatCostsTooMuch_IsRefusedBeforeAnythingIsRead(int baselineCount, int deepest)
    {
        var entries = Enumerable.Range(1, 30).Select(i => Delta(Level(i), [.. Enumerable.Repeat(Level(i - 1), baselineCount)])).ToArray();
        var packs = new[] { Pack("deltas", entries), Pack("base", Whole(Level(0))) };
        var reads = 0;
        var store = new InterceptedStore(new MemoryObjectStore(TimeProvider.System), async (call, _, work) =>
        {
            reads += call == StoreCall.Read ? 1 : 0;
            await work();
        });
        var repository = await Repository.InitAsync(store, null, TimeProvider.System, Bench.Token);
        repository.UseIndex(Join(packs));

        Assert.Equal(deepest, repository.Index.Deltas.Values.Max(delta => delta.Depth));
        Assert.True(repository.Index.Deltas.Values.All(delta => delta.Reads <= RepositoryIndex.MaximumReads));
        var file = new ManifestEntry(
            TreePath.Parse("file"), EntryKind.File, 0, 0, 0, 0, 100, null, [], [new Extent(Name(Level(deepest + 1)), 100, IsHole: false)]);
        reads = 0;
        var refused = await Assert.ThrowsAsync<SnapshotFormatException>(() => repository.CopyContentAsync(file, Stream.Null, Bench.Token));
        Assert.Contains("takes more than 16 others one upon the other, or more than 1365 in all", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, reads);
    }

    // A pack stays with what nobody needs in it, a difference for one, while the pack of its baseline goes.
    [Fact]
    public async Task Snapshot_DifferenceLostItsBaseline_StoresTheChunkAgain()
    {
        using var source = new TempFolder();
        var time = new ManualTime();
        var store = new MemoryObjectStore(time) { Traits = new StoreTraits(8 << 20, 1) };
        await Repository.InitAsync(store, null, time, Bench.Token);
        var large = Bench.Noise(3 << 20, 1);
        Bench.Write(source.Path, "large", large);
        var first = await Bench.SnapshotAsync(store, null, source.Path, time);
        for (var at = 0; at < large.Length; at += 100_000)
        {
            large[at]++;
        }

        Bench.Write(source.Path, "large", large);
        Bench.Write(source.Path, "other", Bench.Noise(2 << 20, 2));
        var second = await Bench.SnapshotAsync(store, null, source.Path, time);
        Assert.NotEmpty(await DeltasAsync(store));
        File.Delete(source.File("large"));
        await Bench.SnapshotAsync(store, null, source.Path, time);
        await Bench.ForgetAsync(store, null, first.Id, second.Id);
        time.Advance(TimeSpan.FromDays(1));
        await Pruner.PruneAsync(
            await Repository.OpenAsync(store, null, Bench.Token), new PruneOptions { Grace = TimeSpan.Zero, MaximumWaste = 0.9 }, time, Bench.Token);
        Bench.Write(source.Path, "large", large);

        var again = await Bench.SnapshotAsync(store, null, source.Path, time);

        Bench.AssertSame(Bench.FilesOf(source.Path), await Bench.ReadAsync(store, null, again.Id));
        var outcome = await Bench.VerifyAsync(store, null);
        Assert.True(outcome.IsSound, string.Join("; ", outcome.Damages));
    }

    private static async Task<IEnumerable<ContentHash>> DeltasAsync(IObjectStore store)
    {
        var repository = await Repository.OpenAsync(store, null, Bench.Token);
        await repository.LoadIndexAsync(Bench.Token);
        return repository.Index.Deltas.Keys;
    }

    private static string Level(int depth) => string.Create(CultureInfo.InvariantCulture, $"level {depth}");

    private static ContentHash Name(string text) => ContentHash.Of(System.Text.Encoding.UTF8.GetBytes(text));

    private static ChunkEntry Whole(string name) => new(Name(name), 10, 100, ChunkCoding.Lz4, 0, 0, default);

    private static ChunkEntry Delta(string name, params string[] baseline) =>
        new(Name(name), 10, 100, ChunkCoding.Delta, 0, 0, new Baseline([.. baseline.Select(Name)]));

    private static PackContent Pack(string name, params ChunkEntry[] chunks) => new(Name(name), new byte[16], 1000, chunks);

    private static RepositoryIndex Join(params PackContent[] packs) => RepositoryIndex.Join([(Name("index"), new IndexObject([], packs))], Stored(packs, []));

    private static StoredPacks Stored(IEnumerable<PackContent> packs, HashSet<ContentHash> marked) =>
        new(packs.ToDictionary(pack => pack.Name, pack => new StoredObject(ObjectNames.Pack(pack.Name), 1000, default)), marked, new HashSet<string>());
}
