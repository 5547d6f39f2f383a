using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Dumont.Contracts;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Workspace;

/// <summary>Keeps a connection from a <see cref="SyncSource"/> to the follower's agent open: over the system's <c>ssh</c>, with the follower's
/// host key pinned, again and again until told to stop.</summary>
/// <param name="sshProgram">The client to run, <c>ssh</c>.</param>
/// <param name="stateDirectory">Where the file of known hosts is written.</param>
/// <param name="keyFile">Private key that opens the follower's sync and nothing else.</param>
/// <param name="backoff">Pauses between tries.</param>
/// <param name="log">For connections made and lost.</param>
internal sealed class SyncSender(string sshProgram, string stateDirectory, string keyFile, Backoff backoff, AgentLog log)
{
    // Entry of our own known-hosts file, so that address and port of the follower do not matter to it.
    private const string HostAlias = "dumont-follower";
    private const int ErrorTextLimit = 500;

    private volatile string? _trouble;
    private string? _lastTold;

    /// <summary>Why there is no connection; null while there is one or none was tried yet.</summary>
    public string? Trouble => _trouble;

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(SyncSource source, AgentSyncTarget target, CancellationToken cancellationToken)
    {
        var knownHosts = Path.Combine(stateDirectory, "sync_known_hosts");
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var roundsBefore = source.Status.RoundsCompleted;
            try
            {
                Durable.WriteAtomic(knownHosts, System.Text.Encoding.UTF8.GetBytes(KnownHost(target)));
                await ConnectAsync(source, target, knownHosts, cancellationToken);
            }
            catch (Exception trouble) when (trouble is IOException or Win32Exception or FormatException && !cancellationToken.IsCancellationRequested)
            {
                var told = $"sync to {target.Host}:{target.Port.ToString(CultureInfo.InvariantCulture)}: {trouble.Message}";
                if (told != _lastTold)
                {
                    // Once for a day of the same failure.
                    log.Warn("sync.lost", ("host", target.Host), ("port", target.Port), ("reason", trouble.Message));
                }

                _trouble = _lastTold = told;
            }

            if (source.Status.RoundsCompleted > roundsBefore)
            {
                backoff.Reset();
                _lastTold = null;
            }

            await backoff.PauseAsync(cancellationToken);
        }
    }

    /// <summary>Arguments of the client; a value that could be read as anything but itself never gets here.</summary>
    /// <exception cref="FormatException">The target's host is neither an address nor a name.</exception>
    internal static IReadOnlyList<string> Arguments(AgentSyncTarget target, string knownHosts, string keyFile)
    {
        if (Uri.CheckHostName(target.Host) == UriHostNameType.Unknown || target.Host.StartsWith('-') || target.Port is < 1 or > 65535)
        {
            throw new FormatException("The sync target is no host and port.");
        }

        return
        [
            "-F", "none", "-T",
            "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=yes",
            "-o", $"UserKnownHostsFile={knownHosts}",
            "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", $"HostKeyAlias={HostAlias}",
            "-o", "IdentitiesOnly=yes",
            "-o", "IdentityAgent=none",
            "-o", "ControlPath=none",
            "-o", "LogLevel=ERROR",
            "-o", "ConnectTimeout=5",
            "-o", "ServerAliveInterval=2",
            "-o", "ServerAliveCountMax=3",
            "-i", keyFile,
            "-p", target.Port.ToString(CultureInfo.InvariantCulture),
            "--", $"root@{target.Host}", "dumont-agent", "sink",
        ];
    }

    private static string KnownHost(AgentSyncTarget target)
    {
        if (!SshKey.TryParse(target.HostKey, out var key))
        {
            throw new FormatException("The sync target's host key is not one.");
        }

        return $"{HostAlias} {key.Type} {key.Base64}\n";
    }

    private async Task ConnectAsync(SyncSource source, AgentSyncTarget target, string knownHosts, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(sshProgram)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in Arguments(target, knownHosts, keyFile))
        {
            start.ArgumentList.Add(argument);
        }

        using var ssh = Process.Start(start) ?? throw new IOException("ssh did not start.");
        var errors = ReadErrorsAsync(ssh);
        try
        {
            _trouble = null;
            await source.RunAsync(
                new ProcessStream(ssh.StandardOutput.BaseStream), new ProcessStream(ssh.StandardInput.BaseStream), cancellationToken);
        }
        catch (IOException lost) when (lost is not (SyncRefusedException or SyncFaultException or SyncProtocolException))
        {
            // The client's own words are the better reason, when it has ended.
            ssh.Kill();
            var words = await errors;
            throw words.Length == 0 ? lost : new IOException(words);
        }
        finally
        {
            ssh.Kill();
            await ssh.WaitForExitAsync(CancellationToken.None);
            await errors;
        }
    }

    private static async Task<string> ReadErrorsAsync(Process ssh)
    {
        var last = "";
        while (await ssh.StandardError.ReadLineAsync(CancellationToken.None) is { } line)
        {
            last = line.Length <= ErrorTextLimit ? line : line[..ErrorTextLimit];
        }

        return last;
    }
}
