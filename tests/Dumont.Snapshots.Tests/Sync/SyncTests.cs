using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

public sealed class SyncTests
{
    [Fact]
    public async Task Sync_TreeOfEveryKind_ArrivesEqual()
    {
        await using var pair = new SyncPair();
        Populate(pair.From);

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
        Assert.Equal(SyncPhase.Live, pair.Source.Status.Phase);
        Assert.Equal(0, pair.Source.Status.PendingChanges);
        Assert.Equal(TimeSpan.Zero, pair.Source.Status.OldestPending);
        Assert.Equal(pair.Source.Status.SentSequence, pair.Source.Status.AckedSequence);
        Assert.Equal(SyncPhase.Live, pair.SinkStatus.Phase);
    }

    private static void Populate(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "a/b/c"));
        Directory.CreateDirectory(Path.Combine(folder, "empty"));
        File.WriteAllText(Path.Combine(folder, "a/small.txt"), "hello");
        File.WriteAllText(Path.Combine(folder, "a/b/empty.txt"), "");
        File.WriteAllBytes(Path.Combine(folder, "a/b/c/large.bin"), TreeFacts.Noise(5_000_000, 1));
        File.WriteAllText(Path.Combine(folder, "a/run.sh"), "#!/bin/sh");
        File.SetUnixFileMode(Path.Combine(folder, "a/run.sh"), (UnixFileMode)0b111_101_101);
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "a/small.txt");
        File.CreateSymbolicLink(Path.Combine(folder, "dangling"), "/nowhere/at all");
        File.SetLastWriteTimeUtc(Path.Combine(folder, "a/small.txt"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
    }
}
