using Dumont.Snapshots.Tests.Sync;

namespace Dumont.Snapshots.Tests.Stores;

public sealed class DirectoryObjectStoreConformance : ObjectStoreConformance
{
    private readonly TempFolder _folder = new();

    private protected override Task<IObjectStore> OpenAsync() =>
        Task.FromResult<IObjectStore>(new DirectoryObjectStore(_folder.File("below/repository")));

    private protected override ValueTask CloseAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class DirectoryObjectStoreTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DirectoryObjectStore _store;

    public DirectoryObjectStoreTests() => _store = new DirectoryObjectStore(_folder.File("repository"));

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Put_Object_IsForItsOwnerAloneAndLeavesNoTemporaryFile()
    {
        await _store.PutAsync("packs/aa/x", new byte[5000], PutMode.CreateNew, Cancelled);
        await _store.PutAsync("packs/aa/x", new byte[5000], PutMode.CreateNew, Cancelled);
        await _store.PutAsync("packs/aa/x", new byte[5000], PutMode.Overwrite, Cancelled);

        Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(_folder.File("repository/packs/aa/x")));
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(_folder.File("repository/packs/aa")));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("repository/.tmp")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Upload_Ended_LeavesNoTemporaryFile(bool isCompleted)
    {
        var temporary = _folder.File("repository/.tmp");
        await using (var upload = _store.BeginUpload(1 << 20))
        {
            await upload.WriteAsync(0, new byte[8192], Cancelled);
            Assert.Single(Directory.GetFiles(temporary));
            Assert.False(Directory.Exists(_folder.File("repository/packs")));
            Assert.True(!isCompleted || await upload.CompleteAsync("packs/aa/x", 8192, new byte[1], PutMode.CreateNew, Cancelled));
        }

        Assert.Empty(Directory.GetFiles(temporary));
        Assert.Equal(isCompleted, File.Exists(_folder.File("repository/packs/aa/x")));
    }

    [Fact]
    public async Task Upload_OfALivingWriter_IsNotClearedByAnother()
    {
        await using var upload = _store.BeginUpload(1 << 20);
        await upload.WriteAsync(0, new byte[8192], Cancelled);

        await using var other = new DirectoryObjectStore(_folder.File("repository"));
        await other.PutAsync("config", new byte[1], PutMode.CreateNew, Cancelled);

        Assert.True(await upload.CompleteAsync("packs/aa/x", 8192, new byte[1], PutMode.CreateNew, Cancelled));
    }

    [Fact]
    public async Task Upload_FolderOfTheNameRemovedMeanwhile_IsMadeAgain()
    {
        await _store.PutAsync("packs/aa/x", new byte[1], PutMode.CreateNew, Cancelled);
        await using var upload = _store.BeginUpload(1 << 20);
        await upload.WriteAsync(0, new byte[8192], Cancelled);
        Directory.Delete(_folder.File("repository/packs"), recursive: true);

        Assert.True(await upload.CompleteAsync("packs/aa/y", 8192, new byte[1], PutMode.CreateNew, Cancelled));

        Assert.Equal(8193, (await _store.FindAsync("packs/aa/y", Cancelled))!.Value.SizeBytes);
    }

    [Fact]
    public async Task Put_LeftOverOfACrash_IsClearedAndThatOfALivingWriterKept()
    {
        var temporary = _folder.Folder("repository/.tmp");
        File.WriteAllText(Path.Combine(temporary, "crashed"), "half of an obj");
        using var living = File.OpenHandle(Path.Combine(temporary, "living"), FileMode.CreateNew, FileAccess.Write, FileShare.None);

        await _store.PutAsync("config", new byte[1], PutMode.CreateNew, Cancelled);

        Assert.Equal(["living"], Directory.GetFiles(temporary).Select(Path.GetFileName));
    }

    [Fact]
    public async Task List_StrangeFilesInTheFolder_AreNotObjects()
    {
        await _store.PutAsync("packs/aa/x", new byte[1], PutMode.CreateNew, Cancelled);
        File.WriteAllText(_folder.File("repository/packs/aa/.x.swp"), "");
        File.WriteAllText(_folder.File("repository/README"), "");
        _folder.Folder("repository/lost+found");
        File.CreateSymbolicLink(_folder.File("repository/packs/aa/link"), "/etc/hostname");
        Directory.CreateSymbolicLink(_folder.File("repository/packs/loop"), _folder.File("repository"));

        var names = await _store.ListAsync("", Cancelled).Select(item => item.Name).ToListAsync(Cancelled);

        Assert.Equal(["packs/aa/x"], names);
    }

    [Fact]
    public async Task Put_FolderRemovedUnderneath_IsMadeAgain()
    {
        await _store.PutAsync("packs/aa/x", new byte[1], PutMode.CreateNew, Cancelled);
        Directory.Delete(_folder.File("repository"), recursive: true);

        Assert.True(await _store.PutAsync("packs/aa/x", new byte[1], PutMode.CreateNew, Cancelled));

        Assert.NotNull(await _store.FindAsync("packs/aa/x", Cancelled));
    }

    [Fact]
    public async Task Put_FoldersRemovedBeforeManyAtOnce_AreMadeAgain()
    {
        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 16).Select(async i =>
                Assert.True(await _store.PutAsync($"packs/{i % 3:x2}/{round}-{i}", new byte[(i % 4) << 19], PutMode.CreateNew, Cancelled))));
            Assert.Equal(16, await _store.ListAsync("packs/", Cancelled).CountAsync(Cancelled));
            Directory.Delete(_folder.File("repository"), recursive: true);
        }
    }

    [Fact]
    public async Task Put_RootBelowFoldersThatAreMissing_MakesThemForTheirOwner()
    {
        await using var store = new DirectoryObjectStore(_folder.File("one/two/repository"));

        await store.PutAsync("config", new byte[1], PutMode.CreateNew, Cancelled);

        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(_folder.File("one")));
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(_folder.File("one/two/repository")));
    }

    [Fact]
    public async Task Put_FileWhereAFolderMustBe_SaysSo()
    {
        File.WriteAllText(_folder.File("repository"), "a file");

        var failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await _store.PutAsync("packs/aa/x", new byte[1], PutMode.CreateNew, Cancelled));

        Assert.Contains(_folder.File("repository"), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Put_FullDisk_SaysSoAndLeavesNoPiece()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounting a small file system needs root");
        _folder.Folder("repository");
        using var disk = SmallDisk.Mount(_folder.File("repository"), 1 << 20);
        await _store.PutAsync("packs/aa/fits", new byte[300_000], PutMode.CreateNew, Cancelled);

        var failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await _store.PutAsync("packs/aa/not", new byte[900_000], PutMode.CreateNew, Cancelled));

        Assert.Equal(ObjectStoreErrorKind.Full, failure.Kind);
        Assert.Contains(_folder.File("repository/packs/aa/not"), failure.Message, StringComparison.Ordinal);
        Assert.Equal(["packs/aa/fits"], await _store.ListAsync("", Cancelled).Select(item => item.Name).ToListAsync(Cancelled));
        Assert.Empty(Directory.GetFiles(_folder.File("repository/.tmp")));
        await using (var upload = _store.BeginUpload(0))
        {
            failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await upload.WriteAsync(0, new byte[900 << 10], Cancelled));
            Assert.Equal(ObjectStoreErrorKind.Full, failure.Kind);
        }

        Assert.Empty(Directory.GetFiles(_folder.File("repository/.tmp")));
        Assert.True(await _store.PutAsync("packs/aa/small", new byte[300_000], PutMode.CreateNew, Cancelled));
    }

    [Fact]
    public async Task Put_ReadOnlyFileSystem_IsDeniedAndReadingGoesOn()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounting a small file system needs root");
        _folder.Folder("repository");
        using var disk = SmallDisk.Mount(_folder.File("repository"), 1 << 20);
        await _store.PutAsync("packs/aa/x", new byte[3], PutMode.CreateNew, Cancelled);
        disk.MakeReadOnly();

        var put = await Assert.ThrowsAsync<ObjectStoreException>(async () => await _store.PutAsync("packs/aa/y", new byte[1], PutMode.CreateNew, Cancelled));
        var delete = await Assert.ThrowsAsync<ObjectStoreException>(async () => await _store.DeleteAsync("packs/aa/x", Cancelled));

        Assert.Equal(ObjectStoreErrorKind.Denied, put.Kind);
        Assert.Contains("read-only", put.Message, StringComparison.Ordinal);
        Assert.Equal(ObjectStoreErrorKind.Denied, delete.Kind);
        Assert.Equal(3, await _store.ReadAsync("packs/aa/x", 0, new byte[9], Cancelled));
    }

    [Fact]
    public async Task Put_FolderWithoutRights_IsDenied()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root may write anywhere");
        File.SetUnixFileMode(_folder.Folder("repository"), UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await _store.PutAsync("config", new byte[1], PutMode.CreateNew, Cancelled));

        Assert.Equal(ObjectStoreErrorKind.Denied, failure.Kind);
    }

    [Fact]
    public async Task Read_MoreObjectsThanAreKeptOpen_AllRight()
    {
        for (var i = 0; i < 100; i++)
        {
            await _store.PutAsync($"packs/aa/{i}", new[] { (byte)i }, PutMode.CreateNew, Cancelled);
        }

        await Parallel.ForEachAsync(Enumerable.Range(0, 2000), Cancelled, async (i, token) =>
        {
            var one = new byte[1];
            Assert.Equal(1, await _store.ReadAsync($"packs/aa/{i * 31 % 100}", 0, one, token));
            Assert.Equal((byte)(i * 31 % 100), one[0]);
        });
    }
}
