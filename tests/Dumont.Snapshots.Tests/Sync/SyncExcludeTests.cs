namespace Dumont.Snapshots.Tests.Sync;

/// <summary>What is excluded is let alone on both sides.</summary>
public sealed class SyncExcludeTests
{
    [Fact]
    public async Task Exclude_BeforeTheFirstSync_IsNotSent()
    {
        await using var pair = new SyncPair();
        Write(pair.From, "kept/file");
        Write(pair.From, "kept/file.tmp");
        Write(pair.From, "kept/cache/a/b");
        Write(pair.From, "cache");
        Write(pair.From, "data/raw/large", 900_000);
        pair.Source.Excludes = new PathFilter(["*.tmp", "cache", "/data/raw"]);

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(["data", "kept", "kept/file"], Paths(pair.To));
    }

    [Fact]
    public async Task Exclude_BeginsWhileConnected_NeitherSendsNorDeletes()
    {
        await using var pair = new SyncPair();
        Write(pair.From, "cache/old");
        Write(pair.From, "cache/gone");
        Write(pair.From, "file");
        pair.Connect();
        await pair.CaughtUpAsync();
        var sent = pair.Source.Status.FilesTotal;

        pair.Source.Excludes = new PathFilter(["/cache"]);
        File.Delete(Path.Combine(pair.From, "cache/gone"));
        Write(pair.From, "cache/new");
        File.AppendAllText(Path.Combine(pair.From, "cache/old"), "more");
        pair.Changes.Mark(TreePath.Parse("cache/gone"));
        pair.Changes.Mark(TreePath.Parse("cache/new"));
        await pair.CaughtUpAsync();

        Assert.Equal(["cache", "cache/gone", "cache/old", "file"], Paths(pair.To));
        Assert.Equal(sent, pair.Source.Status.FilesTotal);
        Assert.Equal(100, new FileInfo(Path.Combine(pair.To, "cache/old")).Length);

        await pair.CutAsync();
        pair.Connect();
        await pair.CaughtUpAsync();
        Assert.Equal(["cache", "cache/gone", "cache/old", "file"], Paths(pair.To));
    }

    [Fact]
    public async Task Exclude_Ends_EvensOut()
    {
        await using var pair = new SyncPair();
        pair.Source.Excludes = new PathFilter(["cache"]);
        Write(pair.From, "cache/a");
        Write(pair.To, "cache/stranger");
        pair.Connect();
        await pair.CaughtUpAsync();
        Assert.Equal(["cache", "cache/stranger"], Paths(pair.To));

        pair.Source.Excludes = PathFilter.None;
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
    }

    [Fact]
    public async Task Exclude_DirectoryAboveIsDeleted_GoesWithIt()
    {
        await using var pair = new SyncPair();
        Write(pair.From, "project/cache/a");
        pair.Connect();
        await pair.CaughtUpAsync();
        pair.Source.Excludes = new PathFilter(["cache"]);

        Directory.Delete(Path.Combine(pair.From, "project"), recursive: true);
        await pair.CaughtUpAsync();

        Assert.Empty(Paths(pair.To));
    }

    [Fact]
    public async Task Flush_OfWhatIsExcluded_DoesNotWaitForIt()
    {
        await using var pair = new SyncPair();
        pair.Source.Excludes = new PathFilter(["*.tmp"]);
        pair.Connect();
        await pair.CaughtUpAsync();
        Write(pair.From, "a.tmp");

        await pair.Changes.FlushFileAsync(TreePath.Parse("a.tmp"), TestContext.Current.CancellationToken);

        Assert.Empty(Paths(pair.To));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/../b")]
    [InlineData("[a")]
    public void Pattern_ThatIsNone_IsNamed(string pattern) =>
        Assert.Contains($"'{pattern}'", Assert.Throws<ArgumentException>(() => new PathFilter(["fine", pattern])).Message, StringComparison.Ordinal);

    private static void Write(string folder, string path, int size = 100)
    {
        var full = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, TreeFacts.Noise(size, path.Length));
    }

    private static List<string> Paths(string folder)
    {
        using var root = TreeRoot.Open(folder);
        return root.Walk().Select(entry => entry.Path.ToString()).Order(StringComparer.Ordinal).ToList();
    }
}
