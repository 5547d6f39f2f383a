namespace Dumont.Snapshots.Tests;

/// <summary>A prune that rewrites one pack, drops another and deletes both at once is killed, or its disk fails, at a system call: every snapshot that is
/// not forgotten is whole, nothing is damaged, and the next prune goes on.</summary>
public sealed class PruneKillTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("fsync", "signal=KILL")]
    [InlineData("fdatasync", "signal=KILL")]
    [InlineData("rename,renameat,renameat2,link,linkat", "signal=KILL")]
    [InlineData("pwrite64,pwritev", "signal=KILL")]
    [InlineData("unlink,unlinkat,rmdir", "signal=KILL")]
    [InlineData("fsync", "error=EIO")]
    [InlineData("fdatasync", "error=EIO")]
    [InlineData("pwrite64,pwritev", "error=ENOSPC")]
    [InlineData("unlink,unlinkat", "error=EIO")]
    public async Task Prune_AtEachCall_LosesNothing(string calls, string fault)
    {
        Assert.SkipUnless(Strace.IsUsable(), "needs strace and the right to trace");
        var (whole, kept, expected) = await MakeAsync();
        var isExhaustive = SafetySettings.Read().IsExhaustive;
        var (hit, isKill) = (0, fault.StartsWith("signal", StringComparison.Ordinal));
        for (var n = 1; ; n += isExhaustive ? 1 : 3)
        {
            var place = Copy(whole, $"killed{n}");
            var outcome = Strace.Run(calls, fault, n, Path.Combine(_folder.Path, "calls"), PruneChild.Argument, place);
            await ExpectWholeAsync(place, kept, expected, $"{calls} {fault} {n}");
            if (!outcome.IsHit)
            {
                // There was no such call any more.
                Assert.Equal((0, "pruned"), (outcome.Code, outcome.Output));
                break;
            }

            // The nth of a thread is the nth of all: none is passed over.
            Assert.True(!isKill || outcome.Returned == n - 1, $"{calls} {n}: {outcome.Returned} calls came back");
            hit++;
            Directory.Delete(place, recursive: true);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{calls} {fault}: {hit} times");
        Assert.True(hit > 0, $"{calls} is never called");
    }

    private static async Task ExpectWholeAsync(string place, string kept, Dictionary<string, byte[]> expected, string what)
    {
        await using var store = new DirectoryObjectStore(place);
        Bench.AssertSame(expected, await Bench.ReadAsync(store, null, kept));
        var outcome = await Bench.VerifyAsync(store, null);
        Assert.True(outcome.IsSound, $"{what}: {string.Join("; ", outcome.Damages)}");

        // Its lease has run out by then, and so has any grace.
        var later = new ManualTime();
        later.Advance(TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(2) - later.GetUtcNow());
        await Bench.PruneAsync(store, null, later);
        Bench.AssertSame(expected, await Bench.ReadAsync(store, null, kept));
        outcome = await Bench.VerifyAsync(store, null);
        Assert.True(outcome is { IsSound: true, UnlistedPacks: 0, WaitingPacks: 0 }, $"{what}, then pruned: {string.Join("; ", outcome.Damages)}");
    }

    // Three snapshots, each with packs of its own; what the last one needs is in the first and the last.
    private async Task<(string Place, string Kept, Dictionary<string, byte[]> Expected)> MakeAsync()
    {
        var place = _folder.Folder("repository");
        var source = _folder.Folder("source");
        await using var store = new DirectoryObjectStore(place);
        await Repository.InitAsync(store, null, TimeProvider.System, Bench.Token);
        Bench.Write(source, "stays", Bench.Noise(30_000, 1));
        Bench.Write(source, "goes", Bench.Noise(40_000, 2));
        var first = await Bench.SnapshotAsync(store, null, source, TimeProvider.System);
        File.Delete(Path.Combine(source, "goes"));
        Bench.Write(source, "between", Bench.Noise(50_000, 3));
        var second = await Bench.SnapshotAsync(store, null, source, TimeProvider.System);
        File.Delete(Path.Combine(source, "between"));
        Bench.Write(source, "last", Bench.Noise(20_000, 4));
        var third = await Bench.SnapshotAsync(store, null, source, TimeProvider.System);
        await Bench.ForgetAsync(store, null, first.Id, second.Id);
        return (place, third.Id, Bench.FilesOf(source));
    }

    private string Copy(string from, string name)
    {
        var to = _folder.Folder(name);
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        }

        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }

        return to;
    }
}
