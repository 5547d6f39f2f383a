using System.Globalization;

namespace Dumont.Agent.Machine;

/// <summary>Limits and usage of the control group that the machine is, when it is a container: version 1, version 2, or none.</summary>
/// <param name="procFolder"><c>/proc</c>.</param>
/// <param name="cgroupFolder"><c>/sys/fs/cgroup</c>.</param>
internal sealed class Cgroup(string procFolder, string cgroupFolder)
{
    // Version 1 says "no limit" with a huge number.
    private const long NoLimit = 1L << 60;

    /// <summary>Cores that may be used, when limited.</summary>
    public double? CpuLimit
    {
        get
        {
            if (Read("", "cpu.max")?.Split(' ') is [var quota, var period] && quota != "max")
            {
                return Number(quota) / (double?)Number(period);
            }

            return Number(Read("cpu", "cpu.cfs_quota_us")) is > 0 and var microseconds
                ? microseconds / (double?)Number(Read("cpu", "cpu.cfs_period_us"))
                : null;
        }
    }

    /// <summary>Processor time used so far.</summary>
    public TimeSpan? CpuUsage
    {
        get
        {
            if (Field(Read("", "cpu.stat"), "usage_usec") is { } microseconds)
            {
                return TimeSpan.FromMicroseconds(microseconds);
            }

            return Number(Read("cpuacct", "cpuacct.usage")) is { } nanoseconds ? TimeSpan.FromMicroseconds(nanoseconds / 1000) : null;
        }
    }

    /// <summary>Memory in use without the page cache that could be dropped, and its limit; null without a limit.</summary>
    public (long UsedBytes, long TotalBytes)? Memory
    {
        get
        {
            if (Number(Read("", "memory.max")) is { } limit && Number(Read("", "memory.current")) is { } current)
            {
                return (Math.Max(0, current - (Field(Read("", "memory.stat"), "inactive_file") ?? 0)), limit);
            }

            return Number(Read("memory", "memory.limit_in_bytes")) is > 0 and < NoLimit and var limit1 &&
                Number(Read("memory", "memory.usage_in_bytes")) is { } used
                ? (Math.Max(0, used - (Field(Read("memory", "memory.stat"), "total_inactive_file") ?? 0)), limit1)
                : null;
        }
    }

    // A container sees its own group at the root of the mount; a plain process finds it by the path in /proc/self/cgroup.
    private string? Read(string controller, string file)
    {
        var mount = Path.Combine(cgroupFolder, controller);
        return MachineFiles.Find(Path.Combine(mount, OwnPath(controller), file)) ?? MachineFiles.Find(Path.Combine(mount, file));
    }

    // Lines of "number:controllers:path"; version 2 has no controllers.
    private string OwnPath(string controller)
    {
        foreach (var line in (MachineFiles.Find(Path.Combine(procFolder, "self/cgroup")) ?? "").Split('\n'))
        {
            if (line.Split(':', 3) is [_, var controllers, var path] && controllers.Split(',').Contains(controller))
            {
                return path.TrimStart('/');
            }
        }

        return "";
    }

    private static long? Field(string? text, string name)
    {
        foreach (var line in (text ?? "").Split('\n'))
        {
            if (line.Split(' ') is [var key, var value] && key == name)
            {
                return Number(value);
            }
        }

        return null;
    }

    private static long? Number(string? text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}

/// <summary>Small files of the kernel that may be missing.</summary>
internal static class MachineFiles
{
    /// <summary>Trimmed text; null when it cannot be read.</summary>
    public static string? Find(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
