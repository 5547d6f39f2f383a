using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots.Tests.Stores;

/// <summary>What every store does. Each test has a store of its own, empty.</summary>
public abstract class ObjectStoreConformance : IAsyncLifetime
{
    private IObjectStore? _store;

    private protected static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private protected IObjectStore Store => _store!;

    public async ValueTask InitializeAsync() => _store = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens a store on what the test began with; called again, one that sees the same objects.</summary>
    private protected abstract Task<IObjectStore> OpenAsync();

    private protected abstract ValueTask CloseAsync();

    [Fact]
    public async Task Put_NewObject_IsReadBackWholeByAnotherStore()
    {
        Assert.True(await PutAsync("packs/3a/3a7f", Bytes(1, 70_001)));

        await using var other = await OpenAsync();
        Assert.Equal(Bytes(1, 70_001), await ReadAllAsync(other, "packs/3a/3a7f"));
        Assert.Equal(70_001, (await other.FindAsync("packs/3a/3a7f", Cancelled))!.Value.SizeBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData((4 << 20) + 1)]
    [InlineData((24 << 20) + 12345)]
    public async Task Put_AnySize_IsKeptToTheByte(int length)
    {
        await PutAsync("packs/00/x", Bytes(length, length));

        Assert.Equal(length, (await Store.FindAsync("packs/00/x", Cancelled))!.Value.SizeBytes);
        var back = await ReadAllAsync(Store, "packs/00/x");
        Assert.True(back.AsSpan().SequenceEqual(Bytes(length, length)));
    }

    [Fact]
    public async Task Put_CreateNewOfATakenName_LeavesTheFirst()
    {
        Assert.True(await PutAsync("config", "first"));
        Assert.False(await PutAsync("config", "second and longer"));

        Assert.Equal("first", await TextAsync("config"));
    }

    [Fact]
    public async Task Put_Overwrite_ReplacesAndIsSeenByReadersOfTheOld()
    {
        await PutAsync("locks/a", "first, and rather long");
        Assert.Equal("first, and rather long", await TextAsync("locks/a"));

        Assert.True(await Store.PutAsync("locks/a", Encoding.ASCII.GetBytes("second"), PutMode.Overwrite, Cancelled));
        Assert.True(await Store.PutAsync("locks/b", Encoding.ASCII.GetBytes("new"), PutMode.Overwrite, Cancelled));

        Assert.Equal("second", await TextAsync("locks/a"));
        Assert.Equal("new", await TextAsync("locks/b"));
    }

    [Fact]
    public async Task Read_ObjectReplacedByAnotherStore_IsTheNewOne()
    {
        await PutAsync("locks/a", "first");
        Assert.Equal("first", await TextAsync("locks/a"));

        await using var other = await OpenAsync();
        await other.PutAsync("locks/a", Encoding.ASCII.GetBytes("second"), PutMode.Overwrite, Cancelled);

        Assert.Equal("second", await TextAsync("locks/a"));
    }

    [Fact]
    public async Task Put_ManyCreateNewAtOnce_ExactlyOneSucceeds()
    {
        await using var other = await OpenAsync();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(async i =>
            (i, Won: await (i % 2 == 0 ? Store : other).PutAsync("locks/prune", Encoding.ASCII.GetBytes($"writer {i}"), PutMode.CreateNew, Cancelled))));

        var winner = Assert.Single(outcomes, outcome => outcome.Won);
        Assert.Equal($"writer {winner.i}", await TextAsync("locks/prune"));
    }

    [Fact]
    public async Task Put_ManyNamesAtOnce_AllArrive()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 60), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancelled }, async (i, token) =>
            Assert.True(await Store.PutAsync($"packs/{i % 7:x2}/{i:x4}", Bytes(i, 1000 + i), PutMode.CreateNew, token)));

        for (var i = 0; i < 60; i++)
        {
            Assert.Equal(Bytes(i, 1000 + i), await ReadAllAsync(Store, $"packs/{i % 7:x2}/{i:x4}"));
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 5000)]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(3, 12345)]
    [InlineData(9, (2 << 20) + 77)]
    public async Task Upload_InPiecesAtOnce_IsKeptToTheByte(int pieces, int last)
    {
        const int PieceBytes = 1 << 20;
        var content = Bytes(7, (pieces * PieceBytes) + last);
        using var memory = new NativeBytes(content.Length + 1);
        content.CopyTo(memory.GetSpan());

        // What is expected is no promise: it may be more, or less.
        await using var upload = Store.BeginUpload(4 * PieceBytes);
        await Task.WhenAll(Enumerable.Range(0, pieces).Reverse().Select(async i =>
            await upload.WriteAsync(i * PieceBytes, memory.Memory.Slice(i * PieceBytes, PieceBytes), Cancelled)));
        Assert.Empty(await NamesAsync(""));
        Assert.True(await upload.CompleteAsync("packs/3a/3a7f", pieces * PieceBytes, memory.Memory.Slice(pieces * PieceBytes, last), PutMode.CreateNew, Cancelled));

        await using var other = await OpenAsync();
        Assert.Equal(content.Length, (await other.FindAsync("packs/3a/3a7f", Cancelled))!.Value.SizeBytes);
        Assert.True((await ReadAllAsync(other, "packs/3a/3a7f")).AsSpan().SequenceEqual(content));
    }

    [Fact]
    public async Task Upload_OfATakenName_LeavesTheFirst()
    {
        await PutAsync("packs/00/x", "first");
        await using var upload = Store.BeginUpload(1 << 20);
        await upload.WriteAsync(0, Bytes(1, 8192), Cancelled);

        Assert.False(await upload.CompleteAsync("packs/00/x", 8192, Bytes(2, 100), PutMode.CreateNew, Cancelled));

        Assert.Equal("first", await TextAsync("packs/00/x"));
    }

    [Fact]
    public async Task Upload_NotCompleted_LeavesNothing()
    {
        await using (var upload = Store.BeginUpload(1 << 20))
        {
            await upload.WriteAsync(0, Bytes(1, 8192), Cancelled);
        }

        Assert.Empty(await NamesAsync(""));
    }

    [Theory]
    [InlineData(0, 10, 10)]
    [InlineData(990, 10, 10)]
    [InlineData(995, 10, 5)]
    [InlineData(1000, 10, 0)]
    [InlineData(5000, 10, 0)]
    [InlineData(17, 0, 0)]
    [InlineData(0, 4096, 1000)]
    public async Task Read_Range_GivesWhatIsThere(long offset, int asked, int expected)
    {
        await PutAsync("packs/aa/b", Bytes(5, 1000));
        var destination = new byte[asked];

        var read = await Store.ReadAsync("packs/aa/b", offset, destination, Cancelled);

        Assert.Equal(expected, read);
        Assert.Equal(Bytes(5, 1000).Skip((int)offset).Take(asked), destination.Take(read));
    }

    [Fact]
    public async Task Read_LargeRangesAtOnce_AreEachRight()
    {
        var content = Bytes(9, 40 << 20);
        await PutAsync("packs/aa/large", content);

        await Parallel.ForEachAsync(Enumerable.Range(0, 5), Cancelled, async (i, token) =>
        {
            var offset = (i * (7 << 20)) + i;
            var piece = new byte[11 << 20];
            var read = await Store.ReadAsync("packs/aa/large", offset, piece, token);
            Assert.Equal(Math.Min(piece.Length, content.Length - offset), read);
            Assert.True(content.AsSpan(offset, read).SequenceEqual(piece.AsSpan(0, read)));
        });
    }

    [Fact]
    public async Task ReadAndPut_NativeMemory_Work()
    {
        using var native = new NativeBytes(3 << 20);
        new SeededRandom(3).Fill(native.GetSpan());
        await Store.PutAsync("packs/aa/native", native.Memory, PutMode.CreateNew, Cancelled);
        using var back = new NativeBytes(3 << 20);

        Assert.Equal(3 << 20, await Store.ReadAsync("packs/aa/native", 0, back.Memory, Cancelled));

        Assert.True(native.GetSpan().SequenceEqual(back.GetSpan()));
    }

    [Fact]
    public async Task Missing_ObjectAndFolder_AreNotFound()
    {
        Assert.Null(await Store.FindAsync("config", Cancelled));
        Assert.Null(await Store.FindAsync("packs/aa/none", Cancelled));
        var failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await Store.ReadAsync("packs/aa/none", 0, new byte[4], Cancelled));
        Assert.Equal(ObjectStoreErrorKind.NotFound, failure.Kind);
        Assert.Contains("packs/aa/none", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_Twice_LeavesNothingAndIsNoError()
    {
        await PutAsync("packs/aa/gone", "x");
        await PutAsync("packs/aa/kept", "y");
        Assert.Equal("x", await TextAsync("packs/aa/gone"));

        await Store.DeleteAsync("packs/aa/gone", Cancelled);
        await Store.DeleteAsync("packs/aa/gone", Cancelled);
        await Store.DeleteAsync("never/was", Cancelled);

        Assert.Null(await Store.FindAsync("packs/aa/gone", Cancelled));
        var failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await Store.ReadAsync("packs/aa/gone", 0, new byte[4], Cancelled));
        Assert.Equal(ObjectStoreErrorKind.NotFound, failure.Kind);
        Assert.Equal(["packs/aa/kept"], await NamesAsync(""));
    }

    [Fact]
    public async Task List_NamesThatSortAroundTheSlash_AreInOrdinalOrder()
    {
        string[] names = ["a", "a-b", "a/b", "a.b", "a/b-c", "a0", "a/b.d", "ab/c/d/e", "b"];
        // A file cannot also be a folder.
        var possible = names.Where(name => name is not "a").ToArray();
        foreach (var name in possible)
        {
            await PutAsync(name, name);
        }

        Assert.Equal(possible.Order(StringComparer.Ordinal), await NamesAsync(""));
    }

    [Theory]
    [InlineData("", 5)]
    [InlineData("packs/", 3)]
    [InlineData("packs/a", 2)]
    [InlineData("packs/aa/", 2)]
    [InlineData("packs/aa/1", 1)]
    [InlineData("pac", 3)]
    [InlineData("packs/cc/", 0)]
    [InlineData("nothing", 0)]
    public async Task List_Prefix_GivesThoseAlone(string prefix, int expected)
    {
        foreach (var name in (string[])["config", "index/77", "packs/aa/1", "packs/aa/2", "packs/bb/1"])
        {
            await PutAsync(name, "1234567");
        }

        var found = await Store.ListAsync(prefix, Cancelled).ToListAsync(Cancelled);

        Assert.Equal(expected, found.Count);
        Assert.All(found, item => Assert.StartsWith(prefix, item.Name, StringComparison.Ordinal));
        Assert.All(found, item => Assert.Equal(7, item.SizeBytes));
        Assert.All(found, item => Assert.InRange(item.ModifiedAt, TimeProvider.System.GetUtcNow().AddMinutes(-5), TimeProvider.System.GetUtcNow().AddMinutes(5)));
    }

    [Fact]
    public async Task List_EmptyStore_IsEmpty() => Assert.Empty(await NamesAsync(""));

    [Fact]
    public async Task List_StoppedEarly_Ends()
    {
        await PutAsync("packs/aa/1", "x");
        await PutAsync("packs/aa/2", "x");

        Assert.Equal("packs/aa/1", (await Store.ListAsync("packs/", Cancelled).FirstAsync(Cancelled)).Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("../outside")]
    [InlineData("packs/../../outside")]
    [InlineData("packs/.hidden")]
    [InlineData(".tmp/x")]
    [InlineData("packs//x")]
    [InlineData("packs/")]
    [InlineData("Packs/x")]
    [InlineData("packs/a b")]
    [InlineData("packs/a\\b")]
    [InlineData("packs/a\0b")]
    [InlineData("packs/a?x=y")]
    [InlineData("packs/ä")]
    public async Task Name_ThatIsNone_IsRefusedBeforeAnythingHappens(string name)
    {
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.PutAsync(name, new byte[1], PutMode.Overwrite, Cancelled));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.ReadAsync(name, 0, new byte[1], Cancelled));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.FindAsync(name, Cancelled));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.DeleteAsync(name, Cancelled));
    }

    [Fact]
    public async Task Cancelled_Put_LeavesNoObject()
    {
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.PutAsync("packs/aa/x", new byte[100], PutMode.CreateNew, stop.Token));

        Assert.Null(await Store.FindAsync("packs/aa/x", Cancelled));
    }

    private protected static byte[] Bytes(long seed, int length)
    {
        var bytes = new byte[length];
        new SeededRandom(seed).Fill(bytes);
        return bytes;
    }

    private protected ValueTask<bool> PutAsync(string name, string text) => PutAsync(name, Encoding.ASCII.GetBytes(text));

    private protected ValueTask<bool> PutAsync(string name, byte[] content) => Store.PutAsync(name, content, PutMode.CreateNew, Cancelled);

    private protected async Task<string> TextAsync(string name) => Encoding.ASCII.GetString(await ReadAllAsync(Store, name));

    private protected async Task<List<string>> NamesAsync(string prefix) =>
        await Store.ListAsync(prefix, Cancelled).Select(item => item.Name).ToListAsync(Cancelled);

    private protected static async Task<byte[]> ReadAllAsync(IObjectStore store, string name)
    {
        var found = await store.FindAsync(name, Cancelled);
        Assert.NotNull(found);
        // One byte more than there is: the end must be told.
        var content = new byte[found.Value.SizeBytes + 1];
        var read = await store.ReadAsync(name, 0, content, Cancelled);
        return content[..read];
    }

    // Memory with no array behind it, as the engine's buffers are.
    private sealed unsafe class NativeBytes(int length) : System.Buffers.MemoryManager<byte>
    {
        private byte* _start = (byte*)NativeMemory.AlignedAlloc((nuint)length, 4096);

        public override Span<byte> GetSpan() => new(_start, length);

        public override System.Buffers.MemoryHandle Pin(int elementIndex = 0) => new(_start + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
            NativeMemory.AlignedFree(_start);
            _start = null;
        }
    }
}
