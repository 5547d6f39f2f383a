using System.Diagnostics;
using System.Globalization;

namespace Dumont.Snapshots.Tests;

/// <summary>Runs this program as a child that is killed, or finds its disk failing, at a system call.</summary>
internal static class Strace
{
    private const string Program = "/usr/bin/strace";

    /// <summary>Whether it is here and may be used.</summary>
    public static bool IsUsable()
    {
        if (!File.Exists(Program))
        {
            return false;
        }

        using var process = Process.Start(new ProcessStartInfo(Program, ["-o", "/dev/null", "/bin/true"]) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    /// <summary>Runs a child.</summary>
    /// <param name="calls">System calls, separated by commas.</param>
    /// <param name="fault">What happens, for instance <c>signal=KILL</c>.</param>
    /// <param name="number">At which call of a thread, from 1.</param>
    /// <param name="log">Gets a line for each of these calls.</param>
    /// <param name="isOneThread">The child's work is done by one thread, so that its calls have one order.</param>
    /// <param name="child">Arguments of the child.</param>
    public static (int Code, string Output) Run(string calls, string fault, int number, string log, bool isOneThread, params string[] child)
    {
        var start = new ProcessStartInfo(Program)
        {
            ArgumentList =
            {
                // Without --seccomp-bpf: with it, strace 6.1 injects hardly any signal.
                "-f", "-o", log, "-e", $"trace={calls}",
                "-e", string.Create(CultureInfo.InvariantCulture, $"inject={calls}:{fault}:when={number}"),
                Path.Combine(AppContext.BaseDirectory, "Dumont.Snapshots.Tests"),
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in child)
        {
            start.ArgumentList.Add(argument);
        }

        if (isOneThread)
        {
            start.Environment["DOTNET_ThreadPool_ForceMinWorkerThreads"] = "1";
            start.Environment["DOTNET_ThreadPool_ForceMaxWorkerThreads"] = "1";
            start.Environment["DOTNET_EnableDiagnostics"] = "0";
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    /// <summary>How many calls a log tells of.</summary>
    public static int CallsIn(string log) => File.ReadLines(log).Count(line => line.Contains('(', StringComparison.Ordinal) && !line.Contains("resumed>", StringComparison.Ordinal));
}
