using System.Diagnostics;
using System.Text;

namespace Dumont.Providers.Ssh;

/// <summary>How a program of OpenSSH ended.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Standard output, cut at the limit.</param>
/// <param name="Errors">Standard error, cut at the limit.</param>
public sealed record SshProcessResult(int ExitCode, string Output, string Errors);

/// <summary>Runs <c>ssh</c> and its relatives. Arguments are words, seen by no shell of this computer.</summary>
public static class SshProcess
{
    /// <summary>Characters kept of each stream; a machine may send without end.</summary>
    private const int OutputMax = 64 * 1024;

    /// <summary>Runs a program to its end, with <paramref name="input"/> on its standard input.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="arguments">Its words.</param>
    /// <param name="input">Writes its standard input; null for none.</param>
    /// <param name="limit">After which it is ended.</param>
    /// <param name="time">Clock of the limit.</param>
    /// <param name="cancellationToken">Ends it earlier.</param>
    /// <exception cref="TimeoutException">It took longer than <paramref name="limit"/>.</exception>
    public static async Task<SshProcessResult> RunAsync(
        string program, IReadOnlyList<string> arguments, Func<Stream, Task>? input, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        // The words of ssh tell one failure from another, so they must be the English ones.
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C";
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started.");

        // Ended at once, not after its input: a peer that stops reading would hold the writing of it for ever.
        using var end = either.Token.Register(() => End(process));
        try
        {
            var output = ReadAsync(process.StandardOutput, either.Token);
            var errors = ReadAsync(process.StandardError, either.Token);
            await FeedAsync(process, input);
            await process.WaitForExitAsync(either.Token);
            return new SshProcessResult(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{program} took longer than {limit.TotalSeconds:0} s.", exception);
        }
        finally
        {
            End(process);
        }
    }

    /// <summary>The Ed25519 host key that an SSH server shows, <c>ssh-ed25519 AAAA…</c>, or null when it shows none.</summary>
    /// <exception cref="TimeoutException">It did not answer in time.</exception>
    public static async Task<string?> ScanHostKeyAsync(string host, int port, TimeProvider time, CancellationToken cancellationToken)
    {
        var (exitCode, output, _) = await RunAsync(
            "ssh-keyscan", ["-T", "5", "-t", "ed25519", "-p", $"{port}", "--", host], input: null, TimeSpan.FromSeconds(8), time, cancellationToken);
        return exitCode != 0
            ? null
            : output.Split('\n')
                .Where(line => !line.StartsWith('#'))
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                .Where(fields => fields is [_, "ssh-ed25519", _])
                .Select(fields => $"{fields[1]} {fields[2]}")
                .FirstOrDefault();
    }

    /// <summary>As <c>known_hosts</c> has an address: the port is named unless it is 22.</summary>
    public static string KnownHostsName(string host, int port) => port == 22 ? host : $"[{host}]:{port}";

    private static void End(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        while (await reader.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            text.Append(buffer, 0, Math.Min(count, OutputMax - text.Length));
        }

        return text.ToString();
    }

    private static async Task FeedAsync(Process process, Func<Stream, Task>? input)
    {
        try
        {
            if (input is not null)
            {
                await input(process.StandardInput.BaseStream);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading all of it; its exit code and words tell why.
        }
    }
}
