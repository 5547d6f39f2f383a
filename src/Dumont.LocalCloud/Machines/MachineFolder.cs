using System.Globalization;
using System.Text;
using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Machines;

/// <summary>The process of a machine and the boot that it came from, as kept beside the machine's disk.</summary>
internal sealed record MachineProcess(int Pid, long StartTicks, int Boot)
{
    public ProcessIdentity Identity => new(Pid, StartTicks);
}

/// <summary>The files of one machine on this computer.</summary>
/// <remarks>
/// <code>
/// disk/        root file system; belongs to the machine
/// usr/ etc/ dpkg/   upper and work folders of its overlays; belong to the machine
/// disks/       data disks, seen as /mnt/disks; belong to the machine; there for machines that can have some
/// config/      what the cloud tells the machine, seen there read-only as /run/cloud
/// stage/       mount point, always empty here
/// console.log  output of boot, sshd and start script
/// process.json its process
/// mounts       folders of this computer that are seen inside
/// </code>
/// Nothing here writes into what belongs to the machine, save before its first boot: its root could have laid links there.
/// </remarks>
internal sealed class MachineFolder(string machinesFolder, string key)
{
    private static readonly string[] Breakable = ["no-sshd", "new-host-key"];

    // A machine that boots and an order that changes its keys may write them at once; each would take the other's half-written files for accounts.
    private static readonly Lock KeysGate = new();

    // One console is kept from boot to boot until it is this long.
    private const long ConsoleBytesMax = 1 << 20;

    public string Path { get; } = System.IO.Path.GetFullPath(System.IO.Path.Combine(machinesFolder, key));

    public string ConsoleLog => System.IO.Path.Combine(Path, "console.log");

    public bool HasBooted => File.Exists(System.IO.Path.Combine(Path, "made"));

    private string Config => System.IO.Path.Combine(Path, "config");

    private string ProcessFile => System.IO.Path.Combine(Path, "process.json");

    public MachineProcess? FindProcess() => JsonFile.Find<MachineProcess>(ProcessFile);

    /// <summary>A power cut ends the process itself, so the note of it need not outlast one.</summary>
    public void WriteProcess(MachineProcess process) => JsonFile.Write(ProcessFile, process, durable: false);

    public void ForgetProcess() => File.Delete(ProcessFile);

    /// <summary>Prepares everything that <c>boot.sh</c> and <c>init.sh</c> read.</summary>
    public void Write(MachineSpec spec, IEnumerable<(string Controller, string Folder)> controlGroups)
    {
        Directory.CreateDirectory(System.IO.Path.Combine(Path, "stage"));
        Directory.CreateDirectory(System.IO.Path.Combine(Config, "etc"));
        if (!HasBooted)
        {
            WritePrograms(spec);
        }

        if (File.Exists(ConsoleLog) && new FileInfo(ConsoleLog).Length > ConsoleBytesMax)
        {
            File.Delete(ConsoleLog);
        }

        foreach (var broken in Breakable)
        {
            File.Delete(System.IO.Path.Combine(Config, broken));
        }

        File.WriteAllLines(System.IO.Path.Combine(Path, "groups"), controlGroups.Select(group => $"{group.Controller}:{group.Folder}"));
        WriteMounts(spec.Mounts);
        Replace("init.sh", EmbeddedFile.Read("scripts/init.sh"));
        Replace("environment", string.Concat(spec.Environment.Select(variable => $"{variable.Key}={variable.Value}\0")), secret: true);
        Replace("start-script", spec.StartScript, secret: true);
        Replace("etc/hostname", spec.HostName + "\n");
        var others = string.Concat(spec.Hosts.Select(host => $"{host.Address}\t{host.Names}\n"));
        Replace("etc/hosts", $"127.0.0.1\tlocalhost\n{spec.Address}\t{spec.HostName}\n{others}::1\tlocalhost ip6-localhost ip6-loopback\n");
        Replace("etc/resolv.conf", File.Exists("/etc/resolv.conf") ? File.ReadAllText("/etc/resolv.conf") : "");
        Replace("etc/sshd_config", SshdConfiguration.Render(spec), secret: true);
        WriteKeys(spec.Keys);
        WriteGpus(spec.Gpus);
    }

    /// <summary>Prepares a machine that never boots: programs are run in it one at a time, over the folders given.</summary>
    public void WriteForCommands(IReadOnlyList<FolderMount> mounts)
    {
        Directory.CreateDirectory(System.IO.Path.Combine(Path, "stage"));
        Directory.CreateDirectory(Config);
        File.WriteAllText(System.IO.Path.Combine(Path, "groups"), "");
        WriteMounts(mounts);
    }

    /// <summary>Replaces the wanted keys of each account. A running machine applies them when it is told to.</summary>
    public void WriteKeys(IReadOnlyDictionary<string, IReadOnlyList<string>> keys)
    {
        var folder = System.IO.Path.Combine(Config, "keys");
        lock (KeysGate)
        {
            Directory.CreateDirectory(folder);
            foreach (var (user, lines) in keys)
            {
                Replace("keys/" + user, string.Concat(lines.Select(line => line + "\n")));
            }

            // An account without keys keeps an empty file, so that the keys it had are taken out.
            foreach (var file in Directory.EnumerateFiles(folder).Where(file => !keys.ContainsKey(System.IO.Path.GetFileName(file))))
            {
                File.WriteAllText(file, "");
            }
        }
    }

    /// <summary>Notes that something of the machine is to be broken until its next boot.</summary>
    public void Break(string what) => Replace(what, "");

    /// <summary>What <c>nvidia-smi</c> shows from now on.</summary>
    public void WriteGpus(IReadOnlyList<GpuReading> gpus) => Replace("gpus", string.Concat(gpus.Select(gpu => gpu.ToLine() + "\n")));

    /// <summary>The last lines of the console, at most 64 KiB of them.</summary>
    public string ReadConsole(long start, int bytesMax = 1 << 16)
    {
        if (!File.Exists(ConsoleLog))
        {
            return "";
        }

        using var file = new FileStream(ConsoleLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Seek(Math.Clamp(start, 0, file.Length), SeekOrigin.Begin);
        var buffer = new byte[Math.Min(bytesMax, file.Length - file.Position)];
        var read = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return Encoding.UTF8.GetString(buffer, 0, read);
    }

    public long ConsoleLength => File.Exists(ConsoleLog) ? new FileInfo(ConsoleLog).Length : 0;

    private void WriteMounts(IReadOnlyList<FolderMount> mounts) =>
        File.WriteAllText(System.IO.Path.Combine(Path, "mounts"), string.Concat(mounts.Select(mount => $"{mount.Folder}\0{mount.Path}\0")));

    private void WritePrograms(MachineSpec spec)
    {
        var programs = spec.Gpus.Count > 0 ? (string[])["bin/systemctl", "sbin/service", "bin/nvidia-smi"] : ["bin/systemctl", "sbin/service"];
        foreach (var program in programs)
        {
            var path = System.IO.Path.Combine(Path, "usr", "upper", program);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            File.WriteAllText(path, EmbeddedFile.Read("scripts/" + System.IO.Path.GetFileName(program)));
            File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32("755", 8));
        }
    }

    private void Replace(string name, string text, bool secret = false)
    {
        var path = System.IO.Path.Combine(Config, name);
        File.WriteAllText(path + ".new", text);
        if (secret)
        {
            File.SetUnixFileMode(path + ".new", UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        File.Move(path + ".new", path, overwrite: true);
    }
}

/// <summary>The main configuration of a machine's sshd; drop-ins are read first and win, as on Debian.</summary>
internal static class SshdConfiguration
{
    public static string Render(MachineSpec spec) => string.Create(CultureInfo.InvariantCulture, $"""
        Include /etc/ssh/sshd_config.d/*.conf
        ListenAddress {spec.Address}
        Port {spec.SshPort}
        HostKey /etc/ssh/ssh_host_ed25519_key
        PermitRootLogin {(spec.RootLogin ? "yes" : "no")}
        PubkeyAuthentication yes
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        UsePAM no
        StrictModes no
        UseDNS no
        PrintMotd no
        PidFile /run/sshd.pid
        MaxStartups 100
        MaxSessions 100
        AcceptEnv LANG LC_*
        Subsystem sftp /usr/lib/openssh/sftp-server
        {SetEnv(spec.Environment)}

        """);

    // One line: sshd takes the first SetEnv and ignores the rest. A value with a line break cannot be written there and reaches
    // the first process only.
    private static string SetEnv(IReadOnlyList<KeyValuePair<string, string>> environment)
    {
        var variables = environment
            .Where(variable => !variable.Value.Any(char.IsControl))
            .Select(variable => $"\"{variable.Key}={Escape(variable.Value)}\"");
        var line = string.Join(' ', variables);
        return line.Length == 0 ? "" : "SetEnv " + line;
    }

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
