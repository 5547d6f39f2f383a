using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Dumont.Scenarios.Harness;

/// <summary>A program under test: a process of its own, in a session of its own, with its output in a file.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int Terminate = 15;
    private const int Kill = 9;
    private const int TailLines = 30;

    private static readonly TimeSpan TerminateLimit = TimeSpan.FromSeconds(40);

    private readonly Process _process;
    private readonly long _logStart;

    private ChildProcess(string name, string log, long logStart, Process process) => (Name, Log, _logStart, _process) = (name, log, logStart, process);

    public string Name { get; }

    public string Log { get; }

    public bool HasEnded => _process.HasExited;

    public static ChildProcess Start(string program, string log, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec setsid \"$1\" >>\"$2\" 2>&1 </dev/null", "sh", program, log])
        {
            WorkingDirectory = Path.GetDirectoryName(log),
        };
        foreach (var (variable, value) in environment)
        {
            start.Environment[variable] = value;
        }

        var logStart = File.Exists(log) ? new FileInfo(log).Length : 0;
        return new ChildProcess(Path.GetFileName(program), log, logStart, Process.Start(start)!);
    }

    /// <summary>What this run has written.</summary>
    public string Output()
    {
        using var file = new FileStream(Log, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Seek(Math.Min(_logStart, file.Length), SeekOrigin.Begin);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd();
    }

    /// <summary>The last lines of its output, for a failure's message.</summary>
    public string Tail() => string.Join('\n', Output().TrimEnd('\n').Split('\n').TakeLast(TailLines));

    /// <summary>Waits until it is ready; fails at once when it ends instead.</summary>
    public async Task AwaitReadyAsync(Func<Task<bool>> isReady, TimeSpan limit, CancellationToken cancellationToken) =>
        await Poll.UntilAsync(
            $"{Name} is ready",
            limit,
            async () => HasEnded ? throw new InvalidOperationException($"{Name} ended with {_process.ExitCode}:\n{Tail()}") : await isReady(),
            cancellationToken,
            () => Task.FromResult(Tail()));

    /// <summary><c>kill -9</c>: no handler, no flush, no good-bye. The processes that it had started live on.</summary>
    public async Task KillAsync()
    {
        _ = Signal(_process.Id, Kill);
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = Signal(_process.Id, Terminate);
            using var limit = new CancellationTokenSource(TerminateLimit);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                await KillAsync();
                throw new TimeoutException($"{Name} did not end within {TerminateLimit.TotalSeconds:0} s of SIGTERM:\n{Tail()}");
            }
        }

        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Signal(int process, int signal);
}
