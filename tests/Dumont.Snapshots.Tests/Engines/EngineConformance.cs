using Dumont.Snapshots.Engines;

namespace Dumont.Snapshots.Tests.Engines;

/// <summary>What every engine must do, in a repository in a folder.</summary>
public abstract class EngineConformance : IDisposable
{
    private readonly TempFolder _folder = new();

    private protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Work => Path.Combine(_folder.Path, "work");

    private protected string RepositoryPath => Path.Combine(_folder.Path, "repository");

    private protected string CachePath => Path.Combine(_folder.Path, "cache");

    [Fact]
    public async Task Snapshot_FirstThenChanged_CountsAndAddsOnlyChanges()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var first = await TakeAsync(engine, "op-1");
        Assert.Equal((4, 0, 0, false), (first.FilesNew, first.FilesChanged, first.FilesUnmodified, first.IsIncremental));
        Assert.True(first.BytesProcessed > 300_000 && first.BytesAdded > 300_000);

        File.WriteAllText(Path.Combine(Work, "data", "a.txt"), "changed now");
        var second = await TakeAsync(engine, "op-2");

        // A file as young as the snapshot before may have changed unseen, and is read once more.
        Assert.Equal((0, 4, true), (second.FilesNew, second.FilesChanged + second.FilesUnmodified, second.IsIncremental));
        Assert.True(second.FilesChanged >= 1);
        Assert.True(second.BytesAdded < first.BytesAdded / 10);
        Assert.Equal([first.SnapshotId, second.SnapshotId], (await engine.ListAsync(Cancel)).Select(each => each.SnapshotId));
    }

    [Fact]
    public async Task Snapshot_SameOperationAgain_IsTheSameSnapshot()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var first = await TakeAsync(engine, "op-1");
        Assert.Equal(first.SnapshotId, (await TakeAsync(engine, "op-1")).SnapshotId);
        Assert.Single(await engine.ListAsync(Cancel));
    }

    [Fact]
    public async Task Restore_Whole_HasEveryFileAndLeavesOthersAlone()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var made = await TakeAsync(engine, "op-1");
        var before = TreeFacts.Of(Work);
        Directory.Delete(Path.Combine(Work, "data"), recursive: true);
        File.WriteAllText(Path.Combine(Work, "run.sh"), "mine");
        File.Delete(Path.Combine(Work, "link"));
        File.WriteAllText(Path.Combine(Work, "later.txt"), "mine");
        var restored = await engine.RestoreAsync(Request(made, Work), progress: null, Cancel);
        Assert.Equal(5, restored.FilesRestored);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Work, "later.txt")));
        File.Delete(Path.Combine(Work, "later.txt"));
        RemoveStaging();
        Assert.Equal(before, TreeFacts.Of(Work));
    }

    [Fact]
    public async Task Restore_WithDeletion_ShowsFirstAndThenRemovesWhatTheSnapshotLacks()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var made = await TakeAsync(engine, "op-1");
        var before = TreeFacts.Of(Work);
        File.WriteAllText(Path.Combine(Work, "run.sh"), "mine");
        File.WriteAllText(Path.Combine(Work, "later.txt"), "four");
        Directory.CreateDirectory(Path.Combine(Work, "new", "deep"));
        File.WriteAllText(Path.Combine(Work, "new", "deep", "file"), "seven77");
        File.WriteAllText(Path.Combine(Work, "data", "more"), "x");
        var request = Request(made, Work) with { Delete = true };
        var touched = TreeFacts.Of(Work);
        var would = await engine.RestoreAsync(request with { DryRun = true }, progress: null, Cancel);
        RemoveStaging();
        Assert.Equal(touched, TreeFacts.Of(Work));
        Assert.Equal((5, 12), (would.Removed.Count, would.Removed.Bytes));
        Assert.Equal(["data/more", "later.txt", "new"], would.Removed.Paths.Order(StringComparer.Ordinal));

        var restored = await engine.RestoreAsync(request, progress: null, Cancel);
        Assert.Equal((5, 12), (restored.Removed.Count, restored.Removed.Bytes));
        RemoveStaging();
        Assert.Equal(before, TreeFacts.Of(Work));
        Assert.Equal(0, (await engine.RestoreAsync(request with { DryRun = true }, progress: null, Cancel)).Removed.Count);
    }

    [Fact]
    public async Task Restore_WithDeletionOfSomePaths_LeavesTheOthers()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var made = await TakeAsync(engine, "op-1");
        File.WriteAllText(Path.Combine(Work, "later.txt"), "stays");
        File.WriteAllText(Path.Combine(Work, "data", "more"), "goes");
        var request = Request(made, Work) with { Delete = true, Include = ["data"] };
        Assert.Equal(["data/more"], (await engine.RestoreAsync(request with { DryRun = true }, progress: null, Cancel)).Removed.Paths);
        await engine.RestoreAsync(request, progress: null, Cancel);
        Assert.True(File.Exists(Path.Combine(Work, "later.txt")));
        Assert.False(File.Exists(Path.Combine(Work, "data", "more")));
    }

    // The snapshot is damaged where it has to be read: what was there is there again, what would have gone too.
    [Fact]
    public async Task Restore_WithDeletionThatFails_ChangesNothing()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var made = await TakeAsync(engine, "op-1");
        File.WriteAllText(Path.Combine(Work, "later.txt"), "mine");
        File.Delete(Path.Combine(Work, "blob"));
        var touched = TreeFacts.Of(Work);
        DamageData();
        await Assert.ThrowsAsync<SnapshotEngineException>(() => engine.RestoreAsync(Request(made, Work) with { Delete = true }, progress: null, Cancel));
        RemoveStaging();
        Assert.Equal(touched, TreeFacts.Of(Work));
    }

    [Fact]
    public async Task Verify_PartByPart_FindsDamageAndReadsItAgain()
    {
        const int parts = 4;
        var engine = await ReadyAsync();
        MakeTree();
        var made = await TakeAsync(engine, "op-1");
        foreach (var number in Enumerable.Range(1, parts))
        {
            Assert.Empty((await engine.VerifyAsync(new VerifyRequest(ReadAll: false, [new VerifyPart(number, parts)], []), Cancel)).Damage);
        }

        DamageData();
        var found = new List<VerifyResult>();
        foreach (var number in Enumerable.Range(1, parts))
        {
            if (await engine.VerifyAsync(new VerifyRequest(ReadAll: false, [new VerifyPart(number, parts)], []), Cancel) is { Damage.Count: > 0 } damaged)
            {
                found.Add(damaged);
            }
        }

        var only = Assert.Single(found);
        Assert.NotEmpty(only.Packs);
        Assert.Empty(only.Parts);
        Assert.True(only.SnapshotIds is null || only.SnapshotIds.SequenceEqual([made.SnapshotId]));
        Assert.NotEmpty((await engine.VerifyAsync(new VerifyRequest(ReadAll: false, [], only.Packs), Cancel)).Damage);
        await engine.ForgetAsync([made.SnapshotId], Cancel);
        await engine.PruneAsync(thorough: true, Cancel);
        Assert.Empty((await engine.VerifyAsync(new VerifyRequest(ReadAll: false, [], only.Packs), Cancel)).Damage);
    }

    [Fact]
    public async Task Restore_SomePaths_TakesNamesLiterally()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var made = await TakeAsync(engine, "op-1");
        var target = Path.Combine(_folder.Path, "target");
        var restored = await engine.RestoreAsync(Request(made, target) with { Include = ["data/b [1]*.txt"] }, progress: null, Cancel);
        Assert.Equal(1, restored.FilesRestored);
        Assert.Equal(["data/b [1]*.txt"], Directory.EnumerateFiles(target, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(target, file)));
    }

    [Fact]
    public async Task Restore_PathThatIsNotThere_ChangesNothing()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var made = await TakeAsync(engine, "op-1");
        File.WriteAllText(Path.Combine(Work, "run.sh"), "mine");
        var failed = await Assert.ThrowsAsync<SnapshotEngineException>(
            () => engine.RestoreAsync(Request(made, Work) with { Include = ["run.sh", "none"] }, progress: null, Cancel));
        Assert.Equal(SnapshotFailure.NotFound, failed.Failure);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Work, "run.sh")));
    }

    [Fact]
    public async Task Restore_UnknownSnapshot_IsNotFound()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var made = await TakeAsync(engine, "op-1");
        var failed = await Assert.ThrowsAsync<SnapshotEngineException>(
            () => engine.RestoreAsync(Request(made with { SnapshotId = new string('0', 64) }, Work), progress: null, Cancel));
        Assert.Equal(SnapshotFailure.NotFound, failed.Failure);
    }

    [Fact]
    public async Task ForgetAndPrune_GiveBackWhatNobodyUses()
    {
        var engine = await ReadyAsync();
        MakeTree();
        var first = await TakeAsync(engine, "op-1");
        File.WriteAllBytes(Path.Combine(Work, "blob"), TreeFacts.Noise(400_000, 9));
        var second = await TakeAsync(engine, "op-2");
        var before = SizeOfRepository();
        await engine.ForgetAsync([first.SnapshotId, new string('0', 64)], Cancel);
        await engine.PruneAsync(thorough: false, Cancel);
        Assert.True(SizeOfRepository() < before - 200_000);
        Assert.Equal([second.SnapshotId], (await engine.ListAsync(Cancel)).Select(each => each.SnapshotId));
        Assert.Empty((await engine.VerifyAsync(new VerifyRequest(ReadAll: true, [], []), Cancel)).Damage);
        Assert.Equal(1, (await engine.StatsAsync(Cancel)).Snapshots);
    }

    [Fact]
    public async Task EnsureRepository_Again_KeepsItAndAWrongKeyIsRefused()
    {
        var engine = await ReadyAsync();
        MakeTree();
        await TakeAsync(engine, "op-1");
        await engine.EnsureRepositoryAsync(Cancel);
        Assert.Single(await engine.ListAsync(Cancel));
        var failed = await Assert.ThrowsAsync<SnapshotEngineException>(() => Create(wrongKey: true).EnsureRepositoryAsync(Cancel));
        Assert.Equal(SnapshotFailure.WrongKey, failed.Failure);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _folder.Dispose();
    }

    /// <summary>An engine on the repository of this test.</summary>
    protected abstract ISnapshotEngine Create(bool wrongKey = false);

    private async Task<ISnapshotEngine> ReadyAsync()
    {
        var engine = Create();
        await engine.EnsureRepositoryAsync(Cancel);
        return engine;
    }

    private void MakeTree()
    {
        Directory.CreateDirectory(Path.Combine(Work, "data"));
        File.WriteAllText(Path.Combine(Work, "data", "a.txt"), "alpha");
        File.WriteAllText(Path.Combine(Work, "data", "b [1]*.txt"), "beta");
        File.WriteAllText(Path.Combine(Work, "run.sh"), "#!/bin/sh\n");
        File.SetUnixFileMode(Path.Combine(Work, "run.sh"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllBytes(Path.Combine(Work, "blob"), TreeFacts.Noise(300_000, 1));
        File.CreateSymbolicLink(Path.Combine(Work, "link"), "data/a.txt");
    }

    // Where the noise of the blob is.
    private void DamageData() => StoredDamage.FlipInLargest(RepositoryPath);

    // An engine may leave the empty folder, which is no part of the tree.
    private void RemoveStaging()
    {
        if (Directory.Exists(Path.Combine(Work, TreePath.StagingName)))
        {
            Directory.Delete(Path.Combine(Work, TreePath.StagingName));
        }
    }

    private Task<SnapshotResult> TakeAsync(ISnapshotEngine engine, string operation) =>
        engine.SnapshotAsync(new SnapshotRequest(Work, "instance-1", operation, Full: false, [TreePath.StagingName]), progress: null, Cancel);

    private RestoreRequest Request(SnapshotResult made, string target) =>
        new(made.SnapshotId, Work, target, Path.Combine(Work, TreePath.StagingName, "restore-1"), [], Verify: true);

    private long SizeOfRepository() => Directory.EnumerateFiles(RepositoryPath, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
}

/// <summary>Our own.</summary>
public sealed class DumontEngineTests : EngineConformance
{
    /// <inheritdoc />
    protected override ISnapshotEngine Create(bool wrongKey = false)
    {
        var key = new byte[RepositorySecret.KeyBytes];
        key[0] = wrongKey ? (byte)1 : (byte)0;
        return new DumontEngine(new DirectoryObjectStore(RepositoryPath), RepositorySecret.FromKey(key), TimeSpan.Zero, TimeProvider.System);
    }
}

/// <summary>The restic program.</summary>
public sealed class ResticEngineTests : EngineConformance
{
    /// <inheritdoc />
    protected override ISnapshotEngine Create(bool wrongKey = false) =>
        new ResticEngine("restic", new ResticRepository(RepositoryPath, wrongKey ? "other" : "secret", new Dictionary<string, string>(), CachePath));

    [Fact]
    public async Task Program_NotThere_IsSaid()
    {
        var engine = new ResticEngine("restic-that-is-not-there", new ResticRepository(RepositoryPath, "secret", new Dictionary<string, string>(), CachePath));
        Assert.Equal(SnapshotFailure.NotInstalled, (await Assert.ThrowsAsync<SnapshotEngineException>(() => engine.ListAsync(Cancel))).Failure);
    }

    [Fact]
    public async Task Verify_DamageThatNamesNoPack_NamesThePartsItIsIn()
    {
        var engine = Scripted("case \"$*\" in *--read-data\\ *|*--read-data|*=2/4*|*=8/9*) echo 'blob is not whole' >&2; exit 1;; esac");
        var some = await engine.VerifyAsync(new VerifyRequest(ReadAll: false, [new VerifyPart(1, 4), new VerifyPart(2, 4), new VerifyPart(8, 9)], []), Cancel);
        Assert.Equal([new VerifyPart(2, 4), new VerifyPart(8, 9)], some.Parts);
        Assert.Equal("blob is not whole", Assert.Single(some.Damage));

        // All of it holds every part: nothing is read twice, and the set does not grow.
        var all = await engine.VerifyAsync(new VerifyRequest(ReadAll: true, [], []), Cancel);
        Assert.Equal([VerifyPart.Whole], all.Parts);
        var again = await engine.VerifyAsync(new VerifyRequest(ReadAll: false, [new VerifyPart(2, 4), .. all.Parts], []), Cancel);
        Assert.Equal([VerifyPart.Whole], again.Parts);
    }

    [Fact]
    public async Task Verify_StructureIsDamaged_NoPartIsToBlame()
    {
        var engine = Scripted(
            """
            echo 'Load(<index/f6b020d5be>, 0, 0) returned error, retrying after 552.330144ms: EOF' >&2
            echo 'error for tree f6a30b2b:' >&2
            exit 1
            """);
        var found = await engine.VerifyAsync(new VerifyRequest(ReadAll: false, [new VerifyPart(1, 4)], []), Cancel);
        Assert.Equal("error for tree f6a30b2b:", Assert.Single(found.Damage));
        Assert.Empty(found.Parts);
    }

    [Fact]
    public async Task Verify_FailsWithoutAWord_IsNotSound() =>
        Assert.NotEmpty((await Scripted("exit 1").VerifyAsync(new VerifyRequest(ReadAll: false, [], []), Cancel)).Damage);

    [Theory]
    [InlineData("""{"message_type":"status","percent_done":0.5,"total_files":4,"files_done":2,"total_bytes":100,"bytes_done":50}""", "transferring", 50, 100)]
    [InlineData("""{"message_type":"status","percent_done":0,"total_files":1,"total_bytes":2}""", "scanning", 0, 2)]
    public void Status_IsProgress(string line, string phase, long done, long total)
    {
        var message = ResticOutput.Message(line)!.Value;
        Assert.Equal("status", ResticOutput.TypeOf(message));
        var progress = ResticOutput.Progress(message);
        Assert.Equal((phase, done, total), (progress.Phase, progress.BytesDone, progress.BytesTotal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("restoring <Snapshot d9603e59>")]
    [InlineData("{\"message_type\":")]
    [InlineData("{]")]
    public void Line_ThatIsNoMessage_IsPassedOver(string line) => Assert.Null(ResticOutput.Message(line));

    [Theory]
    [InlineData("""{"message_type":"error","error":{"Op":"open","Path":"/w/a","Err":13},"during":"archival","item":"/w/a"}""", "/w/a: open: error 13")]
    [InlineData("""{"message_type":"error","error":{"message":"open /w/a: permission denied"},"item":"/w/a"}""", "open /w/a: permission denied")]
    [InlineData("""{"message_type":"error"}""", "could not be read")]
    public void Error_NamesTheFile(string line, string warning) => Assert.Equal(warning, ResticOutput.Warning(ResticOutput.Message(line)!.Value));

    // A program that says of a repository what restic would.
    private ResticEngine Scripted(string script)
    {
        Directory.CreateDirectory(CachePath);
        var program = Path.Combine(CachePath, "restic.sh");
        File.WriteAllText(program, "#!/bin/sh\n" + script + "\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new ResticEngine(program, new ResticRepository(RepositoryPath, "secret", new Dictionary<string, string>(), CachePath));
    }
}
