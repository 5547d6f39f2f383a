namespace Dumont.Cli.Tests.Commands;

/// <summary>Where a repository is said to be.</summary>
public sealed class RepoPlaceTests : IDisposable
{
    private readonly CliHarness _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("s3://b/x")]
    [InlineData("s3://")]
    public async Task Place_ThatIsNoBucket_IsRefused(string place)
    {
        foreach (var name in (string[])["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
        {
            _cli.Variables[name] = "x";
        }

        var result = await _cli.RunAsync("repo", "ls", "--repo", place, "--endpoint", "http://127.0.0.1:1");
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("s3://bucket/prefix", result.Error, StringComparison.Ordinal);
    }
}
