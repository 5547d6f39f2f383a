using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Dumont.Server.Telemetry;

/// <summary>What Prometheus' own clients tell of a process, under the names that dashboards know.</summary>
internal sealed class ProcessMetrics : IDisposable
{
    private readonly Meter _meter = new("Dumont.Process");

    /// <summary>Starts to export.</summary>
    public ProcessMetrics()
    {
        _meter.CreateObservableCounter(
            "process_cpu_seconds_total", () => Of(process => process.TotalProcessorTime.TotalSeconds), description: "User and system CPU time.");
        _meter.CreateObservableGauge("process_resident_memory_bytes", () => Of(process => process.WorkingSet64), description: "Resident memory.");
        _meter.CreateObservableGauge("process_threads", () => Of(process => process.Threads.Count), description: "Threads.");
        _meter.CreateObservableGauge(
            "process_open_fds", () => (long)Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(), description: "Open file descriptors.");
        _meter.CreateObservableGauge(
            "process_start_time_seconds",
            () => Of(process => new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0),
            description: "Start, in seconds since 1970.");
    }

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();

    private static T Of<T>(Func<Process, T> read)
    {
        using var process = Process.GetCurrentProcess();
        return read(process);
    }
}
