using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.Scenarios.Harness;

/// <summary>What a remote script wrote, and how it ended. 255 is ssh's own: no connection, wrong host key, refused login.</summary>
internal sealed record SshResult(int ExitCode, string Output, string Error);

/// <summary>A user at a terminal: one key, one <c>known_hosts</c>, the system's ssh. A changed host key is an error, as it is for people.</summary>
internal sealed class Ssh(string folder)
{
    private const string Program = "/usr/bin/ssh";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _keyFile = Path.Combine(folder, "id_ed25519");
    private readonly string _knownHosts = Path.Combine(folder, "known_hosts");

    /// <summary>Why scenarios cannot run on this computer; null when they can.</summary>
    public static string? Missing { get; } =
        new[] { Program, "/usr/bin/ssh-keygen", "/usr/sbin/sshd" }.FirstOrDefault(program => !File.Exists(program)) is { } missing
            ? $"{missing} is missing; install openssh-client and openssh-server"
            : null;

    /// <summary>The line that goes into authorized_keys.</summary>
    public string PublicKey => File.ReadAllText(_keyFile + ".pub").Trim();

    public static async Task<Ssh> CreateAsync(string folder, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var ssh = new Ssh(folder);
        using var keygen = Process.Start("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "scenario", "-f", ssh._keyFile]);
        await keygen.WaitForExitAsync(cancellationToken);
        Assert.Equal(0, keygen.ExitCode);
        return ssh;
    }

    /// <summary>Notes the host key that the API names, once: what comes later must match it.</summary>
    public void Trust(JsonNode instance)
    {
        var line = $"{HostOf(instance)} {instance["ssh_host_key"]}\n";
        if (!File.Exists(_knownHosts) || !File.ReadAllText(_knownHosts).Contains(line, StringComparison.Ordinal))
        {
            File.AppendAllText(_knownHosts, line);
        }
    }

    /// <summary>Runs a script on the machine behind the instance's address.</summary>
    public async Task<SshResult> TryAsync(JsonNode instance, string script, CancellationToken cancellationToken, int connectSeconds = 20)
    {
        var start = new ProcessStartInfo(Program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] options =
        [
            "BatchMode=yes", "StrictHostKeyChecking=yes", $"UserKnownHostsFile={_knownHosts}", "IdentitiesOnly=yes", "IdentityAgent=none",
            $"ConnectTimeout={connectSeconds.ToString(CultureInfo.InvariantCulture)}", "ServerAliveInterval=2", "ServerAliveCountMax=3", "LogLevel=ERROR",
        ];
        string[] words = ["-F", "none", "-T", "-i", _keyFile, "-p", instance["ssh_port"]!.ToString(), .. options.SelectMany(option => new[] { "-o", option })];
        foreach (var word in (string[])[.. words, $"root@{instance["ssh_host"]}", "bash -s"])
        {
            start.ArgumentList.Add(word);
        }

        using var process = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await FeedAsync(process, script);
            await process.WaitForExitAsync(limit.Token);
            return new SshResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            process.Kill();
            return new SshResult(255, "", $"no end within {Limit.TotalSeconds:0} s");
        }
    }

    /// <summary>The same, and it must succeed; what it wrote, without the final newline.</summary>
    public async Task<string> RunAsync(JsonNode instance, string script, CancellationToken cancellationToken)
    {
        var result = await TryAsync(instance, "set -eu\n" + script, cancellationToken);
        return result.ExitCode == 0
            ? result.Output.TrimEnd('\n')
            : throw new InvalidOperationException($"ssh ended with {result.ExitCode}: {result.Error.Trim()}\n{result.Output}");
    }

    /// <summary>Tries until it succeeds.</summary>
    public Task<string> RunSoonAsync(JsonNode instance, string script, TimeSpan limit, CancellationToken cancellationToken)
    {
        var last = "";
        return Poll.UntilAsync<string>(
            "a login that succeeds",
            limit,
            async () =>
            {
                var result = await TryAsync(instance, "set -eu\n" + script, cancellationToken, connectSeconds: 2);
                last = result.Error;
                return result.ExitCode == 0 ? result.Output.TrimEnd('\n') : null;
            },
            cancellationToken,
            () => Task.FromResult(last));
    }

    private static string HostOf(JsonNode instance) => $"[{instance["ssh_host"]}]:{instance["ssh_port"]}";

    private static async Task FeedAsync(Process process, string script)
    {
        try
        {
            await process.StandardInput.WriteAsync(script + "\n");
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already; its exit code says why.
        }
    }
}
