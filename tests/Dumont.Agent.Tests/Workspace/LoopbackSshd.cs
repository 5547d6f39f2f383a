using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Workspace;

/// <summary>The real <c>sshd</c> on a port of its own, with own keys, whose only client key is forced to <c>dumont-agent sink</c>.</summary>
internal sealed class LoopbackSshd : IAsyncDisposable
{
    private const string Program = "/usr/sbin/sshd";

    private readonly TempFolder _folder = new();
    private readonly Process _process;

    private LoopbackSshd(string followerState)
    {
        HostKey = MakeKey("host_key");
        var clientKey = MakeKey("client_key");
        var config = new AgentConfig("http://127.0.0.1:9", new MachineId(2), "none", followerState, "/nowhere", TimeSpan.FromSeconds(1));
        File.WriteAllText(_folder.File("agent.json"), JsonSerializer.Serialize(config, AgentLinkJson.Default.AgentConfig));
        File.WriteAllText(
            _folder.File("authorized_keys"),
            $"restrict,command=\"{AgentProgram.CommandLine} sink --config {_folder.File("agent.json")}\" {clientKey}\n");
        Port = FreePort();
        Directory.CreateDirectory("/run/sshd");
        _process = Process.Start(new ProcessStartInfo(Program, Arguments()) { RedirectStandardError = true })!;
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
    }

    public int Port { get; }

    public string HostKey { get; }

    public string ClientKeyFile => _folder.File("client_key");

    public AgentSyncTarget Target => new("127.0.0.1", Port, HostKey, new MachineId(2));

    /// <summary>Skips the test where there is no <c>sshd</c> or no root to log in as.</summary>
    public static async Task<LoopbackSshd> StartAsync(string followerState)
    {
        Assert.SkipUnless(File.Exists(Program), "openssh-server is not installed.");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "The agent logs in as root.");
        var server = new LoopbackSshd(followerState);
        await Eventually.TrueAsync(() => CanConnect(server.Port), "sshd listens");
        return server;
    }

    /// <summary>Ends every session, as a lost network does; the server goes on listening.</summary>
    public void KillSessions()
    {
        foreach (var child in Directory.EnumerateDirectories("/proc").Where(IsChild))
        {
            using var session = Process.GetProcessById(int.Parse(Path.GetFileName(child), System.Globalization.CultureInfo.InvariantCulture));
            session.Kill();
        }
    }

    public async ValueTask DisposeAsync()
    {
        KillSessions();
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        _folder.Dispose();
    }

    private bool IsChild(string folder)
    {
        try
        {
            return int.TryParse(Path.GetFileName(folder), out _) &&
                Dumont.Agent.Machine.ProcessTable.ParseStat(File.ReadAllText(Path.Combine(folder, "stat"))) is { } stat && stat.Parent == _process.Id;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private List<string> Arguments()
    {
        List<string> arguments = ["-D", "-e", "-f", "/dev/null", "-h", _folder.File("host_key"), "-p", $"{Port}"];
        foreach (var option in new[]
        {
            "ListenAddress=127.0.0.1", "UsePAM=no", "StrictModes=no", "PidFile=none", "PermitRootLogin=yes", "LogLevel=ERROR",
            $"AuthorizedKeysFile={_folder.File("authorized_keys")}",
        })
        {
            arguments.AddRange(["-o", option]);
        }

        return arguments;
    }

    private string MakeKey(string name)
    {
        using var keygen = Process.Start("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", _folder.File(name)]);
        keygen.WaitForExit();
        return File.ReadAllText(_folder.File(name + ".pub")).Trim();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool CanConnect(int port)
    {
        try
        {
            using var client = new TcpClient("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

/// <summary>How to start the agent as a process of its own from its build.</summary>
internal static class AgentProgram
{
    private static readonly string Dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));

    public static IReadOnlyList<string> Command { get; } = [Dotnet, Path.Combine(AppContext.BaseDirectory, "dumont-agent.dll")];

    public static string CommandLine => string.Join(' ', Command);
}
