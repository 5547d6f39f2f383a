using Dumont.Agent.Workspace;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Tests.Workspace;

/// <summary>The watcher alone, with comparison switched off: every change must be noticed.</summary>
public sealed class TreeWatcherTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly WatchedPair _pair;

    public TreeWatcherTests() => _pair = new WatchedPair(_folder);

    public async ValueTask DisposeAsync()
    {
        await _pair.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Changes_OfEveryKind_ArriveWithoutComparison()
    {
        await _pair.StartAsync();

        _pair.Write("file", "one");
        await _pair.EqualAsync();
        _pair.Write("file", "two");
        await _pair.EqualAsync();
        Directory.CreateDirectory(_pair.At("new/deep/er"));
        _pair.Write("new/deep/er/file", "three");
        await _pair.EqualAsync();
        File.SetUnixFileMode(_pair.At("file"), (UnixFileMode)0b111_000_000);
        File.CreateSymbolicLink(_pair.At("new/link"), "deep");
        await _pair.EqualAsync();
        Directory.Move(_pair.At("new/deep"), _pair.At("moved"));
        await _pair.EqualAsync();
        _pair.Write("moved/er/file", "four, under the new name");
        await _pair.EqualAsync();
        File.Delete(_pair.At("file"));
        Directory.Delete(_pair.At("moved"), recursive: true);
        await _pair.EqualAsync();
    }

    [Fact]
    public async Task Changes_OfMetadataAlone_ArriveWithoutComparison()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Giving files away needs root.");
        _pair.Write("file", "one");
        Directory.CreateDirectory(_pair.At("folder"));
        await _pair.StartAsync();

        await RunAsync("chown", "1234:5678", _pair.At("file"));
        await _pair.EqualAsync();
        await RunAsync("chown", "1235:5678", _pair.At("folder"));
        await _pair.EqualAsync();
        await RunAsync("ln", _pair.At("file"), _pair.At("folder/name"));
        await _pair.EqualAsync();

        // By one name; nobody is told of the other.
        _pair.Write("folder/name", "two");
        await _pair.EqualAsync();
        _pair.Write("file", "three");
        await _pair.EqualAsync();
        await RunAsync("chmod", "600", _pair.At("file"));
        await _pair.EqualAsync();
        File.Delete(_pair.At("file"));
        await _pair.EqualAsync();
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(program, arguments);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
    }

    [Fact]
    public async Task Directory_MovedInWithContent_ArrivesWhole()
    {
        var outside = _folder.Folder("outside");
        Directory.CreateDirectory(Path.Combine(outside, "a/b/c"));
        File.WriteAllText(Path.Combine(outside, "a/b/c/file"), "deep");
        await _pair.StartAsync();

        Directory.Move(outside, _pair.At("inside"));
        await _pair.EqualAsync();
        _pair.Write("inside/a/b/c/file", "changed");
        await _pair.EqualAsync();
    }

    [Fact]
    public async Task Directories_MadeAndFilledFast_LoseNothing()
    {
        await _pair.StartAsync();

        for (var i = 0; i < 300; i++)
        {
            Directory.CreateDirectory(_pair.At($"d{i}/x/y"));
            _pair.Write($"d{i}/x/y/file", $"{i}");
            if (i % 3 == 0)
            {
                Directory.Move(_pair.At($"d{i}"), _pair.At($"e{i}"));
                _pair.Write($"e{i}/x/y/second", $"{i}");
            }
        }

        await _pair.EqualAsync();
    }

    [Fact]
    public async Task Drain_IsCompleteOnlyAfterTheComparisonThatFollowsTheWatch()
    {
        using var changes = new TreeChanges(TimeProvider.System);
        using var alone = new TreeWatcher(_folder.Folder("alone"), changes, TestAgent.Log);
        await Eventually.TrueAsync(() => alone.IsReady, "watches are set");

        // Nobody compares: what happened before the watches is not known.
        Assert.False(alone.Drain());

        await _pair.StartAsync();
        await Eventually.TrueAsync(_pair.Drain, "compared");
    }

    [Fact]
    public async Task Drain_OfAWatcherThatIsDisposedOf_ReadsNothing()
    {
        using var changes = new TreeChanges(TimeProvider.System);
        var gone = new TreeWatcher(_folder.Folder("gone"), changes, TestAgent.Log);
        await Eventually.TrueAsync(() => gone.IsReady, "watches are set");
        gone.Dispose();

        // The next one gets the number of its descriptor, and must get its events, too.
        await _pair.StartAsync();
        for (var i = 0; i < 100; i++)
        {
            _pair.Write($"file{i}", "noticed");
            Assert.False(gone.Drain());
        }

        await _pair.EqualAsync();
    }

    [Fact]
    public async Task StagingDirectory_Touched_IsNotNoticed()
    {
        await _pair.StartAsync();
        Directory.CreateDirectory(_pair.At(TreePath.StagingName));
        File.WriteAllText(_pair.At(TreePath.StagingName + "/x"), "ours");

        _pair.Write("file", "one");
        await _pair.EqualAsync();

        Assert.False(File.Exists(Path.Combine(_pair.To, TreePath.StagingName, "x")));
    }
}
