using System.Diagnostics;
using System.Globalization;

namespace Dumont.Snapshots.Tests.Restore;

/// <summary>A restore is killed at a system call; the next one brings the target to the new state, or back to the old one.</summary>
public sealed class RestoreCrashTests : IDisposable
{
    private const int Killed = 137;
    private const string Injected = "(INJECTED)";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    internal static TestTree NewTree() => RestoreInPlaceTests.Mixed();

    internal static RestoreOptions Options(string mode) => mode switch
    {
        "new" => new RestoreOptions { Workers = 2 },
        _ => new RestoreOptions { Mode = RestoreMode.InPlace, Delete = true, Workers = 2 },
    };

    [Theory]
    [InlineData("renameat2", 1)]
    [InlineData("fsync", 1)]
    [InlineData("syncfs", 1)]
    [InlineData("utimensat", 5)]
    [InlineData("unlinkat", 5)]
    [InlineData("mkdirat", 2)]
    public async Task InPlace_KilledAtEachCall_NextRunFinishesOrUndoes(string call, int step)
    {
        RequireStrace();
        var expected = _folder.File("expected");
        await NewTree().RestoreAsync(expected);
        var after = TreeState.Of(expected, withInodes: false);
        var killed = 0;
        for (var n = 1; ; n += step)
        {
            var target = _folder.Folder($"target{n}");
            RestoreInPlaceTests.MakeOldTree(target);
            var before = TreeState.Of(target);
            if (!RunKilled(target, "in-place", call, n))
            {
                break;
            }

            killed++;
            if (n % 2 == 0)
            {
                await NewTree().RestoreAsync(target, Options("in-place"), "crash");
                Assert.Equal(after, TreeState.Of(target, withInodes: false));
            }
            else
            {
                // Another snapshot, which fails: what the killed one left is undone first, to the inode, unless it had come to its end.
                var broken = new TestTree().File("same/never", "x");
                broken.Entries.InsertRange(0, new TestTree().Root().Folder("same").Entries);
                broken.Chunks.Broken.Add(broken.Entries[^1].Content[0].Chunk);
                await Assert.ThrowsAsync<SnapshotFormatException>(() => broken.RestoreAsync(target, Options("in-place") with { Delete = false }, "other"));
                var state = TreeState.Of(target);
                var isBefore = WithoutRoot(state) == WithoutRoot(before);
                Assert.True(isBefore || TreeState.Of(target, withInodes: false) == after, $"{call} {n}:\n{before}\n--- became\n{state}");
            }
        }

        Assert.True(killed > 0, $"{call} is never called");
    }

    [Theory]
    [InlineData("renameat2", 1)]
    [InlineData("fsync", 1)]
    [InlineData("syncfs", 1)]
    [InlineData("utimensat", 5)]
    [InlineData("fchmod", 4)]
    [InlineData("linkat", 1)]
    [InlineData("symlinkat", 1)]
    [InlineData("mkdirat", 1)]
    [InlineData("unlinkat", 5)]
    [InlineData("ftruncate", 1)]
    [InlineData("openat2", 17)]
    public async Task InPlace_CallFails_TargetIsAsItWasOrComplete(string call, int step)
    {
        RequireStrace();
        var expected = _folder.File("expected");
        await NewTree().RestoreAsync(expected);
        var after = TreeState.Of(expected, withInodes: false);
        for (var n = 1; ; n += step)
        {
            var target = _folder.Folder($"target{n}");
            RestoreInPlaceTests.MakeOldTree(target);
            var before = TreeState.Of(target);

            var (code, output) = Run(target, "in-place", call, n, "error=EIO");

            if (code == 0 && !output.Contains(Injected, StringComparison.Ordinal))
            {
                Assert.True(n > 1, $"{call} is never called");
                break;
            }

            var state = TreeState.Of(target);
            Assert.True(
                code == 0 ? WithoutRoot(WithoutStaging(TreeState.Of(target, withInodes: false))) == WithoutRoot(after) : WithoutRoot(state) == WithoutRoot(before),
                $"{call} {n}: {code} {output}\n{before}\n--- became\n{state}");
        }
    }

    [Theory]
    [InlineData("renameat2", 1)]
    [InlineData("pwrite64", 2)]
    [InlineData("fsync", 1)]
    [InlineData("syncfs", 1)]
    [InlineData("linkat", 1)]
    [InlineData("unlinkat", 5)]
    public async Task NewTree_KilledAtEachCall_NextRunFinishes(string call, int step)
    {
        RequireStrace();
        var expected = _folder.File("expected");
        await NewTree().RestoreAsync(expected);
        var after = TreeState.Of(expected, withInodes: false);
        var killed = 0;
        for (var n = 1; ; n += step)
        {
            var parent = _folder.Folder($"parent{n}");
            var target = Path.Combine(parent, "target");
            if (!RunKilled(target, "new", call, n))
            {
                break;
            }

            killed++;
            Assert.True(!Directory.Exists(target) || TreeState.Of(target, withInodes: false) == after);

            // Whatever was left: the same restore again is the whole tree, and nothing else remains.
            await Record.ExceptionAsync(() => NewTree().RestoreAsync(target, Options("new"), "crash"));
            Assert.Equal(after, TreeState.Of(target, withInodes: false));
        }

        Assert.True(killed > 0, $"{call} is never called");
    }

    // Whoever is killed just after making the staging directory leaves the root with the time of that.
    private static string WithoutRoot(string state) => state[state.IndexOf('\n', StringComparison.Ordinal)..];

    // A call that fails when all is in place and only the staging directory is left to delete is a warning.
    private static string WithoutStaging(string state) =>
        string.Join('\n', state.Split('\n').Where(line => !line.Contains(TreePath.RestoreStagingName, StringComparison.Ordinal)));

    private static void RequireStrace() => Assert.SkipUnless(File.Exists("/usr/bin/strace"), "needs strace");

    // Whether it was killed; false when it came to its end before the call was made that often.
    private static bool RunKilled(string target, string mode, string call, int when)
    {
        var (code, output) = Run(target, mode, call, when, "signal=KILL");
        Assert.True(code is 0 or Killed, output);
        return code == Killed;
    }

    // What the process printed, and where it was disturbed.
    private static (int Code, string Output) Run(string target, string mode, string call, int when, string how)
    {
        var start = new ProcessStartInfo("/usr/bin/strace")
        {
            ArgumentList =
            {
                "-f", "-e", $"trace={call}", "-e", "signal=none",
                "-e", string.Create(CultureInfo.InvariantCulture, $"inject={call}:{how}:when={when}"),
                Path.Combine(AppContext.BaseDirectory, "Dumont.Snapshots.Tests"), RestoreChild.Argument, target, mode,
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
