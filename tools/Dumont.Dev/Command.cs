using System.Diagnostics;
using System.Text;

namespace Dumont.Dev;

/// <summary>Runs a program to its end.</summary>
internal static class Command
{
    /// <summary>Runs with the terminal's own streams.</summary>
    public static async Task<int> RunAsync(string folder, string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder })!;
        return await EndAsync(process, Timeout.InfiniteTimeSpan, cancellationToken);
    }

    /// <summary>Runs and keeps what it writes, both streams in the order of arrival.</summary>
    public static async Task<(int ExitCode, string Output)> CaptureAsync(
        string folder,
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment,
        TimeSpan timeout,
        Action<string>? onLine,
        CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = new Process { StartInfo = start };
        var output = new StringBuilder();
        void Keep(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is { } text)
            {
                lock (output)
                {
                    output.Append(text).Append('\n');
                }

                onLine?.Invoke(text);
            }
        }

        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var exitCode = await EndAsync(process, timeout, cancellationToken);
        lock (output)
        {
            return (exitCode, output.ToString());
        }
    }

    private static async Task<int> EndAsync(Process process, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            throw new DevException($"{Path.GetFileName(process.StartInfo.FileName)} was stopped after {timeout.TotalMinutes:0} minutes.");
        }
    }
}
