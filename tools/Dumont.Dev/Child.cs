using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Dumont.Dev;

/// <summary>A program that runs beside this one, its output in a log file. In a session of its own, so that Ctrl-C on the terminal
/// reaches this program alone and the children end in order.</summary>
internal sealed class Child : IAsyncDisposable
{
    private const int Terminate = 15;
    private const int TailLines = 15;

    private static readonly TimeSpan TerminateTimeout = TimeSpan.FromSeconds(15);

    private readonly Process _process;
    private readonly long _logStart;

    private Child(string name, string log, long logStart, Process process)
    {
        Name = name;
        Log = log;
        _logStart = logStart;
        _process = process;
        Ended = process.WaitForExitAsync();
    }

    public string Name { get; }

    public string Log { get; }

    /// <summary>Completes when the program has ended by itself or was stopped.</summary>
    public Task Ended { get; }

    public int ExitCode => _process.ExitCode;

    // The shell and setsid give way to the program, so its id is theirs.
    public int ProcessId => _process.Id;

    public static Child Start(string name, string program, string log, IReadOnlyDictionary<string, string> environment)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(log)!);
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec setsid \"$1\" >>\"$2\" 2>&1 </dev/null", "sh", program, log]);
        foreach (var (variable, value) in environment)
        {
            start.Environment[variable] = value;
        }

        var logStart = File.Exists(log) ? new FileInfo(log).Length : 0;
        return new Child(name, log, logStart, Process.Start(start)!);
    }

    /// <summary>What this run of the program has written so far.</summary>
    public string Output()
    {
        if (!File.Exists(Log))
        {
            return "";
        }

        using var file = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Seek(Math.Min(_logStart, file.Length), SeekOrigin.Begin);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd();
    }

    /// <summary>Says that the program died, with its last lines.</summary>
    public DevException Died()
    {
        var lines = Output().TrimEnd('\n').Split('\n');
        return new DevException(
            $"{Name} ended with code {ExitCode}. Its last lines ({Log}):\n  " + string.Join("\n  ", lines.TakeLast(TailLines)));
    }

    /// <summary>SIGTERM, and after a while SIGKILL.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, Terminate);
            await Task.WhenAny(Ended, Task.Delay(TerminateTimeout, TimeProvider.System, CancellationToken.None));
            if (!_process.HasExited)
            {
                await Console.Error.WriteLineAsync($"{Name} does not end; it is killed.");
                _process.Kill(entireProcessTree: true);
                await Ended;
            }
        }

        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
