namespace Dumont.Snapshots.Tests;

/// <summary>What a snapshot takes from a tree, also from one that changes under it.</summary>
public sealed class ScannerTests : IDisposable
{
    private readonly TempFolder _source = new();
    private readonly MemoryObjectStore _store = new(TimeProvider.System);

    public void Dispose() => _source.Dispose();

    [Fact]
    public async Task File_GoneBeforeItIsRead_IsToldAndTheOthersAreKept()
    {
        foreach (var name in new[] { "a", "b", "d" })
        {
            Bench.Write(_source.Path, name, Bench.Noise(100, name[0]));
        }

        Kernel.Link(_source.File("b"), _source.File("c"));

        var outcome = await TakeAsync(afterFirst: () => File.Delete(_source.File("b")));

        Assert.True(outcome.IsIncomplete);
        Assert.Contains(outcome.Warnings, warning => warning.StartsWith("b: ", StringComparison.Ordinal));
        Assert.Contains(outcome.Warnings, warning => warning.StartsWith("c: another name of b", StringComparison.Ordinal));
        Assert.Equal(["", "a", "d"], (await EntriesAsync(outcome)).Select(entry => entry.Path.ToString()));
        Assert.True((await Bench.VerifyAsync(_store, null)).IsSound);
    }

    [Fact]
    public async Task File_ChangedWhileTheSnapshotRuns_IsToldAndReadAgainNextTime()
    {
        Bench.Write(_source.Path, "a", Bench.Noise(100, 1));
        Bench.Write(_source.Path, "b", Bench.Noise(100, 2));

        var outcome = await TakeAsync(afterFirst: () => File.AppendAllText(_source.File("b"), "more"));
        Assert.False(outcome.IsIncomplete);
        Assert.Contains("b: changed while it was read", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
        var next = await TakeAsync();

        Assert.Empty(next.Warnings);
        Bench.AssertSame(Bench.FilesOf(_source.Path), await Bench.ReadAsync(_store, null, next.Snapshot.Id));
    }

    [Fact]
    public void Listing_NameThatComesTwice_IsThereOnce()
    {
        var listing = new DirectoryListing();
        foreach (var name in (string[])["b", "a", "ab", "b", "a", "a"])
        {
            listing.Add(System.Text.Encoding.UTF8.GetBytes(name));
        }

        listing.Sort();

        Assert.Equal(["a", "ab", "b"], Enumerable.Range(0, listing.Count).Select(i => System.Text.Encoding.UTF8.GetString(listing.NameAt(i))));
    }

    // Each stretch of a large file opens it for itself.
    [Fact]
    public async Task LargeFile_ReplacedBetweenItsStretches_IsTold()
    {
        foreach (var name in (string[])["file", "other"])
        {
            using (var made = File.Create(_source.File(name)))
            {
                made.SetLength(FileProgress.SegmentBytes + 1);
            }

            File.SetLastWriteTimeUtc(_source.File(name), DateTime.UnixEpoch);
        }

        await Repository.InitAsync(_store, null, TimeProvider.System, Bench.Token);
        var repository = await OpenAsync();
        using var source = new SourceTree(_source.Path);
        await using var sink = new PackSink(repository, writers: 1);
        using var writer = new ChunkWriter(repository, new ClaimedChunks(), sink, ChunkCompression.None);
        using var reader = new FileReader(source, writer, new SnapshotProgress(), 0, null, TimeProvider.System);
        var descriptor = source.OpenFile("", "file"u8);
        var stat = ManifestStat.Of(SourceTree.StatOf(descriptor))!.Value;
        Assert.Equal(0, LibcFd.Close(descriptor));
        var file = new FileProgress(new PendingFile(new DeferredRow(new ScannedDirectory("", 0), [.. "file"u8], stat, 0), isNew: true, isSparse: true));

        Assert.Null(reader.Read(new FileSegment(file, 0), Bench.Token));
        File.Move(_source.File("other"), _source.File("file"), overwrite: true);

        Assert.Contains("changed while it was read", reader.Read(new FileSegment(file, 1), Bench.Token), StringComparison.Ordinal);
    }

    // A file written in the same tick of the clock as it is read may change again without its times telling.
    [Fact]
    public async Task File_JustWritten_IsReadAgain_AndLaterNoMore()
    {
        Bench.Write(_source.Path, "file", Bench.Noise(1000, 1));
        // A clock behind the file's: however slow the machine, the file is not yet old when it is read.
        await TakeAsync(later: TimeSpan.FromHours(-1));

        Assert.Equal(1000, (await TakeAsync(later: TimeSpan.FromHours(1))).Snapshot.Statistics.BytesRead);
        var quiet = await TakeAsync(later: TimeSpan.FromHours(2));

        Assert.Equal(0, quiet.Snapshot.Statistics.BytesRead);
        Assert.Equal(1, quiet.Snapshot.Statistics.FilesUnmodified);
    }

    [Fact]
    public async Task Tree_OneFileChanged_AddsLittle()
    {
        for (var i = 0; i < 50; i++)
        {
            Bench.Write(_source.Path, $"folder{i % 7}/file{i}", Bench.Noise(20_000, i));
        }

        await TakeAsync(later: TimeSpan.FromHours(1));
        Bench.Write(_source.Path, "folder3/file3", Bench.Noise(20_000, 99));
        var statistics = (await TakeAsync(later: TimeSpan.FromHours(2))).Snapshot.Statistics;

        Assert.Equal(20_000, statistics.BytesRead);
        Assert.Equal((0, 1, 49), (statistics.FilesNew, statistics.FilesChanged, statistics.FilesUnmodified));
        Assert.InRange(statistics.BytesNew, 20_000, 30_000);
    }

    [Fact]
    public async Task Chunk_LostFromTheIndex_IsStoredAgainAndNotPassedOn()
    {
        Bench.Write(_source.Path, "file", Bench.Noise(5000, 1));
        await TakeAsync(later: TimeSpan.FromHours(1));
        foreach (var name in _store.Names.Where(name => name.StartsWith("index/", StringComparison.Ordinal)))
        {
            _store.Remove(name);
        }

        Bench.Write(_source.Path, "other", Bench.Noise(100, 2));
        var outcome = await TakeAsync(later: TimeSpan.FromHours(2));

        Bench.AssertSame(Bench.FilesOf(_source.Path), await Bench.ReadAsync(_store, null, outcome.Snapshot.Id));
    }

    [Fact]
    public async Task Names_OfAllBytes_AreKept()
    {
        var names = Enumerable.Range(1, 255).Where(b => b is not ('/' or '.')).Select(b => new[] { (byte)b }).Append("..."u8.ToArray()).Append([.. Enumerable.Repeat((byte)0xFF, 255)]).ToList();
        names.ForEach(name => Kernel.WriteFile(_source.Path, name, name));

        var entries = await EntriesAsync(await TakeAsync());
        names.ForEach(name => Kernel.DeleteFile(_source.Path, name));

        Assert.Equal(
            names.Select(Convert.ToHexString).Order(StringComparer.Ordinal),
            entries.Skip(1).Select(entry => Convert.ToHexString(entry.Path.ToBytes())).Order(StringComparer.Ordinal));
        var repository = await OpenAsync();
        foreach (var entry in entries.Skip(1))
        {
            using var content = new MemoryStream();
            await repository.CopyContentAsync(entry, content, Bench.Token);
            Assert.Equal(entry.Path.ToBytes(), content.ToArray());
        }
    }

    [Fact]
    public async Task Entries_OfEveryKind_AreWhatTheyAre()
    {
        Trees.WriteFirst(_source.Path);

        var entries = (await EntriesAsync(await TakeAsync())).ToDictionary(entry => entry.Path.ToString());

        Assert.Equal((EntryKind.Fifo, 0), (entries["pipe"].Kind, entries["pipe"].Content.Count));
        Assert.Equal("../nowhere"u8.ToArray(), entries["folder/link"].LinkTarget);
        Assert.Equal((EntryKind.HardLink, "another name"), (entries["samples/text"].Kind, System.Text.Encoding.UTF8.GetString(entries["samples/text"].LinkTarget!)));
        Assert.Equal([true, false, true], entries["sparse"].Content.Select(extent => extent.IsHole));
        Assert.Equal("with\0zero"u8.ToArray(), Assert.Single(entries["samples/noise"].Attributes).Value);
        Assert.Equal("user.empty"u8.ToArray(), Assert.Single(entries["folder"].Attributes).Name);
        Assert.Equal(0x900, entries["samples/fp32"].Mode);
        Assert.True(entries["samples/int32"].ModifiedNs < 0);
    }

    [Fact]
    public async Task Excludes_AreLeftOut()
    {
        foreach (var name in new[] { "keep.txt", "drop.tmp", "cache/one", "deep/er/drop.tmp", "deep/keep" })
        {
            Bench.Write(_source.Path, name, [1]);
        }

        var outcome = await TakeAsync(options => options with { Excludes = ["*.tmp", "cache"] });

        Assert.Equal(["", "deep", "keep.txt", "deep/er", "deep/keep"], (await EntriesAsync(outcome)).Select(entry => entry.Path.ToString()));
    }

    [Fact]
    public async Task Diff_OfTwoSnapshots_TellsWhatChanged()
    {
        foreach (var name in new[] { "same", "removed", "modified", "touched", "folder/moved" })
        {
            Bench.Write(_source.Path, name, Bench.Noise(100, name.Length));
        }

        var before = await EntriesAsync(await TakeAsync());
        File.Delete(_source.File("removed"));
        Bench.Write(_source.Path, "modified", Bench.Noise(100, 77));
        File.SetUnixFileMode(_source.File("touched"), UnixFileMode.UserRead);
        File.Move(_source.File("folder/moved"), _source.File("moved"));
        Bench.Write(_source.Path, "added", []);
        var after = await EntriesAsync(await TakeAsync());

        Assert.Equal(
            "Added added, Removed folder/moved, Modified modified, Added moved, Removed removed, Metadata touched",
            string.Join(", ", SnapshotDiff.Compare(before, after).Select(change => $"{change.Kind} {change.Entry.Path}")));
        Assert.Empty(SnapshotDiff.Compare(after, after));
    }

    private async Task<SnapshotOutcome> TakeAsync(Func<SnapshotOptions, SnapshotOptions>? with = null, Action? afterFirst = null, TimeSpan later = default)
    {
        if (!_store.Names.Contains("config"))
        {
            await Repository.InitAsync(_store, null, TimeProvider.System, Bench.Token);
        }

        var progress = new SnapshotProgress();
        var time = new LaterTime(later, () =>
        {
            if (progress.FilesDone == 1)
            {
                afterFirst?.Invoke();
                afterFirst = null;
            }
        });
        var options = new SnapshotOptions { Source = _source.Path, Workers = 1 };
        return await SnapshotWriter.WriteAsync(await OpenAsync(), with?.Invoke(options) ?? options, progress, time, Bench.Token);
    }

    private async Task<Repository> OpenAsync()
    {
        var repository = await Repository.OpenAsync(_store, null, Bench.Token);
        await repository.LoadIndexAsync(Bench.Token);
        return repository;
    }

    private async Task<IReadOnlyList<ManifestEntry>> EntriesAsync(SnapshotOutcome outcome) => await (await OpenAsync()).ReadEntriesAsync(outcome.Snapshot, Bench.Token);

    /// <summary>The real clock, which the files are stamped by, moved on; says when it is asked.</summary>
    private sealed class LaterTime(TimeSpan later, Action asked) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow()
        {
            asked();
            return System.GetUtcNow() + later;
        }
    }
}
