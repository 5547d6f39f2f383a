using System.Globalization;

namespace Dumont.LocalCloud.Machines;

/// <summary>Which processes of a machine stand still.</summary>
internal enum FreezeScope
{
    /// <summary>All of them: the host hangs, or is paused and moved.</summary>
    Machine,

    /// <summary>Those that hold its connections: nothing comes in or goes out, and what the user runs goes on. To the world it is a cable that was pulled.</summary>
    Network,

    /// <summary>The resident agent alone.</summary>
    Agent,
}

/// <summary>Stops the processes of a machine where they are (<c>SIGSTOP</c>) and lets them go on. Connections stay open and silent, and the kernel goes on accepting
/// new ones for them, as it does on a host that hangs.</summary>
internal static class Freezer
{
    private const string Agent = "dumont-agent";

    // As the kernel shows them; sshd has had one process a task since OpenSSH 9.8.
    private static readonly string[] Connected = [Agent, "ssh", "sshd", "sshd-session", "sshd-auth"];

    /// <summary>Stops them. Returns how many.</summary>
    public static int Freeze(ProcessIdentity init, FreezeScope scope) => Signal(init, ProcessIdentity.Stop, name => scope switch
    {
        FreezeScope.Machine => true,
        FreezeScope.Network => Connected.Contains(name),
        FreezeScope.Agent => name == Agent,
    });

    /// <summary>Lets all of them go on. Returns how many there are.</summary>
    public static int Thaw(ProcessIdentity init) => Signal(init, ProcessIdentity.Continue, _ => true);

    private static int Signal(ProcessIdentity init, int signal, Func<string, bool> isMeant)
    {
        var (space, count) = (SpaceOf(init.Pid), 0);
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                || space is null || SpaceOf(pid) != space || NameOf(folder) is not { } name || !isMeant(name))
            {
                continue;
            }

            ProcessIdentity.Find(pid)?.Signal(signal);
            count++;
        }

        return count;
    }

    // Every machine has a process space of its own; what belongs to it is what lives in that space.
    private static string? SpaceOf(int pid)
    {
        try
        {
            return new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/ns/pid")).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? NameOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "comm")).TrimEnd('\n');
        }
        catch (IOException)
        {
            return null;
        }
    }
}
