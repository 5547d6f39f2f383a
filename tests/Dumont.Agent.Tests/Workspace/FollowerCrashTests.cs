using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Tests.Workspace;

/// <summary>What an acknowledgement is worth: a follower that is killed, or whose disk fails, has never said more than it has.</summary>
public sealed class FollowerCrashTests
{
    private const string Strace = "/usr/bin/strace";
    private const string Flushes = "fsync,fdatasync,syncfs";

    [Fact]
    public async Task Follower_FlushFails_AcknowledgesNothing()
    {
        Assert.SkipUnless(File.Exists(Strace), "strace is not installed.");
        using var folder = new TempFolder();
        await using var follower = new FollowerProcess(folder);
        File.WriteAllText(Path.Combine(follower.From, "file"), "precious");
        await follower.StartAsync(Strace, "-f", "-qqq", "-o", "/dev/null", "-e", $"trace={Flushes}", "-e", $"inject={Flushes}:error=EIO");

        await Eventually.TrueAsync(
            () =>
            {
                follower.Connect();
                return follower.Error is SyncFaultException;
            },
            "the follower says that it failed");

        Assert.Equal(0, follower.Source.Status.AckedSequence);
        Assert.Equal(0, follower.Source.Status.RoundsCompleted);
        Assert.True(follower.Source.Status.PendingChanges > 0);
    }

    [Theory]
    [InlineData("renameat", 3)]
    [InlineData("renameat", 40)]
    [InlineData("fdatasync,syncfs", 1)]
    [InlineData("fdatasync,syncfs", 6)]
    [InlineData("fchmod", 25)]
    [InlineData("unlinkat", 2)]
    public async Task Follower_KilledAtASystemCall_LosesNothingAcknowledgedAndRecovers(string call, int when)
    {
        Assert.SkipUnless(File.Exists(Strace), "strace is not installed.");
        using var folder = new TempFolder();
        await using var follower = new FollowerProcess(folder);
        Change(follower.From, 0);
        await follower.StartAsync(
            Strace, "-f", "-qqq", "-o", "/dev/null", "-e", $"trace={call}", "-e", $"inject={call}:signal=KILL:when={when}");
        var acknowledged = new Dictionary<string, string>();
        for (var step = 1; step < 50 && !follower.HasExited; step++)
        {
            Change(follower.From, step);
            var ticket = follower.Changes.RequestRescan();
            await Eventually.TrueAsync(
                () =>
                {
                    follower.Connect();
                    return follower.HasExited || follower.Changes.IsCaughtUp(ticket);
                },
                "acknowledged or killed");
            if (!follower.Changes.IsCaughtUp(ticket))
            {
                break;
            }

            acknowledged = Files(follower.From);
        }

        Assert.True(follower.HasExited, "the call was never made so often");
        await follower.KillAsync();

        // Whatever was acknowledged is there, whole, before anything is sent again; the changes that came after may be there too.
        var later = Files(follower.From);
        var there = Files(follower.To);
        Assert.All(acknowledged, file => Assert.Contains(there.GetValueOrDefault(file.Key), (string?[])[file.Value, later.GetValueOrDefault(file.Key)]));

        await follower.ClosedAsync();
        await follower.StartAsync();
        await follower.CaughtUpAsync();
        Assert.Equal(Files(follower.From), Files(follower.To));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(follower.To, TreePath.StagingName)));
    }

    [Fact]
    public async Task Follower_KilledAgainAndAgain_Recovers()
    {
        using var folder = new TempFolder();
        await using var follower = new FollowerProcess(folder);
        for (var round = 0; round < 5; round++)
        {
            await follower.StartAsync();
            Change(follower.From, round);
            follower.Connect();
            var files = follower.Source.Status.FilesTotal;
            await Eventually.TrueAsync(
                () =>
                {
                    follower.Connect();
                    return follower.Source.Status.FilesTotal > files + round;
                },
                "some files are sent");
            await follower.KillAsync();
            await follower.ClosedAsync();
        }

        await follower.StartAsync();
        await follower.CaughtUpAsync();

        Assert.Equal(Files(follower.From), Files(follower.To));
    }

    private static void Change(string tree, int step)
    {
        for (var i = 0; i < 60; i++)
        {
            var folder = Path.Combine(tree, $"d{(i + step) % 7}");
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, $"f{i}"), $"{step} {i} {new string('x', i * 50)}");
        }

        Directory.Delete(Path.Combine(tree, $"d{step % 7}"), recursive: true);
        File.WriteAllText(Path.Combine(tree, "large"), string.Concat(Enumerable.Range(0, 150_000).Select(i => $"{i + step} ")));
    }

    private static Dictionary<string, string> Files(string tree) => Directory
        .EnumerateFiles(tree, "*", SearchOption.AllDirectories)
        .Where(path => !path.Contains(TreePath.StagingName, StringComparison.Ordinal))
        .ToDictionary(path => Path.GetRelativePath(tree, path), File.ReadAllText, StringComparer.Ordinal);
}
