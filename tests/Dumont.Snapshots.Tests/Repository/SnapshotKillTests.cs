namespace Dumont.Snapshots.Tests;

/// <summary>The process is killed, or the disk fails, at a system call: what was acknowledged is there, and work goes on.</summary>
public sealed class SnapshotKillTests : IDisposable
{
    private const int OnePiece = 50_000;

    // A pack that is full and one that is not, each in several pieces.
    private const int ManyPieces = 13_000_000;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("fsync", "signal=KILL", OnePiece)]
    [InlineData("fdatasync", "signal=KILL", OnePiece)]
    [InlineData("rename,renameat,renameat2,link,linkat", "signal=KILL", OnePiece)]
    [InlineData("pwrite64,pwritev", "signal=KILL", OnePiece)]
    [InlineData("unlink,unlinkat", "signal=KILL", OnePiece)]
    [InlineData("fsync", "error=EIO", OnePiece)]
    [InlineData("fdatasync", "error=EIO", OnePiece)]
    [InlineData("pwrite64,pwritev", "error=ENOSPC", OnePiece)]
    [InlineData("pwrite64,pwritev", "signal=KILL", ManyPieces)]
    [InlineData("ftruncate", "signal=KILL", ManyPieces)]
    [InlineData("fsync", "signal=KILL", ManyPieces)]
    [InlineData("fdatasync", "signal=KILL", ManyPieces)]
    [InlineData("pwrite64,pwritev", "error=ENOSPC", ManyPieces)]
    [InlineData("ftruncate", "error=ENOSPC", ManyPieces)]
    [InlineData("fsync", "error=EIO", ManyPieces)]
    [InlineData("fdatasync", "error=EIO", ManyPieces)]
    public async Task Snapshot_AtEachCall_LosesNothing(string calls, string fault, int bytes)
    {
        Assert.SkipUnless(Strace.IsUsable(), "needs strace and the right to trace");
        var isExhaustive = SafetySettings.Read().IsExhaustive;
        var (hit, isKill) = (0, fault.StartsWith("signal", StringComparison.Ordinal));
        for (var n = 1; ; n += isExhaustive ? 1 : 2)
        {
            var (place, source, first, expected) = await MakeAsync(n, bytes);
            var outcome = Strace.Run(calls, fault, n, Path.Combine(_folder.Path, "calls"), SnapshotChild.Argument, place, source);
            await ExpectWholeAsync(place, source, outcome, $"{calls} {fault} {n}", first, expected);
            if (!outcome.IsHit)
            {
                // There was no such call any more.
                Assert.Equal((0, 64), (outcome.Code, outcome.Output.Length));
                break;
            }

            // The nth of a thread is the nth of all: none is passed over. Pieces are written by several, and each counts for itself.
            Assert.True(!isKill || bytes == ManyPieces || outcome.Returned == n - 1, $"{calls} {n}: {outcome.Returned} calls came back");
            hit++;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{calls} {fault}: {hit} times");
        Assert.True(hit > 0, $"{calls} is never called");
    }

    private static async Task ExpectWholeAsync(string place, string source, StraceOutcome child, string what, string first, Dictionary<string, byte[]> expected)
    {
        await using var store = new DirectoryObjectStore(place);
        Bench.AssertSame(expected, await Bench.ReadAsync(store, null, first));
        if (child.Output is { Length: 64 } acknowledged)
        {
            Bench.AssertSame(Bench.FilesOf(source), await Bench.ReadAsync(store, null, acknowledged));
        }
        else
        {
            Assert.NotEqual(0, child.Code);
        }

        var next = await Bench.SnapshotAsync(store, null, source, TimeProvider.System);
        Bench.AssertSame(Bench.FilesOf(source), await Bench.ReadAsync(store, null, next.Id));
        var outcome = await Bench.VerifyAsync(store, null);
        Assert.True(outcome.IsSound, $"{what}: {string.Join("; ", outcome.Damages)}");
    }

    private async Task<(string Place, string Source, string First, Dictionary<string, byte[]> Expected)> MakeAsync(int number, int bytes)
    {
        var place = _folder.Folder($"repository{number}");
        var source = _folder.Folder($"source{number}");
        await using var store = new DirectoryObjectStore(place);
        await Repository.InitAsync(store, null, TimeProvider.System, Bench.Token);
        Bench.Write(source, "first", Bench.Noise(40_000, 1));
        var first = await Bench.SnapshotAsync(store, null, source, TimeProvider.System);
        var expected = Bench.FilesOf(source);
        Bench.Write(source, "second", Bench.Noise(bytes, 2));
        return (place, source, first.Id, expected);
    }
}
