using System.Globalization;
using System.Security.Cryptography;

namespace Dumont.Snapshots.Tests;

/// <summary>What a person may say about slow tests; the one place that reads it from the environment.</summary>
/// <param name="IsExhaustive">Every position and every step instead of a sample: <c>DUMONT_SAFETY_EXHAUSTIVE=1</c>.</param>
/// <param name="Seed">First seed: <c>DUMONT_SAFETY_SEED</c>.</param>
/// <param name="Count">Seeds of the interleavings: <c>DUMONT_SAFETY_COUNT</c>.</param>
internal sealed record SafetySettings(bool IsExhaustive, int Seed, int Count)
{
    private const int DefaultCount = 40;
    private const int ExhaustiveCount = 4000;

    public static SafetySettings Read()
    {
        var variables = Environment.GetEnvironmentVariables();
        var isExhaustive = variables["DUMONT_SAFETY_EXHAUSTIVE"] is "1";
        return new SafetySettings(isExhaustive, Number("DUMONT_SAFETY_SEED") ?? 1, Number("DUMONT_SAFETY_COUNT") ?? (isExhaustive ? ExhaustiveCount : DefaultCount));

        int? Number(string name) => variables[name] is string text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
    }
}

/// <summary>Repositories and trees for tests.</summary>
internal static class Bench
{
    public static readonly RepositorySecret Key = RepositorySecret.FromKey(SHA256.HashData("key"u8));

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Writes files; a name may have folders in it.</summary>
    public static void Write(string root, string name, byte[] content)
    {
        var path = Path.Combine(root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    public static byte[] Noise(int bytes, long seed)
    {
        var content = new byte[bytes];
        new SeededRandom(seed).Fill(content);
        return content;
    }

    public static async Task<Snapshot> SnapshotAsync(IObjectStore store, RepositorySecret? secret, string source, TimeProvider time, string name = "") =>
        (await WriteAsync(store, secret, new SnapshotOptions { Source = source, Name = name, Workers = 1 }, time)).Snapshot;

    public static async Task<SnapshotOutcome> WriteAsync(IObjectStore store, RepositorySecret? secret, SnapshotOptions options, TimeProvider time)
    {
        var repository = await Repository.OpenAsync(store, secret, CancellationToken.None);
        return await SnapshotWriter.WriteAsync(repository, options, new SnapshotProgress(), time, CancellationToken.None);
    }

    public static async Task PruneAsync(IObjectStore store, RepositorySecret? secret, TimeProvider time, TimeSpan grace = default) =>
        await Pruner.PruneAsync(
            await Repository.OpenAsync(store, secret, CancellationToken.None), new PruneOptions { Grace = grace, MaximumWaste = 0 }, time, CancellationToken.None);

    public static async Task ForgetAsync(IObjectStore store, RepositorySecret? secret, params string[] ids)
    {
        var repository = await Repository.OpenAsync(store, secret, CancellationToken.None);
        await Pruner.ForgetAsync(repository, (await repository.ListSnapshotsAsync(CancellationToken.None)).Where(s => ids.Contains(s.Id)), CancellationToken.None);
    }

    /// <summary>Reads every pack, or a sample of them.</summary>
    public static async Task<VerifyOutcome> VerifyAsync(IObjectStore store, RepositorySecret? secret, PackSample? sample = null) =>
        await RepositoryVerifier.VerifyAsync(
            await Repository.OpenAsync(store, secret, CancellationToken.None),
            new VerifyOptions { Sample = sample ?? PackSample.All, Workers = 1 },
            new VerifyProgress(),
            CancellationToken.None);

    public static async Task<IReadOnlyList<Snapshot>> ListAsync(IObjectStore store, RepositorySecret? secret) =>
        await (await Repository.OpenAsync(store, secret, CancellationToken.None)).ListSnapshotsAsync(CancellationToken.None);

    /// <summary>Every pack, in order.</summary>
    public static IReadOnlyList<string> PacksOf(MemoryObjectStore store) => [.. store.Names.Where(name => name.StartsWith(ObjectNames.Packs, StringComparison.Ordinal))];

    /// <summary>Packs that no index lists: they wait to be deleted, or are left over.</summary>
    public static async Task<IReadOnlyList<string>> UnlistedPacksAsync(MemoryObjectStore store, RepositorySecret? secret)
    {
        var repository = await Repository.OpenAsync(store, secret, CancellationToken.None);
        await repository.LoadIndexAsync(CancellationToken.None);
        return [.. PacksOf(store).Except(repository.Index.Packs.Select(pack => ObjectNames.Pack(pack.Name)))];
    }

    /// <summary>The content with bits of one byte turned over.</summary>
    public static byte[] Flipped(byte[] content, int at, byte bits = 1)
    {
        var flipped = content.ToArray();
        flipped[at] ^= bits;
        return flipped;
    }

    /// <summary>Content of every file of a snapshot by its path.</summary>
    public static async Task<Dictionary<string, byte[]>> ReadAsync(IObjectStore store, RepositorySecret? secret, string id)
    {
        var repository = await Repository.OpenAsync(store, secret, CancellationToken.None);
        var snapshot = await repository.GetSnapshotAsync(id, CancellationToken.None);
        await repository.LoadIndexAsync(CancellationToken.None);
        return await ReadAsync(repository, snapshot);
    }

    public static async Task<Dictionary<string, byte[]>> ReadAsync(Repository repository, Snapshot snapshot)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var entry in await repository.ReadEntriesAsync(snapshot, CancellationToken.None))
        {
            if (entry.Kind == EntryKind.File)
            {
                using var content = new MemoryStream();
                await repository.CopyContentAsync(entry, content, CancellationToken.None);
                files[entry.Path.ToString()] = content.ToArray();
            }
        }

        return files;
    }

    /// <summary>Content of every file below a folder by its path.</summary>
    public static Dictionary<string, byte[]> FilesOf(string root) =>
        Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).ToDictionary(f => Path.GetRelativePath(root, f), File.ReadAllBytes, StringComparer.Ordinal);

    public static void AssertSame(Dictionary<string, byte[]> expected, Dictionary<string, byte[]> actual)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        foreach (var (path, content) in expected)
        {
            Assert.True(content.AsSpan().SequenceEqual(actual[path]), $"{path} has other content");
        }
    }
}
