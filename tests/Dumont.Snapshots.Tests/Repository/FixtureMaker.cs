namespace Dumont.Snapshots.Tests;

/// <summary>Makes the stored repository of a format version, once: set <c>DUMONT_SAFETY_FIXTURE</c> to a folder that is not there yet.</summary>
public sealed class FixtureMaker
{
    [Fact]
    public async Task Make_WhenAsked()
    {
        var folder = Environment.GetEnvironmentVariables()["DUMONT_SAFETY_FIXTURE"] as string;
        Assert.SkipWhen(folder is null, "DUMONT_SAFETY_FIXTURE is not set.");
        Directory.CreateDirectory(folder!);
        using var source = new TempFolder();
        foreach (var kind in new[] { "bf16", "fp16", "fp32", "int32", "text", "zeros" })
        {
            Bench.Write(source.Path, $"samples/{kind}", ChunkSamples.Make(kind, 8000, 7));
        }

        Bench.Write(source.Path, "noise", Bench.Noise(3000, 8));
        Bench.Write(source.Path, "large", [.. Enumerable.Repeat(ChunkSamples.Make("text", 4000, 2), 300).SelectMany(b => b)]);
        Kernel.Link(Path.Combine(source.Path, "noise"), Path.Combine(source.Path, "other name"));
        File.CreateSymbolicLink(Path.Combine(source.Path, "link"), "noise");
        var keyText = RepositorySecret.CreateKeyFileText();
        var secret = RepositorySecret.FromKeyFileText(keyText);
        await File.WriteAllTextAsync(Path.Combine(folder!, "key"), keyText, Bench.Token);
        await using var store = new DirectoryObjectStore(Path.Combine(folder!, "repository"));
        var repository = await Repository.InitAsync(store, secret, TimeProvider.System, Bench.Token);
        await repository.AddKeyAsync(RepositorySecret.FromPassword("correct horse battery staple"), "password", TimeProvider.System, Bench.Token);
        await Bench.WriteAsync(store, secret, new SnapshotOptions { Source = source.Path, Hostname = "fixture", SourceLabel = "/fixture", Name = "one" }, TimeProvider.System);
        var large = await File.ReadAllBytesAsync(Path.Combine(source.Path, "large"), Bench.Token);
        Bench.Noise(500, 3).CopyTo(large, 600_001);
        Bench.Write(source.Path, "large", large);
        Bench.Write(source.Path, "dense/fp32", ChunkSamples.Make("fp32", 9000, 4));
        Bench.Write(source.Path, "dense/text", Samples.Text(new SeededRandom(4), 20_000));
        await Bench.WriteAsync(
            store,
            secret,
            new SnapshotOptions { Source = source.Path, Hostname = "fixture", SourceLabel = "/fixture", Name = "two", Compression = ChunkCompression.Dense },
            TimeProvider.System);
        await Bench.ForgetAsync(store, secret, (await repository.GetSnapshotAsync("one", Bench.Token)).Id);
        await Bench.PruneAsync(store, secret, TimeProvider.System, TimeSpan.FromDays(1));
        await File.WriteAllTextAsync(Path.Combine(folder!, "expected.txt"), Trees.Listing(await Bench.ReadAsync(store, secret, "latest")), Bench.Token);
    }
}
