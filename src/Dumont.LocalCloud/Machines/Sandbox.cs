using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Dumont.LocalCloud.Machines;

/// <summary>Boots, stops and removes the processes and files of machines. Calls for one machine must not overlap.</summary>
internal sealed class Sandbox(string machinesFolder, string baseFolder, Isolation isolation, TimeProvider time)
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CommandLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(5);

    // Two local clouds on one computer number their machines alike.
    private readonly string _cloud = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(machinesFolder)).AsSpan(0, 4));

    public MachineFolder FolderOf(string key) => new(machinesFolder, key);

    /// <summary>Boots a machine and returns when its sshd answers.</summary>
    /// <exception cref="MachineException">It ended or kept silent; the message carries the end of its console.</exception>
    public async Task<ProcessIdentity> StartAsync(MachineSpec spec, int boot, CancellationToken cancellationToken)
    {
        var folder = FolderOf(spec.Key);
        var groups = isolation.IsRoot ? GroupsOf(spec.Key).Create(spec.Limits) : [];
        folder.Write(spec, groups);
        var consoleStart = folder.ConsoleLength;
        string[] words =
        [
            "/bin/sh", Path.Combine(baseFolder, "enter.sh"), folder.ConsoleLog, groups.Count.ToString(CultureInfo.InvariantCulture),
            .. groups.Select(group => Path.Combine(group.Folder, "cgroup.procs")),
            "setsid", .. isolation.UnshareCommand, "/bin/bash", Path.Combine(baseFolder, "boot.sh"),
            isolation.Mode, folder.Path, baseFolder, spec.HostName,
        ];

        using var process = ShellCommand.Start(words, redirect: false);
        var identity = ProcessIdentity.Find(process.Id)
            ?? throw new MachineException($"machine {spec.Key} ended at once: {Tail(folder, consoleStart)}");
        folder.WriteProcess(new MachineProcess(identity.Pid, identity.StartTicks, boot));

        var started = time.GetTimestamp();
        while (!await AnswersAsync(spec, cancellationToken))
        {
            if (!identity.IsAlive || time.GetElapsedTime(started) > BootLimit)
            {
                await KillAsync(spec.Key, cancellationToken);
                throw new MachineException($"machine {spec.Key} did not boot: {Tail(folder, consoleStart)}");
            }

            await Task.Delay(PollInterval, time, cancellationToken);
        }

        return identity;
    }

    /// <summary>Ends a machine in good order; what does not end within the limit is killed. The disk stays.</summary>
    public async Task StopAsync(string key, CancellationToken cancellationToken)
    {
        if (FolderOf(key).FindProcess()?.Identity is { IsAlive: true } outer)
        {
            outer.FindChild()?.Signal(ProcessIdentity.Terminate);
            var started = time.GetTimestamp();
            while (outer.IsAlive && time.GetElapsedTime(started) < StopLimit)
            {
                await Task.Delay(PollInterval, time, cancellationToken);
            }
        }

        await KillAsync(key, cancellationToken);
    }

    /// <summary>Ends every process of a machine at once. The kernel drops its mounts with them.</summary>
    public async Task KillAsync(string key, CancellationToken cancellationToken)
    {
        var folder = FolderOf(key);
        if (folder.FindProcess()?.Identity is { } outer)
        {
            // Without its init a process space has no processes; unshare ends when the last of them is gone.
            outer.FindChild()?.Signal(ProcessIdentity.Kill);
            var started = time.GetTimestamp();
            while (outer.IsAlive)
            {
                if (time.GetElapsedTime(started) > StopLimit)
                {
                    outer.Signal(ProcessIdentity.Kill);
                }

                await Task.Delay(PollInterval, time, cancellationToken);
                outer.FindChild()?.Signal(ProcessIdentity.Kill);
            }

            folder.ForgetProcess();
        }

        GroupsOf(key).Remove();
    }

    /// <summary>Ends a machine and deletes its files.</summary>
    public async Task RemoveAsync(string key, CancellationToken cancellationToken)
    {
        await KillAsync(key, cancellationToken);
        await RemoveFolderAsync(FolderOf(key).Path, cancellationToken);
    }

    /// <summary>Deletes the disk of a machine that does not run; its next boot makes a fresh one.</summary>
    public async Task WipeAsync(string key, CancellationToken cancellationToken)
    {
        var path = FolderOf(key).Path;
        string[] parts = ["disk", "usr", "etc", "dpkg", "made"];
        await ShellCommand.RunAsync(
            [.. isolation.OwnerCommand, "rm", "-rf", "--one-file-system", .. parts.Select(part => Path.Combine(path, part))], cancellationToken);
    }

    /// <summary>The first process of a running machine; null when it is not up.</summary>
    public ProcessIdentity? FindInit(string key) => FolderOf(key).FindProcess()?.Identity is { IsAlive: true } outer ? outer.FindChild() : null;

    /// <summary>Makes a running machine apply its keys anew.</summary>
    public void ApplyKeys(string key) => FolderOf(key).FindProcess()?.Identity.FindChild()?.Signal(ProcessIdentity.User1);

    /// <summary>Runs a program of the machine inside it, whether it runs or not. The words reach it as they are.</summary>
    public async Task<ShellCommand.Result> RunAsync(string key, IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        var folder = FolderOf(key);
        if (!folder.HasBooted)
        {
            return new ShellCommand.Result(1, "", "the machine has no disk yet\n");
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(CommandLimit);
        return await ShellCommand.RunAsync([.. CommandIn(key), .. words], limit.Token);
    }

    /// <summary>Makes programs runnable inside a machine, or over a folder in a machine made for it that ends with the room.</summary>
    /// <param name="key">The machine, or null.</param>
    /// <param name="mountedFolder">The folder, or null.</param>
    /// <param name="mountPath">Where that folder is seen.</param>
    /// <exception cref="MachineException">The machine has no disk yet.</exception>
    public Room Open(string? key, string? mountedFolder, string mountPath)
    {
        if (key is not null)
        {
            return FolderOf(key).HasBooted ? new Room(CommandIn(key), null) : throw new MachineException($"machine {key} has no disk yet");
        }

        var made = "room-" + Guid.NewGuid().ToString("N");
        FolderOf(made).WriteForCommands([new FolderMount(mountedFolder!, mountPath)]);
        return new Room(CommandIn(made), () => RemoveAsync(made, CancellationToken.None));
    }

    /// <summary>Deletes a folder whose files may belong to the accounts of machines.</summary>
    public async Task RemoveFolderAsync(string path, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path))
        {
            await ShellCommand.RunAsync([.. isolation.OwnerCommand, "rm", "-rf", "--one-file-system", path], cancellationToken);
        }
    }

    // A machine that does not run is entered over its disk alone.
    private IReadOnlyList<string> CommandIn(string key)
    {
        var folder = FolderOf(key);
        return folder.FindProcess()?.Identity is { IsAlive: true } outer && outer.FindChild() is { } init
            ? [.. isolation.EnterCommand(init), "setpriv", "--bounding-set=-all,+chown,+dac_override,+fowner,+sys_chroot", "chroot", "/m"]
            : [.. isolation.UnshareCommand, "/bin/bash", Path.Combine(baseFolder, "boot.sh"), isolation.Mode, folder.Path, baseFolder, key];
    }

    /// <summary>Breaks something of a running machine until its next boot.</summary>
    /// <param name="key">The machine.</param>
    /// <param name="what"><c>no-sshd</c> or <c>new-host-key</c>; <c>init.sh</c> knows them.</param>
    public void Break(string key, string what)
    {
        var folder = FolderOf(key);
        folder.Break(what);
        folder.FindProcess()?.Identity.FindChild()?.Signal(ProcessIdentity.User2);
    }

    /// <summary>Makes every write to a running machine's disk fail for want of space, until its next boot.</summary>
    public async Task<ShellCommand.Result> FillDiskAsync(string key, CancellationToken cancellationToken) =>
        FolderOf(key).FindProcess()?.Identity is { IsAlive: true } outer && outer.FindChild() is { } init
            ? await ShellCommand.RunAsync([.. isolation.EnterCommand(init), "/bin/sh", "-c", State.EmbeddedFile.Read("scripts/fill-disk.sh")], cancellationToken)
            : new ShellCommand.Result(1, "", "the machine is not up\n");

    private ControlGroups GroupsOf(string key) => new($"{_cloud}-{key}");

    private static async Task<bool> AnswersAsync(MachineSpec spec, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(spec.Address, spec.SshPort, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string Tail(MachineFolder folder, long consoleStart)
    {
        var text = folder.ReadConsole(consoleStart).Trim();
        return text.Length == 0 ? "its console is empty" : text[Math.Max(0, text.Length - 400)..].ReplaceLineEndings(" ");
    }
}

/// <summary>A place where programs can be run until it is given back.</summary>
/// <param name="Command">The words before those of a program.</param>
/// <param name="Close">Ends what was made for it, or null.</param>
internal sealed record Room(IReadOnlyList<string> Command, Func<Task>? Close) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        if (Close is not null)
        {
            await Close();
        }
    }
}
