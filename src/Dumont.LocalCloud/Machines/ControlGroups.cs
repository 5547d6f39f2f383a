using System.Globalization;

namespace Dumont.LocalCloud.Machines;

/// <summary>Memory, processor and process-count limits of one machine, in control groups of version 1 or 2 where they may be written.</summary>
/// <remarks>A plain user has no such groups; its machines run without limits.</remarks>
internal sealed class ControlGroups(string name)
{
    private const string Root = "/sys/fs/cgroup";
    private const int MaxProcesses = 4096;

    private static readonly string[] Controllers = ["memory", "cpu", "pids"];

    private static bool IsUnified => File.Exists(Path.Combine(Root, "cgroup.controllers"));

    /// <summary>Makes the groups and sets the limits. Returns (controller, folder) of each group made; controller is empty for version 2.</summary>
    public IReadOnlyList<(string Controller, string Folder)> Create(MachineLimits limits)
    {
        var made = new List<(string, string)>();
        foreach (var (controller, folder) in Folders())
        {
            try
            {
                Directory.CreateDirectory(folder);
                Limit(controller, folder, limits);
                made.Add((controller, folder));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // No right to limit is no reason not to run.
            }
        }

        return made;
    }

    /// <summary>Removes the groups; they are empty once the machine's processes have ended.</summary>
    public void Remove()
    {
        foreach (var (_, folder) in Folders())
        {
            try
            {
                Directory.Delete(folder);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Never made, or the kernel has not finished with it: an empty group costs nothing and is used again.
            }
        }
    }

    private IEnumerable<(string Controller, string Folder)> Folders()
    {
        if (IsUnified)
        {
            return [("", Path.Combine(Root, "dumont", name))];
        }

        return Controllers.Where(controller => Directory.Exists(Path.Combine(Root, controller)))
            .Select(controller => (controller, Path.Combine(Root, controller, "dumont", name)));
    }

    private static void Limit(string controller, string folder, MachineLimits limits)
    {
        var bytes = ((long)limits.MemoryMiB << 20).ToString(CultureInfo.InvariantCulture);
        var microseconds = ((long)(limits.Cpus * 100_000)).ToString(CultureInfo.InvariantCulture);
        var processes = MaxProcesses.ToString(CultureInfo.InvariantCulture);
        switch (controller)
        {
            case "memory":
                Write(folder, "memory.limit_in_bytes", bytes);
                break;
            case "cpu":
                Write(folder, "cpu.cfs_quota_us", microseconds);
                break;
            case "pids":
                Write(folder, "pids.max", processes);
                break;
            default:
                Write(Root, "cgroup.subtree_control", "+memory +cpu +pids");
                Write(Path.Combine(Root, "dumont"), "cgroup.subtree_control", "+memory +cpu +pids");
                Write(folder, "memory.max", bytes);
                Write(folder, "cpu.max", $"{microseconds} 100000");
                Write(folder, "pids.max", processes);
                break;
        }
    }

    private static void Write(string folder, string file, string value) => File.WriteAllText(Path.Combine(folder, file), value);
}
