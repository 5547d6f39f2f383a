using System.Text.Json.Nodes;
using Dumont.Snapshots.Tests;

namespace Dumont.Cli.Tests.Commands;

/// <summary>Verification of a real repository in a folder, as a person types it.</summary>
public sealed class RepoVerifyTests : IDisposable
{
    private readonly CliHarness _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Subset_PartsSharesAndSizes_ReadWhatTheySay()
    {
        await FillAsync();
        var all = await ReadAsync("--read-data");
        Assert.True(all > 90_000);
        Assert.Equal(0, await ReadAsync());
        Assert.Equal(all, await ReadAsync("--read-data-subset", "1/3") + await ReadAsync("--read-data-subset", "2/3") + await ReadAsync("--read-data-subset", "3/3"));
        Assert.Equal(all, await ReadAsync("--read-data-subset", "100%"));
        Assert.Equal(all, await ReadAsync("--read-data-subset", "1G"));
        Assert.InRange(await ReadAsync("--read-data-subset", "1"), 1, all - 1);
    }

    [Theory]
    [InlineData("0/3")]
    [InlineData("4/3")]
    [InlineData("1/2/3")]
    [InlineData("0%")]
    [InlineData("101%")]
    [InlineData("0")]
    [InlineData("-5M")]
    [InlineData("9999999999T")]
    [InlineData("half")]
    public async Task Subset_ThatIsNone_IsRefusedBeforeAnythingIsRead(string subset)
    {
        var result = await _cli.RunAsync("repo", "verify", "--repo", Place, "--key-file", Key, $"read_data_subset={subset}");
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("3/30", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damage_NamesWhatIsAffectedAndWhatToDo()
    {
        await FillAsync();
        StoredDamage.FlipInLargest(Path.Combine(Place, "packs"));
        var result = await _cli.RunAsync("repo", "verify", "--repo", Place, "--key-file", Key, "--read-data", "-o", "json");
        Assert.Equal(ExitCode.Failure, result.ExitCode);
        string[] affected = [.. JsonNode.Parse(result.Output)!["affected_snapshots"]!.AsArray().Select(id => id!.ToString())];
        Assert.NotEmpty(affected);

        // And as it says for people.
        Assert.Equal(ExitCode.Ok, (await _cli.RunAsync(["repo", "forget", .. affected, "--repo", Place, "--key-file", Key])).ExitCode);
        Assert.Equal(ExitCode.Ok, (await _cli.RunAsync("repo", "prune", "--max-unused", "0", "--grace", "0", "--repo", Place, "--key-file", Key)).ExitCode);
        Assert.Equal(ExitCode.Ok, (await _cli.RunAsync("repo", "verify", "--repo", Place, "--key-file", Key, "--read-data")).ExitCode);
        Assert.Equal(ExitCode.Usage, (await _cli.RunAsync("repo", "prune", "max_unused=101", "--repo", Place, "--key-file", Key)).ExitCode);
    }

    private string Place => Path.Combine(_cli.Home, "repository");

    private string Key => Path.Combine(_cli.Home, "key");

    // Three snapshots, so that there is more than one pack.
    private async Task FillAsync()
    {
        var source = Directory.CreateDirectory(Path.Combine(_cli.Home, "source")).FullName;
        var result = await _cli.RunAsync("repo", "init", "--repo", Place, "--key-file", Key);
        Assert.True(result.ExitCode == ExitCode.Ok, result.ToString());
        for (var i = 0; i < 3; i++)
        {
            var noise = new byte[30_000];
            new Random(i).NextBytes(noise);
            await File.WriteAllBytesAsync(Path.Combine(source, $"file{i}"), noise, TestContext.Current.CancellationToken);
            result = await _cli.RunAsync("repo", "snapshot", source, "--repo", Place, "--key-file", Key);
            Assert.True(result.ExitCode == ExitCode.Ok, result.ToString());
        }
    }

    private async Task<long> ReadAsync(params string[] options)
    {
        var result = await _cli.RunAsync(["repo", "verify", "--repo", Place, "--key-file", Key, "-o", "json", .. options]);
        Assert.True(result.ExitCode == ExitCode.Ok, result.ToString());
        return JsonNode.Parse(result.Output)!["bytes_read"]!.GetValue<long>();
    }
}
