using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>A writer of an earlier generation must never change a follower again.</summary>
public sealed class SyncFenceTests
{
    [Fact]
    public async Task Source_BelowTheFence_IsRefusedBeforeAnythingIsWritten()
    {
        await using var pair = new SyncPair(generation: 4);
        pair.Fence.Raise(5);
        File.WriteAllText(Path.Combine(pair.From, "file"), "late");

        pair.Connect();
        await pair.ClosedAsync();

        var refusal = Assert.IsType<SyncRefusedException>(pair.SourceError);
        Assert.Equal(SyncRefusal.Fenced, refusal.Reason);
        Assert.Equal(5, refusal.Fence);
        Assert.Empty(Directory.GetFileSystemEntries(pair.To));
    }

    [Fact]
    public async Task Source_AboveTheFence_RaisesIt()
    {
        await using var pair = new SyncPair(generation: 9);

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(9, pair.Fence.Generation);
    }

    [Fact]
    public async Task Fence_RaisedWhileConnected_StopsWritesAtOnce()
    {
        await using var pair = new SyncPair(generation: 4);
        pair.Connect();
        await pair.CaughtUpAsync();
        var writing = true;
        var writer = Task.Run(() =>
        {
            for (var i = 0; Volatile.Read(ref writing); i++)
            {
                var name = $"f{i % 50}";
                File.WriteAllText(Path.Combine(pair.From, name), $"{i}");
                pair.Changes.Mark(TreePath.Parse(name));
            }
        }, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => pair.Source.Status.AckedSequence > 100, "changes flow");

        pair.Fence.Raise(5);
        var atTheFence = TreeFacts.Of(pair.To);

        await pair.ClosedAsync();
        Volatile.Write(ref writing, false);
        await writer;
        Assert.Equal(atTheFence, TreeFacts.Of(pair.To));
        Assert.Equal(SyncRefusal.Fenced, Assert.IsType<SyncRefusedException>(pair.SourceError).Reason);
    }

    [Fact]
    public async Task Connection_NewerOne_TakesThePlaceOfTheOld()
    {
        await using var pair = new SyncPair();
        File.WriteAllText(Path.Combine(pair.From, "file"), "x");
        pair.Connect();
        await pair.CaughtUpAsync();

        await using var other = pair.Beside(generation: 2);
        other.Connect();
        await other.CaughtUpAsync();

        await pair.ClosedAsync();
        Assert.Equal(SyncRefusal.Replaced, Assert.IsType<SyncRefusedException>(pair.SourceError).Reason);
    }

    [Fact]
    public async Task Connection_LowerGeneration_DoesNotDisturbTheNewer()
    {
        await using var pair = new SyncPair(generation: 3);
        pair.Connect();
        await pair.CaughtUpAsync();

        await using var other = pair.Beside(generation: 2);
        other.Connect();
        await other.ClosedAsync();

        Assert.Equal(SyncRefusal.Fenced, Assert.IsType<SyncRefusedException>(other.SourceError).Reason);
        File.WriteAllText(Path.Combine(pair.From, "file"), "still here");
        await pair.CaughtUpAsync();
        Assert.True(File.Exists(Path.Combine(pair.To, "file")));
    }

    [Fact]
    public async Task Sink_Stopped_EndsTheConnectionAndTakesNoOther()
    {
        await using var pair = new SyncPair();
        pair.Connect();
        await pair.CaughtUpAsync();

        await pair.Sink.StopAsync();
        await pair.ClosedAsync();
        Assert.Equal(SyncRefusal.NotFollowing, Assert.IsType<SyncRefusedException>(pair.SourceError).Reason);

        pair.Connect();
        await pair.ClosedAsync();
        Assert.Equal(SyncRefusal.NotFollowing, Assert.IsType<SyncRefusedException>(pair.SourceError).Reason);
    }

    [Fact]
    public async Task Source_OfAnotherInstance_IsRefused()
    {
        await using var pair = new SyncPair(instanceId: 99);

        pair.Connect();
        await pair.ClosedAsync();

        Assert.Equal(SyncRefusal.Instance, Assert.IsType<SyncRefusedException>(pair.SourceError).Reason);
    }
}
