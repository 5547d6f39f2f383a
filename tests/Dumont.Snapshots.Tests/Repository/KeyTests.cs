using System.Text;

namespace Dumont.Snapshots.Tests;

/// <summary>Only who has a key of the repository reads it, and nothing of the content shows.</summary>
public sealed class KeyTests
{
    private static readonly RepositorySecret Other = RepositorySecret.FromKey(Bench.Noise(32, 99));

    [Fact]
    public async Task Open_WrongSecret_IsRefused()
    {
        var store = new MemoryObjectStore(TimeProvider.System);
        await Repository.InitAsync(store, Bench.Key, TimeProvider.System, Bench.Token);

        Assert.Equal(RepositoryErrorKind.WrongKey, await KindAsync(store, Other));
        Assert.Equal(RepositoryErrorKind.WrongKey, await KindAsync(store, RepositorySecret.FromPassword("guess")));
        Assert.Equal(RepositoryErrorKind.KeyNeeded, await KindAsync(store, null));
    }

    [Fact]
    public async Task Open_PlainRepositoryWithSecret_IsRefused()
    {
        var store = new MemoryObjectStore(TimeProvider.System);
        await Repository.InitAsync(store, null, TimeProvider.System, Bench.Token);

        Assert.Equal(RepositoryErrorKind.KeyNeeded, await KindAsync(store, Bench.Key));
    }

    // The same secret in both: still one repository's key, configuration or snapshot is nothing in another.
    [Fact]
    public async Task Objects_OfAnotherRepositoryWithTheSameSecret_AreRefused()
    {
        using var source = new TempFolder();
        Bench.Write(source.Path, "file", Bench.Noise(5000, 1));
        var (one, two) = (new MemoryObjectStore(TimeProvider.System), new MemoryObjectStore(TimeProvider.System));
        foreach (var store in new[] { one, two })
        {
            await Repository.InitAsync(store, Bench.Key, TimeProvider.System, Bench.Token);
            await Bench.SnapshotAsync(store, Bench.Key, source.Path, TimeProvider.System);
        }

        var mixed = one.Copy();
        mixed["config"] = two["config"];
        Assert.Equal(RepositoryErrorKind.WrongKey, await KindAsync(mixed, Bench.Key));
        mixed = one.Copy();
        var key = mixed.Names.Single(name => name.StartsWith("keys/", StringComparison.Ordinal));
        mixed.Remove(key);
        var otherKey = two.Names.Single(name => name.StartsWith("keys/", StringComparison.Ordinal));
        mixed[otherKey] = two[otherKey];
        Assert.Equal(RepositoryErrorKind.WrongKey, await KindAsync(mixed, Bench.Key));
        foreach (var name in two.Names.Where(n => n.StartsWith("snapshots/", StringComparison.Ordinal) || n.StartsWith("index/", StringComparison.Ordinal)))
        {
            mixed = one.Copy();
            mixed[name] = two[name];
            Assert.False((await Bench.VerifyAsync(mixed, Bench.Key)).IsSound, name);
        }
    }

    [Fact]
    public async Task Key_Removed_OpensNoMore()
    {
        using var source = new TempFolder();
        Bench.Write(source.Path, "file", Bench.Noise(5000, 1));
        var store = new MemoryObjectStore(TimeProvider.System);
        var repository = await Repository.InitAsync(store, Bench.Key, TimeProvider.System, Bench.Token);
        await Bench.SnapshotAsync(store, Bench.Key, source.Path, TimeProvider.System);
        var first = Assert.Single(await repository.ListKeysAsync(Bench.Token)).Id;
        var last = await Assert.ThrowsAsync<RepositoryException>(() => repository.RemoveKeyAsync(first, Bench.Token));
        Assert.Contains("only key", last.Message, StringComparison.Ordinal);

        await repository.AddKeyAsync(Other, "new", TimeProvider.System, Bench.Token);
        await repository.RemoveKeyAsync(first, Bench.Token);

        Assert.Equal(RepositoryErrorKind.WrongKey, await KindAsync(store, Bench.Key));
        Bench.AssertSame(Bench.FilesOf(source.Path), await Bench.ReadAsync(store, Other, "latest"));
    }

    [Fact]
    public async Task Key_ThatOpened_StaysEvenBesideOneOfAnInterruptedInit()
    {
        var store = new MemoryObjectStore(TimeProvider.System);
        await Repository.InitAsync(store, Bench.Key, TimeProvider.System, Bench.Token);
        var interrupted = new MemoryObjectStore(TimeProvider.System);
        await Repository.InitAsync(interrupted, Other, TimeProvider.System, Bench.Token);
        var left = interrupted.Names.Single(name => name.StartsWith("keys/", StringComparison.Ordinal));
        var real = store.Names.Single(name => name.StartsWith("keys/", StringComparison.Ordinal))["keys/".Length..];
        store[left] = interrupted[left];

        var repository = await Repository.OpenAsync(store, Bench.Key, Bench.Token);
        var refused = await Assert.ThrowsAsync<RepositoryException>(() => repository.RemoveKeyAsync(real, Bench.Token));
        Assert.Contains("opened with this key", refused.Message, StringComparison.Ordinal);
        await repository.RemoveKeyAsync(left["keys/".Length..], Bench.Token);

        Assert.Equal(real, Assert.Single(await repository.ListKeysAsync(Bench.Token)).Id);
    }

    [Fact]
    public async Task Password_Changed_OpensWithTheNewOne()
    {
        var store = new MemoryObjectStore(TimeProvider.System);
        var repository = await Repository.InitAsync(store, RepositorySecret.FromPassword("old"), TimeProvider.System, Bench.Token);
        var old = Assert.Single(await repository.ListKeysAsync(Bench.Token));
        Assert.True(old.IsPassword);

        await repository.AddKeyAsync(RepositorySecret.FromPassword("new"), "", TimeProvider.System, Bench.Token);
        await repository.RemoveKeyAsync(old.Id, Bench.Token);

        Assert.Equal(RepositoryErrorKind.WrongKey, await KindAsync(store, RepositorySecret.FromPassword("old")));
        Assert.Equal(repository.Id, (await Repository.OpenAsync(store, RepositorySecret.FromPassword("new"), Bench.Token)).Id);
    }

    [Fact]
    public async Task Store_OfAnEncryptedRepository_ShowsNothing()
    {
        const string canary = "canary-7c1e93";
        var secret = RepositorySecret.FromPassword(canary + "-password");
        using var folder = new TempFolder();
        var source = folder.Folder(canary + "-source");
        Bench.Write(source, canary + "-name", Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(canary + "-content ", 500))));
        File.CreateSymbolicLink(Path.Combine(source, "link"), canary + "-target");
        Kernel.SetAttribute(Path.Combine(source, canary + "-name"), "user." + canary, Encoding.ASCII.GetBytes(canary));
        var store = new MemoryObjectStore(TimeProvider.System);
        await Repository.InitAsync(store, secret, TimeProvider.System, Bench.Token);
        await Bench.WriteAsync(
            store,
            secret,
            new SnapshotOptions { Source = source, Name = canary, Tags = [canary], Hostname = canary, Compression = ChunkCompression.None },
            TimeProvider.System);
        Assert.Contains(canary, string.Concat((await Bench.ReadAsync(store, secret, canary)).Keys), StringComparison.Ordinal);

        foreach (var name in store.Names)
        {
            Assert.False(store[name].AsSpan().IndexOf(Encoding.ASCII.GetBytes(canary)) >= 0, name);
            Assert.DoesNotContain(canary, name, StringComparison.Ordinal);
        }
    }

    private static async Task<RepositoryErrorKind> KindAsync(IObjectStore store, RepositorySecret? secret) =>
        (await Assert.ThrowsAsync<RepositoryException>(() => Repository.OpenAsync(store, secret, CancellationToken.None))).Kind;
}
