using System.Buffers.Binary;
using System.Text;

namespace Dumont.Snapshots.Tests;

/// <summary>Everything that reads an object, fed with what nearly is one: nothing but <see cref="SnapshotFormatException"/>, and no memory by a number
/// that it was told.</summary>
public sealed class ReaderFuzzTests
{
    private const int InputsEach = 18_000;

    private static readonly RepositoryKeys Keys = new(Bench.Noise(32, 5));

    [Theory]
    [InlineData("envelope")]
    [InlineData("sealed envelope")]
    [InlineData("index")]
    [InlineData("pack tail")]
    [InlineData("sealed pack tail")]
    [InlineData("manifest")]
    [InlineData("manifest rows of a directory")]
    [InlineData("snapshot")]
    [InlineData("key")]
    [InlineData("lock")]
    [InlineData("pending")]
    [InlineData("config")]
    public void Read_Mutated_FailsInOneWay(string what)
    {
        var (sample, read) = Reader(what);
        read(sample);
        var seed = SafetySettings.Read().Seed;
        var random = new SeededRandom(seed);
        var accepted = 0;
        long allocated = 0;
        for (var i = 0; i < InputsEach; i++)
        {
            var input = Mutate(sample, random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(input);
                accepted++;
            }
            catch (SnapshotFormatException)
            {
                // As it must.
            }
            catch (Exception e)
            {
                Assert.Fail($"{what}, seed {seed}, input {i}: {e}\n{Convert.ToHexString(input)}");
            }

            allocated = Math.Max(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: {accepted} of {InputsEach} are objects, at most {allocated} bytes allocated");
        Assert.InRange(allocated, 0, 1 << 20);
    }

    [Fact]
    public async Task OpenChunk_MutatedFrameOrEntry_FailsInOneWay()
    {
        using var source = new TempFolder();
        Trees.WriteFirst(source.Path);
        foreach (var secret in new[] { null, Bench.Key })
        {
            var store = new MemoryObjectStore(TimeProvider.System);
            var repository = await Repository.InitAsync(store, secret, TimeProvider.System, Bench.Token);
            await Bench.SnapshotAsync(store, secret, source.Path, TimeProvider.System);
            await repository.LoadIndexAsync(Bench.Token);
            var frames = repository.Index.Chunks.All.Where(c => c.Location.StoredBytes < 40_000).GroupBy(c => c.Location.Coding).Select(g => g.First()).ToList();
            Assert.True(frames.Count >= 3);
            using var reader = repository.CreateChunkReader();
            var random = new SeededRandom(SafetySettings.Read().Seed);
            for (var i = 0; i < 3000; i++)
            {
                var (id, location) = random.Pick(frames);
                var frame = store[repository.PackName(location.Pack)].AsSpan(location.OffsetBytes, location.StoredBytes).ToArray();
                frame = Mutate(frame, random);

                // An index that lies as well: whoever writes without a key can make any checksum fit.
                var claimed = location with
                {
                    StoredBytes = frame.Length,
                    Checksum = XxHash3.Hash(frame),
                    Coding = random.Below(4) == 0 ? (ChunkCoding)random.Below(12) : location.Coding,
                    Parameter = random.Below(4) == 0 ? (byte)random.Below(256) : location.Parameter,
                    RawBytes = random.Below(4) == 0 ? 1 + random.Below(200_000) : location.RawBytes,
                };
                try
                {
                    reader.Open(claimed, id, frame, new byte[claimed.RawBytes]);
                }
                catch (SnapshotFormatException)
                {
                    // As it must.
                }
            }
        }
    }

    private static (byte[] Sample, Action<byte[]> Read) Reader(string what)
    {
        var now = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var id = ContentHash.Of("id"u8);
        var text = id.ToString();
        var chunks = Enumerable.Range(0, 5).Select(i => new ChunkEntry(ContentHash.Of([(byte)i]), 100 + i, 200 + i, ChunkCoding.Lz4, 0, 77, default)).ToList();
        var body = new IndexObject([id, id], [new PackContent(id, new byte[16], 100_000, chunks), new PackContent(id, new byte[16], 200_000, chunks)]).ToBody();
        switch (what)
        {
            case "envelope":
                return (SealedObject.Seal(ObjectKind.Index, body, null), bytes => SealedObject.Open(ObjectKind.Index, bytes, null, what));
            case "sealed envelope":
                return (SealedObject.Seal(ObjectKind.Index, body, Keys), bytes => SealedObject.Open(ObjectKind.Index, Fix(bytes), Keys, what));
            case "index":
                return (body, bytes => IndexObject.FromBody(bytes, what));
            case "pack tail":
                return (Tail(chunks, null), bytes => PackFormat.ReadTail(ContentHash.Of(bytes), bytes, bytes.Length + 8 + chunks.Sum(c => c.StoredBytes), null, what));
            case "sealed pack tail":
                return (Tail(chunks, Keys), bytes => PackFormat.ReadTail(ContentHash.Of(bytes), bytes, bytes.Length + 8 + chunks.Sum(c => c.StoredBytes), Keys, what));
            case "manifest":
                return (ManifestSample(), bytes => _ = new Manifest(bytes).Entries.Count());
            case "manifest rows of a directory":
                return (ManifestSample(), bytes => _ = new Manifest(bytes).RowsOf("a").Length + new Manifest(bytes).Root.RowBytes);
            default:
                return Json(what, now, text);
        }
    }

    // The envelope around JSON is fitting: what is mutated is inside.
    private static (byte[] Sample, Action<byte[]> Read) Json(string what, DateTimeOffset now, string text)
    {
        var statistics = new SnapshotStatistics(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        var (kind, sample, read) = what switch
        {
            "snapshot" => (
                ObjectKind.Snapshot,
                new SnapshotRecord(now, "host", "/source", "name", ["tag"], null, "program", [new ManifestChunk(text, 5), new ManifestChunk(text, 6)], statistics).ToObject(null),
                (Action<byte[]>)(bytes => SnapshotRecord.FromObject(bytes, null, what))),
            "key" => (ObjectKind.Key, new KeyObject("hkdf-sha256", 0, new byte[16], new byte[60], now, "label").ToObject(), bytes => KeyObject.FromObject(bytes, what).TryUnwrap(Bench.Key, new byte[32])),
            "lock" => (ObjectKind.Lock, new LockRecord("writer", "holder", now, now, "host", 5).ToObject(null), bytes => LockRecord.FromObject(bytes, null, "locks/writer-holder")),
            "config" => (ObjectKind.Config, new RepositoryConfig("id", 1, "none", now).ToObject(), bytes => RepositoryConfig.FromObject(bytes)),
            _ => (
                ObjectKind.Pending,
                SealedObject.Seal(ObjectKind.Pending, Encoding.UTF8.GetBytes($$"""{"marked_at":"2026-01-02T03:04:05+00:00","packs":["{{text}}"]}"""), null),
                bytes => PendingRecords.Read(PlainRepository.Value, "pending/" + ContentHash.Of(bytes), bytes)),
        };
        return (SealedObject.Open(kind, sample, null, what), bytes => read(SealedObject.Seal(kind, bytes, null)));
    }

    private static readonly Lazy<Repository> PlainRepository = new(() =>
        Repository.InitAsync(new MemoryObjectStore(TimeProvider.System), null, TimeProvider.System, CancellationToken.None).GetAwaiter().GetResult());

    private static byte[] Tail(List<ChunkEntry> chunks, RepositoryKeys? keys)
    {
        var salt = new byte[16];
        var tail = new byte[PackFormat.TailBytes(chunks.Sum(c => c.SizeBytes), keys is not null)];
        using var cipher = keys?.CreatePackCipher(salt);
        PackFormat.WriteTail(tail, chunks, salt, cipher, 8 + chunks.Sum(c => c.StoredBytes));
        return tail;
    }

    private static byte[] ManifestSample()
    {
        using var folder = new TempFolder();
        Bench.Write(folder.Path, "a/b/file", Bench.Noise(10, 1));
        Bench.Write(folder.Path, "a/other", Bench.Noise(10, 2));
        File.CreateSymbolicLink(folder.File("link"), "a");
        Kernel.SetAttribute(folder.File("a/other"), "user.comment", "value"u8);
        var store = new MemoryObjectStore(TimeProvider.System);
        return ReadAsync().GetAwaiter().GetResult();

        async Task<byte[]> ReadAsync()
        {
            var repository = await Repository.InitAsync(store, null, TimeProvider.System, CancellationToken.None);
            var snapshot = await Bench.SnapshotAsync(store, null, folder.Path, TimeProvider.System);
            await repository.LoadIndexAsync(CancellationToken.None);
            using var reader = repository.CreateChunkReader();
            var content = new List<byte>();
            foreach (var chunk in snapshot.Record.Manifest)
            {
                Assert.True(ObjectNames.TryParseDigest(chunk.Id, out var id) && repository.TryLocate(id, out var location));
                repository.TryLocate(id, out location);
                var part = new byte[chunk.Bytes];
                await repository.ReadChunkAsync(reader, location, id, part, CancellationToken.None);
                content.AddRange(part);
            }

            return [.. content];
        }
    }

    // The checksum of the envelope fits, so that the input gets further.
    private static byte[] Fix(byte[] content)
    {
        if (content.Length >= 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(content.Length - 8), XxHash3.Hash(content.AsSpan(0, content.Length - 8)));
        }

        return content;
    }

    private static byte[] Mutate(byte[] sample, SeededRandom random)
    {
        var input = sample.ToList();
        for (var changes = 1 + random.Below(3); changes > 0 && input.Count > 0; changes--)
        {
            var at = random.Below(input.Count);
            switch (random.Below(7))
            {
                case 0:
                    input[at] ^= (byte)(1 << random.Below(8));
                    break;
                case 1:
                    input[at] = random.Pick<byte>([0, 1, 0x7F, 0x80, 0xFF, (byte)'"', (byte)'{', (byte)'9']);
                    break;
                case 2:
                    input.RemoveRange(at, Math.Min(input.Count - at, 1 + random.Below(20)));
                    break;
                case 3:
                    input.InsertRange(at, input.GetRange(at, Math.Min(input.Count - at, 1 + random.Below(40))));
                    break;
                case 4:
                    input.RemoveRange(at, input.Count - at);
                    break;
                case 5:
                    // A count or length beyond all measure.
                    var huge = new byte[8];
                    BinaryPrimitives.WriteUInt64LittleEndian(huge, random.Pick<ulong>([uint.MaxValue, int.MaxValue, 0x7FFFFFF0, 1UL << 63, ulong.MaxValue]));
                    for (var i = 0; i < random.Pick<int>([4, 8]) && at + i < input.Count; i++)
                    {
                        input[at + i] = huge[i];
                    }

                    break;
                default:
                    input.InsertRange(at, "null"u8.ToArray());
                    break;
            }
        }

        return [.. input];
    }
}
