using System.Diagnostics;

namespace Dumont.Snapshots.Tests;

/// <summary>The second implementation of the format, <c>tests/formats/read_repository.py</c>.</summary>
internal static class PythonReader
{
    private const string Python = "/usr/bin/python3";

    private static readonly Lazy<bool> IsThere = new(() => File.Exists(Python) && RunPython("-c", "import cryptography, numpy").ExitCode == 0);

    /// <summary>Skips the test where it cannot run.</summary>
    public static void Require() => Assert.SkipWhen(!IsThere.Value, "python3-cryptography and python3-numpy are not installed.");

    public static (int ExitCode, string Output) Run(string repository, string? keyFile, params string[] action) => RunPython(
        ["-B", Path.Combine(AppContext.BaseDirectory, "formats", "read_repository.py"), repository, .. keyFile is null ? [] : new[] { "--key-file", keyFile }, .. action]);

    private static (int ExitCode, string Output) RunPython(params string[] arguments)
    {
        var start = new ProcessStartInfo(Python, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
