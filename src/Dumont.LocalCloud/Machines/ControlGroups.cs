using System.Globalization;

namespace Dumont.LocalCloud.Machines;

/// <summary>Memory, processor and process-count limits of one machine, in control groups of version 1 or 2 where they may be written.</summary>
/// <param name="name">Of the groups.</param>
/// <param name="root">Where this computer shows them.</param>
/// <remarks>
/// A plain user has no such groups; its machines run without limits. So do those in a container that hands out no controllers: in
/// version 2 a group's controllers can be used below it only where it holds no process itself.
/// </remarks>
internal sealed class ControlGroups(string name, string root = "/sys/fs/cgroup")
{
    private const int MaxProcesses = 4096;

    private static readonly string[] Controllers = ["memory", "cpu", "pids"];

    private bool IsUnified => File.Exists(Path.Combine(root, "cgroup.controllers"));

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
            return [("", Path.Combine(root, "dumont", name))];
        }

        return Controllers.Where(controller => Directory.Exists(Path.Combine(root, controller)))
            .Select(controller => (controller, Path.Combine(root, controller, "dumont", name)));
    }

    private void Limit(string controller, string folder, MachineLimits limits)
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
                // One by one: a controller that is not to be had must not keep the others away.
                foreach (var wanted in Controllers)
                {
                    TryWrite(root, "cgroup.subtree_control", "+" + wanted);
                    TryWrite(Path.Combine(root, "dumont"), "cgroup.subtree_control", "+" + wanted);
                }

                TryWrite(folder, "memory.max", bytes);
                TryWrite(folder, "memory.swap.max", "0");
                TryWrite(folder, "cpu.max", $"{microseconds} 100000");
                TryWrite(folder, "pids.max", processes);
                break;
        }
    }

    private static void TryWrite(string folder, string file, string value)
    {
        try
        {
            Write(folder, file, value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Less limited is better than not running.
        }
    }

    private static void Write(string folder, string file, string value) => File.WriteAllText(Path.Combine(folder, file), value);
}
