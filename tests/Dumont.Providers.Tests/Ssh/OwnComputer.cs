using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Dumont.Providers.Tests.Ssh;

/// <summary>A computer that somebody owns: an <c>sshd</c> on loopback in a process and mount space of its own, with a disk in a temporary folder. It can
/// lose its power, come back, and show another host key.</summary>
public sealed class OwnComputer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(10);

    private readonly string _root;
    private string? _forceCommand;
    private Process? _process;
    private int _logAtPowerOn;

    private OwnComputer(string root) => _root = root;

    /// <summary>Why there can be none here; null when there can.</summary>
    public static string? Missing { get; } =
        !Environment.IsPrivilegedProcess ? "an own machine needs root"
        : !File.Exists("/usr/sbin/sshd") ? "an own machine needs the package openssh-server"
        : Run("unshare", "--mount", "--pid", "--fork", "true").ExitCode != 0 ? "an own machine needs the right to make name spaces"
        : null;

    public string Host { get; } = "127.0.0.1";

    /// <summary>Of its own sshd.</summary>
    public int Port { get; } = FreePort();

    /// <summary>For instances.</summary>
    public int InstancePort { get; } = FreePort();

    /// <summary>Where claims lie; made by whoever claims.</summary>
    public string Folder => Path.Combine(_root, "claims");

    /// <summary>Public host key, <c>ssh-ed25519 AAAA…</c>.</summary>
    public string HostKey { get; private set; } = "";

    /// <summary>Private key that is let in, unless <see cref="Authorize"/> says otherwise.</summary>
    public string PrivateKey { get; private set; } = "";

    /// <summary>Whether a file of its disk, or a process, is left of what Dumont put there.</summary>
    public IReadOnlyList<string> Residue =>
    [
        .. Directory.Exists(Folder) ? Directory.GetFileSystemEntries(Folder, "*", SearchOption.TopDirectoryOnly).Append(Folder) : [],
        .. ProcessesNaming(Folder),
    ];

    /// <summary>What its sshd wrote.</summary>
    public string Log => File.ReadAllText(Path.Combine(_root, "log"));

    /// <summary>What its sshd wrote since it was started last.</summary>
    public string LogSincePowerOn => Log[_logAtPowerOn..];

    /// <summary><c>SHA256:…</c> of its host key.</summary>
    public string Fingerprint { get; private set; } = "";

    /// <summary>Starts a computer.</summary>
    /// <param name="gpu">Line that its <c>nvidia-smi</c> answers, <c>NVIDIA GeForce RTX 4090, 24564</c>; null for a computer without GPU.</param>
    /// <param name="forceCommand">What its sshd runs in place of what is asked; null for an honest one.</param>
    public static async Task<OwnComputer> StartAsync(string? gpu = null, string? forceCommand = null)
    {
        var computer = new OwnComputer(Directory.CreateTempSubdirectory("dumont-own-").FullName) { _forceCommand = forceCommand };
        computer.MakeKey("host_key");
        computer.MakeKey("user_key");
        computer.PrivateKey = await File.ReadAllTextAsync(Path.Combine(computer._root, "user_key"));
        computer.Authorize(computer.PublicKey("user_key"));
        if (gpu is not null)
        {
            var program = Path.Combine(Directory.CreateDirectory(Path.Combine(computer._root, "bin")).FullName, "nvidia-smi");
            await File.WriteAllTextAsync(program, $"#!/bin/sh\ncase \"$*\" in *--query-gpu=name*) echo '{gpu}' ;; *) echo '| CUDA Version: 12.4     |' ;; esac\n");
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        try
        {
            await computer.PowerOnAsync();
            return computer;
        }
        catch
        {
            await computer.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whose keys are let in as root.</summary>
    public void Authorize(string publicKey) => File.WriteAllText(Path.Combine(_root, "authorized_keys"), publicKey + "\n");

    /// <summary>Starts it.</summary>
    public async Task PowerOnAsync()
    {
        HostKey = PublicKey("host_key");
        Fingerprint = "SHA256:" + Convert.ToBase64String(SHA256.HashData(Convert.FromBase64String(HostKey.Split(' ')[1]))).TrimEnd('=');
        var log = Path.Combine(_root, "log");
        await File.AppendAllTextAsync(log, "");
        _logAtPowerOn = Log.Length;
        var config = Path.Combine(_root, "sshd_config");
        await File.WriteAllTextAsync(config, $"""
            ListenAddress {Host}
            Port {Port}
            HostKey {_root}/host_key
            AuthorizedKeysFile {_root}/authorized_keys
            PidFile none
            StrictModes no
            UsePAM no
            PermitRootLogin yes
            PasswordAuthentication no
            LogLevel VERBOSE
            {(_forceCommand is null ? "" : "ForceCommand " + _forceCommand)}
            SetEnv PATH={_root}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

            """);

        // Its own /run, as sshd wants a folder there; its own /proc, as it is to see its own processes alone; its own /root, as bash under sshd reads the
        // start-up file of whoever runs the tests, and that may do anything.
        var script = $"mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs run /run && mkdir -p /run/sshd && mount -t tmpfs root /root && exec /usr/sbin/sshd -D -e -f {config} 2>>{_root}/log";
        _process = Start("unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c", script);
        var begun = TimeProvider.System.GetTimestamp();
        while (!await AnswersAsync())
        {
            if (_process.HasExited || TimeProvider.System.GetElapsedTime(begun) > StartLimit)
            {
                Assert.Fail("The own computer does not start: " + Log);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    /// <summary>Its power goes: every process of it ends at once, those of instances too.</summary>
    public async Task PowerOffAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;

            // The kernel ends the rest of the process space on its own time; what still listens would answer in place of the next one.
            var begun = TimeProvider.System.GetTimestamp();
            while (await AnswersAsync() || ProcessesNaming(_root).Any())
            {
                if (TimeProvider.System.GetElapsedTime(begun) > StartLimit)
                {
                    throw new TimeoutException("The own computer does not go off: " + string.Join("; ", ProcessesNaming(_root)));
                }

                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
            }
        }
    }

    /// <summary>Somebody else answers at its address.</summary>
    public async Task SwapHostKeyAsync()
    {
        await PowerOffAsync();
        File.Delete(Path.Combine(_root, "host_key"));
        MakeKey("host_key");
        await PowerOnAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await PowerOffAsync();
        Directory.Delete(_root, recursive: true);
    }

    /// <summary>A port that nobody uses at this moment.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string PublicKey(string name) => string.Join(' ', File.ReadAllText(Path.Combine(_root, name + ".pub")).Split(' ').Take(2)).Trim();

    private void MakeKey(string name) => Assert.Equal(0, Run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", Path.Combine(_root, name)).ExitCode);

    private async Task<bool> AnswersAsync()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(Host, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static IEnumerable<string> ProcessesNaming(string folder) =>
        from entry in Directory.EnumerateDirectories("/proc")
        where int.TryParse(Path.GetFileName(entry), out _)
        let words = TryRead(Path.Combine(entry, "cmdline"))
        where words.Contains(folder, StringComparison.Ordinal)
        select words.Replace('\0', ' ');

    private static string TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static Process Run(params string[] words)
    {
        var process = Start(words);
        process.WaitForExit();
        return process;
    }

    private static Process Start(params string[] words)
    {
        var start = new ProcessStartInfo(words[0], words.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        return Process.Start(start)!;
    }
}
