using System.Text;

namespace Dumont.Cli.Tests;

/// <summary>Runs the program in this process, with a home folder and streams of its own.</summary>
internal sealed class CliHarness : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("dumont-cli-");

    public CliHarness(Uri? server = null)
    {
        Variables["HOME"] = _home.FullName;
        Variables["PATH"] = "/usr/bin:/bin";
        if (server is not null)
        {
            Variables["DUMONT_BASE_URL"] = server.AbsoluteUri;
        }
    }

    public Dictionary<string, string> Variables { get; } = [];

    public string Home => _home.FullName;

    public string TokenFile => Path.Combine(Home, ".dumont_token");

    public int? Width { get; set; }

    public bool IsTerminal { get; set; }

    public TextReader Input { get; set; } = TextReader.Null;

    public ShiftedTime Time { get; } = new();

    public async Task<CliResult> RunAsync(params string[] args)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        var environment = CliEnvironment.Captured(output, error, Variables, Time, Width, Input, IsTerminal);
        var exitCode = await CliApplication.RunAsync(args, environment, TestContext.Current.CancellationToken);
        return new CliResult((ExitCode)exitCode, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }

    public void Dispose() => _home.Delete(recursive: true);
}

internal sealed record CliResult(ExitCode ExitCode, string Output, string Error)
{
    /// <summary>For failures: what the user would have seen.</summary>
    public override string ToString() => $"exit {(int)ExitCode}\n--- out\n{Output}\n--- err\n{Error}";
}

/// <summary>The system's clock, moved forward at will.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    public TimeSpan Ahead { get; set; }

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Ahead;
}
