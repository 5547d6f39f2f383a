using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Dumont.Server.Machines;

/// <summary>Reaches machines with the system's OpenSSH client. Host keys are pinned, always; the remote command is one of ours, never put together
/// from user input, because ssh joins its arguments into one line for the remote shell. User input travels as file content.</summary>
internal sealed class SshClient(ServerIdentity identity, TimeProvider time) : ISshClient
{
    private static readonly TimeSpan BannerTimeout = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public async Task<bool> AnswersAsync(SshEndpoint endpoint, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(BannerTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(endpoint.Host, endpoint.Port, either.Token);
            var banner = new byte[4];
            var read = 0;
            while (read < banner.Length)
            {
                var count = await socket.ReceiveAsync(banner.AsMemory(read), either.Token);
                if (count == 0)
                {
                    return false;
                }

                read += count;
            }

            return banner.AsSpan().SequenceEqual("SSH-"u8);
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <inheritdoc />
    public async Task<string?> ScanHostKeyAsync(SshEndpoint endpoint, CancellationToken cancellationToken)
    {
        var (exitCode, output, _) = await RunProcessAsync(
            "ssh-keyscan",
            ["-T", "5", "-t", "ed25519", "-p", $"{endpoint.Port}", "--", endpoint.Host],
            input: null,
            TimeSpan.FromSeconds(8),
            cancellationToken);
        return exitCode != 0
            ? null
            : output.Split('\n')
                .Where(line => !line.StartsWith('#'))
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                .Where(fields => fields is [_, "ssh-ed25519", _])
                .Select(fields => $"{fields[1]} {fields[2]}")
                .FirstOrDefault();
    }

    /// <inheritdoc />
    public async Task RunAsync(
        SshEndpoint endpoint, IReadOnlyList<string> hostKeys, string command, Func<Stream, Task> input, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var knownHosts = Path.Combine(Path.GetDirectoryName(identity.ManagementKeyFile)!, $"known-{Guid.CreateVersion7(time.GetUtcNow()):N}");
        try
        {
            await File.WriteAllLinesAsync(knownHosts, hostKeys.Select(key => $"{endpoint.KnownHostsName} {key}"), cancellationToken);
            var (exitCode, _, errors) = await RunProcessAsync("ssh", Arguments(endpoint, knownHosts, command), input, timeout, cancellationToken);
            if (exitCode != 0)
            {
                throw new SshException($"ssh to {endpoint} ended with {exitCode}: {LastLine(errors)}");
            }
        }
        finally
        {
            File.Delete(knownHosts);
        }
    }

    private string[] Arguments(SshEndpoint endpoint, string knownHosts, string command) =>
    [
        "-F", "none", "-T",
        "-o", "BatchMode=yes",
        "-o", "StrictHostKeyChecking=yes",
        "-o", $"UserKnownHostsFile={knownHosts}",
        "-o", "GlobalKnownHostsFile=/dev/null",
        "-o", "HostKeyAlgorithms=ssh-ed25519",
        "-o", "IdentitiesOnly=yes",
        "-o", "ConnectTimeout=5",
        "-o", "ServerAliveInterval=5",
        "-o", "LogLevel=ERROR",
        "-i", identity.ManagementKeyFile,
        "-p", $"{endpoint.Port}",
        "-l", "root",
        "--", endpoint.Host, command,
    ];

    private async Task<(int ExitCode, string Output, string Errors)> RunProcessAsync(
        string program, string[] arguments, Func<Stream, Task>? input, TimeSpan limit, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        using var process = Process.Start(start) ?? throw new SshException($"{program} could not be started.");
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(either.Token);
            var errors = process.StandardError.ReadToEndAsync(either.Token);
            await FeedAsync(process, input);
            await process.WaitForExitAsync(either.Token);
            return (process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SshException($"{program} took longer than {limit.TotalSeconds:0} s.");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
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
            // The command ended without reading all of it; its exit code and words tell why.
        }
    }

    private static string LastLine(string text)
    {
        var line = text.Trim().Split('\n')[^1].Trim();
        return line.Length <= 300 ? line : new StringBuilder(line, 0, 300, 301).Append('…').ToString();
    }
}

/// <summary>A machine could not be reached or refused. The text is for the log and for the record of the machine.</summary>
internal sealed class SshException(string message) : Exception(message);
