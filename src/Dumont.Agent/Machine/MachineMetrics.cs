using System.Globalization;
using Dumont.Contracts;

namespace Dumont.Agent.Machine;

/// <summary>Measures the machine for a report: <c>/proc</c>, control group, file system, and what <see cref="GpuPoller"/> saw last.</summary>
internal sealed class MachineMetrics(string procFolder, Cgroup cgroup, ProcessTable processes, GpuPoller gpus, TimeProvider time)
{
    private readonly Lock _lock = new();
    private (long At, double BusySeconds)? _lastCpu;

    /// <summary>Now. CPU use is that since the last call.</summary>
    /// <param name="workspace">Whose file system is measured.</param>
    public AgentMetrics Measure(string workspace)
    {
        var cores = cgroup.CpuLimit ?? Environment.ProcessorCount;
        var memory = cgroup.Memory ?? HostMemory();
        var disk = Disk(workspace);
        var network = Network();
        return new AgentMetrics(
            CpuPercent(cores),
            cores,
            memory?.UsedBytes,
            memory?.TotalBytes,
            disk?.UsedBytes,
            disk?.TotalBytes,
            network?.Received,
            network?.Sent,
            SshSessions(),
            gpus.Latest);
    }

    private double? CpuPercent(double cores)
    {
        lock (_lock)
        {
            // A container without a limit of its own still has its own usage; the host's would be the neighbours' too.
            if ((cgroup.CpuLimit is null ? HostBusySeconds() : cgroup.CpuUsage?.TotalSeconds) is not { } busy)
            {
                return null;
            }

            var now = time.GetTimestamp();
            var last = _lastCpu;
            _lastCpu = (now, busy);
            return last is { } before && time.GetElapsedTime(before.At, now).TotalSeconds is > 0 and var elapsed
                ? Math.Clamp((busy - before.BusySeconds) / elapsed / cores * 100, 0, 100)
                : null;
        }
    }

    // cpu  user nice system idle iowait irq softirq steal …, in hundredths of a second over all cores.
    private double? HostBusySeconds()
    {
        const double TicksPerSecond = 100;
        var first = MachineFiles.Find(Path.Combine(procFolder, "stat"))?.Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (first is not ["cpu", _, _, _, _, _, _, _, ..])
        {
            return null;
        }

        var ticks = first[1..8].Select(static text => long.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        return (ticks.Sum() - ticks[3] - ticks[4]) / TicksPerSecond;
    }

    private (long UsedBytes, long TotalBytes)? HostMemory()
    {
        var text = MachineFiles.Find(Path.Combine(procFolder, "meminfo"));
        return KiB(text, "MemTotal:") is { } total && KiB(text, "MemAvailable:") is { } available
            ? ((total - available) * 1024, total * 1024)
            : null;
    }

    private static long? KiB(string? meminfo, string key)
    {
        foreach (var line in (meminfo ?? "").Split('\n'))
        {
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var name, var value, ..] && name == key)
            {
                return long.Parse(value, CultureInfo.InvariantCulture);
            }
        }

        return null;
    }

    private static (long UsedBytes, long TotalBytes)? Disk(string workspace)
    {
        try
        {
            var drive = new DriveInfo(workspace);
            return (drive.TotalSize - drive.TotalFreeSpace, drive.TotalSize);
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    // "  eth0: bytes packets errs drop fifo frame compressed multicast | bytes …": received is the first number, sent the ninth.
    private (long Received, long Sent)? Network()
    {
        if (MachineFiles.Find(Path.Combine(procFolder, "self/net/dev")) is not { } text)
        {
            return null;
        }

        var (received, sent) = (0L, 0L);
        foreach (var line in text.Split('\n'))
        {
            if (line.Split(':') is not [var name, var numbers] || name.Trim() == "lo" ||
                numbers.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not { Length: >= 9 } fields)
            {
                continue;
            }

            received += long.Parse(fields[0], CultureInfo.InvariantCulture);
            sent += long.Parse(fields[8], CultureInfo.InvariantCulture);
        }

        return (received, sent);
    }

    private int? SshSessions()
    {
        try
        {
            return SessionPolicy.CountSessions(processes.Read());
        }
        catch (IOException)
        {
            return null;
        }
    }
}
