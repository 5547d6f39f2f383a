using System.Globalization;
using System.Text;

namespace Dumont.Agent.Machine;

/// <summary>What <c>/proc</c> says about one process.</summary>
/// <param name="Id">Process id.</param>
/// <param name="ParentId">Parent's id; 0 for the first and for the kernel's own.</param>
/// <param name="Name">Short name, at most 15 bytes.</param>
/// <param name="Arguments">Command line; empty for kernel threads and zombies. Programs such as <c>sshd</c> write their state here.</param>
/// <param name="IsKernel">A thread of the kernel.</param>
/// <param name="IsForeign">Seen from here but of another machine or container: other mounts in the same process namespace.</param>
/// <param name="IsManaged">Started by the server for its own work.</param>
/// <param name="SystemUnit">Its systemd unit under <c>system.slice</c>; null without one.</param>
internal sealed record ProcessFact(
    int Id, int ParentId, string Name, IReadOnlyList<string> Arguments, bool IsKernel, bool IsForeign, bool IsManaged, string? SystemUnit);

/// <summary>Reads all processes of the machine.</summary>
/// <param name="procFolder"><c>/proc</c>.</param>
internal sealed class ProcessTable(string procFolder)
{
    /// <summary>Variable that the server sets for commands it runs over SSH, so that they count neither as a user's session nor as user
    /// processes: <c>DUMONT_MANAGED=1</c>.</summary>
    public const string ManagedMark = "DUMONT_MANAGED=1";

    // PF_KTHREAD of include/linux/sched.h. The number of kthreadd, 2, tells nothing: in a container it is anybody's.
    private const uint KernelThreadFlag = 0x00200000;

    /// <summary>As it is now; processes that end meanwhile are left out.</summary>
    public IReadOnlyList<ProcessFact> Read()
    {
        var own = Namespaces("self");
        var processes = new List<ProcessFact>();
        foreach (var folder in Directory.EnumerateDirectories(procFolder))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) &&
                Find(id, own) is { } process)
            {
                processes.Add(process);
            }
        }

        return processes;
    }

    private ProcessFact? Find(int id, (string? Process, string? Mount) own)
    {
        var name = id.ToString(CultureInfo.InvariantCulture);
        try
        {
            var folder = Path.Combine(procFolder, name);
            if (ParseStat(File.ReadAllText(Path.Combine(folder, "stat"))) is not var (comm, state, parent, flags) || state is 'Z' or 'X')
            {
                return null;
            }

            var (process, mount) = Namespaces(name);
            return new ProcessFact(
                id,
                parent,
                comm,
                File.ReadAllText(Path.Combine(folder, "cmdline")).TrimEnd('\0').Split('\0'),
                IsKernel: (flags & KernelThreadFlag) != 0,
                IsForeign: process == own.Process && mount is not null && mount != own.Mount,
                IsManaged: ReadText(Path.Combine(folder, "environ")).Split('\0').Contains(ManagedMark),
                SystemUnit: UnitOf(ReadText(Path.Combine(folder, "cgroup"))));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // pid (name) state ppid group session terminal foreground flags …; the name may hold anything, even parentheses.
    internal static (string Name, char State, int Parent, uint Flags)? ParseStat(string stat)
    {
        var open = stat.IndexOf('(', StringComparison.Ordinal);
        var close = stat.LastIndexOf(')');
        if (open < 0 || close < open)
        {
            return null;
        }

        var rest = stat[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return rest.Length > 6 && int.TryParse(rest[1], NumberStyles.None, CultureInfo.InvariantCulture, out var parent) &&
            uint.TryParse(rest[6], NumberStyles.None, CultureInfo.InvariantCulture, out var flags)
            ? (stat[(open + 1)..close], rest[0][0], parent, flags)
            : null;
    }

    internal static string? UnitOf(string cgroup)
    {
        const string Slice = "/system.slice/";
        foreach (var line in cgroup.Split('\n'))
        {
            if (line.IndexOf(Slice, StringComparison.Ordinal) is >= 0 and var start)
            {
                return line[(start + Slice.Length)..].Split('/')[0];
            }
        }

        return null;
    }

    private (string? Process, string? Mount) Namespaces(string process)
    {
        var folder = Path.Combine(procFolder, process, "ns");
        return (ReadNamespace(Path.Combine(folder, "pid")), ReadNamespace(Path.Combine(folder, "mnt")));
    }

    private static string? ReadNamespace(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string ReadText(string path)
    {
        try
        {
            return Encoding.Latin1.GetString(File.ReadAllBytes(path));
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
