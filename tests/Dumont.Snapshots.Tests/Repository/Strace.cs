using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Dumont.Snapshots.Tests;

/// <summary>How a child ended.</summary>
/// <param name="Code">Its exit code.</param>
/// <param name="Output">What it printed.</param>
/// <param name="IsHit">Whether it came to the call at which something was to happen.</param>
/// <param name="Returned">How many of the calls in question came back to it.</param>
internal sealed record StraceOutcome(int Code, string Output, bool IsHit, int Returned);

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

    /// <summary>Runs a child whose work is done by one thread, so that its calls have one order.</summary>
    /// <param name="calls">System calls, separated by commas.</param>
    /// <param name="fault">What happens, for instance <c>signal=KILL</c>.</param>
    /// <param name="number">At which call, from 1. strace counts for each thread and each call by itself.</param>
    /// <param name="log">Gets a line for each of these calls.</param>
    /// <param name="child">Arguments of the child.</param>
    public static StraceOutcome Run(string calls, string fault, int number, string log, params string[] child)
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

        start.Environment["DOTNET_ThreadPool_ForceMinWorkerThreads"] = "1";
        start.Environment["DOTNET_ThreadPool_ForceMaxWorkerThreads"] = "1";
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        var lines = File.ReadAllLines(log);
        return new StraceOutcome(process.ExitCode, output.Trim(), lines.Any(IsHit), lines.Count(HasReturned));
    }

    private static bool IsHit(string line) => line.EndsWith("(INJECTED)", StringComparison.Ordinal) || line.Contains("+++ killed by SIGKILL", StringComparison.Ordinal);

    // "fsync(5) = 0", or "<... fsync resumed>) = 0" where another thread's line lies between. A call during which the process is killed ends with "= ?"; strace
    // 6.1 sometimes says so of a second thread too, which made no call.
    private static bool HasReturned(string line) => Regex.IsMatch(line, @"\) += [^?]");
}
