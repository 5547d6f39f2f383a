using System.Formats.Tar;
using System.Text;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Platform;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Machines;

/// <summary>Turns a machine whose sshd answers into one of ours: host key, authorised keys, agent. One SSH connection carries a tar of files and runs the
/// script among them. Repeating it changes nothing.</summary>
internal sealed class MachinePreparer(ServerIdentity identity, InstanceKeyStore keys, ISshClient ssh, IOptions<ServerOptions> options)
{
    /// <summary>Folder on the machine, and how the script in it is run. A constant: nothing of the user's is in it. The variable tells an agent that is
    /// ending user processes that this one is ours.</summary>
    private const string Command =
        "export DUMONT_MANAGED=1; umask 077 && mkdir -p /opt/dumont && tar -x -f - -C /opt/dumont --no-same-owner && exec sh /opt/dumont/prepare.sh";

    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Program = Private | UnixFileMode.UserExecute;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(40);

    /// <summary>Prepares the machine.</summary>
    /// <exception cref="SshException">It could not be reached, showed a host key that is neither the pinned nor the instance's, or the script failed.</exception>
    public async Task PrepareAsync(Machine machine, CancellationToken cancellationToken)
    {
        var endpoint = machine.Ssh ?? throw new SshException("The machine has no SSH address.");
        var agentFile = options.Value.AgentFile ?? throw new SshException("Server:AgentFile is not set; machines cannot be prepared.");
        var instanceKeys = await keys.EnsureAsync(machine.InstanceId, cancellationToken);
        string[] hostKeys = machine.Document.BootHostKey is { } bootKey ? [instanceKeys.Host.PublicKey, bootKey] : [instanceKeys.Host.PublicKey];
        await ssh.RunAsync(
            endpoint,
            hostKeys,
            Command,
            stream => WriteTarAsync(stream, machine, instanceKeys, agentFile, cancellationToken),
            Timeout,
            cancellationToken);
    }

    private async Task WriteTarAsync(Stream stream, Machine machine, InstanceKeys instanceKeys, string agentFile, CancellationToken cancellationToken)
    {
        var config = new AgentConfig(
            options.Value.AgentServerUrl,
            machine.Id,
            identity.MachineToken(machine.Tag),
            "/var/lib/dumont",
            "/opt/dumont/sync_key",
            TimeSpan.FromSeconds(1));

        // The sync key may do one thing only: feed the agent's sink.
        var serverKeys = $"""
            {identity.ManagementPublicKey}
            restrict,command="/opt/dumont/dumont-agent sink --config /opt/dumont/agent.json" {instanceKeys.Sync.PublicKey}

            """;
        await using var tar = new TarWriter(stream, TarEntryFormat.Ustar, leaveOpen: true);
        await AddAsync("prepare.sh", Script.Value, Program);
        await AddAsync("agent.json", JsonSerializer.Serialize(config, AgentLinkJson.Default.AgentConfig), Private);
        await AddAsync("host_key", instanceKeys.Host.PrivateKey, Private);
        await AddAsync("host_key.pub", instanceKeys.Host.PublicKey + "\n", Private);
        await AddAsync("sync_key", instanceKeys.Sync.PrivateKey, Private);
        await AddAsync("server_keys", serverKeys, Private);
        await using var agent = File.OpenRead(agentFile);
        await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, "dumont-agent") { DataStream = agent, Mode = Program }, cancellationToken);

        async Task AddAsync(string name, string content, UnixFileMode mode) =>
            await tar.WriteEntryAsync(
                new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)), Mode = mode },
                cancellationToken);
    }

    private static readonly Lazy<string> Script = new(() =>
    {
        using var reader = new StreamReader(typeof(MachinePreparer).Assembly.GetManifestResourceStream("prepare.sh")!);
        return reader.ReadToEnd();
    });
}
