using System.Net.Sockets;
using System.Text;
using Dumont.Providers.Ssh;

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
        try
        {
            return await SshProcess.ScanHostKeyAsync(endpoint.Host, endpoint.Port, time, cancellationToken);
        }
        catch (TimeoutException exception)
        {
            throw new SshException(exception.Message);
        }
    }

    /// <inheritdoc />
    public async Task RunAsync(
        SshEndpoint endpoint, IReadOnlyList<string> hostKeys, string command, Func<Stream, Task> input, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var knownHosts = Path.Combine(Path.GetDirectoryName(identity.ManagementKeyFile)!, $"known-{Guid.CreateVersion7(time.GetUtcNow()):N}");
        try
        {
            await File.WriteAllLinesAsync(knownHosts, hostKeys.Select(key => $"{endpoint.KnownHostsName} {key}"), cancellationToken);
            var (exitCode, _, errors) = await SshProcess.RunAsync("ssh", Arguments(endpoint, knownHosts, command), input, timeout, time, cancellationToken);
            if (exitCode != 0)
            {
                throw new SshException($"ssh to {endpoint} ended with {exitCode}: {LastLine(errors)}");
            }
        }
        catch (TimeoutException exception)
        {
            throw new SshException(exception.Message);
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

    private static string LastLine(string text)
    {
        var line = text.Trim().Split('\n')[^1].Trim();
        return line.Length <= 300 ? line : new StringBuilder(line, 0, 300, 301).Append('…').ToString();
    }
}

/// <summary>A machine could not be reached or refused. The text is for the log and for the record of the machine.</summary>
internal sealed class SshException(string message) : Exception(message);
