using System.Diagnostics;

namespace Dumont.LocalCloud.Machines;

/// <summary>How machines are kept apart on this computer: as root, or as a plain user with subordinate ids.</summary>
/// <param name="Mode">First argument of <c>boot.sh</c>: <c>root</c> or <c>user</c>.</param>
internal sealed record Isolation(string Mode)
{
    private static readonly string[] Programs = ["unshare", "nsenter", "setpriv", "setsid", "mount", "umount", "pivot_root", "sshd", "ssh-keygen"];
    private static readonly string[] Folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

    public bool IsRoot => Mode == "root";

    /// <summary>The words that put a command into new name spaces of its own.</summary>
    public IReadOnlyList<string> UnshareCommand =>
    [
        "unshare",
        .. IsRoot ? Array.Empty<string>() : ["--user", "--map-root-user", "--map-auto"],
        "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child",
    ];

    /// <summary>The words that let a command touch files that belong to a machine's accounts.</summary>
    public IReadOnlyList<string> OwnerCommand => IsRoot ? [] : ["unshare", "--user", "--map-root-user", "--map-auto"];

    /// <summary>The words that bring a command beside a running machine's init, still on the pristine programs of the stage.</summary>
    public IReadOnlyList<string> EnterCommand(ProcessIdentity init) =>
    [
        "nsenter", "--target", init.Pid.ToString(System.Globalization.CultureInfo.InvariantCulture),
        .. IsRoot ? Array.Empty<string>() : ["--user", "--preserve-credentials"],
        "--mount", "--pid", "--ipc", "--uts", "--cgroup",
    ];

    /// <summary>What this computer offers.</summary>
    /// <exception cref="MachineException">Machines cannot be made here; the message says what to install or allow.</exception>
    public static async Task<Isolation> DetectAsync(CancellationToken cancellationToken)
    {
        var missing = Programs.Where(program => !Folders.Any(folder => File.Exists(Path.Combine(folder, program)))).ToArray();
        if (missing.Length > 0)
        {
            throw new MachineException(
                $"machines need {string.Join(", ", missing)}; install the packages util-linux and openssh-server (they need not run)");
        }

        if (new DirectoryInfo("/bin").LinkTarget is null)
        {
            throw new MachineException("machines need a system whose /bin is a link into /usr (Debian 12 and later, Ubuntu 20.04 and later)");
        }

        var isolation = new Isolation(Environment.IsPrivilegedProcess ? "root" : "user");
        var words = isolation.IsRoot ? ["unshare", "--mount", "--pid", "--fork", "true"] : (string[])[.. isolation.UnshareCommand, "true"];
        var probe = await ShellCommand.RunAsync(words, cancellationToken);
        if (probe.ExitCode == 0)
        {
            return isolation;
        }

        throw new MachineException(isolation.IsRoot
            ? $"machines need the right to make name spaces, which this container or system withholds: {probe.Error.Trim()}"
            : "machines of a plain user need subordinate ids: install the package uidmap and give this user a range, for example with "
              + $"'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {Environment.UserName}' (tried: {probe.Error.Trim()})");
    }
}

/// <summary>A short program run to its end. Arguments are words; no shell is involved.</summary>
internal static class ShellCommand
{
    public sealed record Result(int ExitCode, string Output, string Error);

    public static async Task<Result> RunAsync(IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        using var process = Start(words, redirect: true);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return new Result(process.ExitCode, await output, await error);
    }

    /// <summary>Starts a program with an environment that holds nothing of ours but a search path.</summary>
    public static Process Start(IReadOnlyList<string> words, bool redirect)
    {
        var start = new ProcessStartInfo(words[0], words.Skip(1))
        {
            RedirectStandardInput = redirect,
            RedirectStandardOutput = redirect,
            RedirectStandardError = redirect,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["LANG"] = "C.UTF-8";
        return Process.Start(start) ?? throw new MachineException($"cannot start {words[0]}");
    }
}
