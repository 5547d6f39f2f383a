using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Dumont.Contracts;

namespace Dumont.Agent.Machine;

/// <summary>Asks the GPU driver's <c>nvidia-smi</c> again and again in the background, so that a driver that takes its time never holds up a
/// heartbeat.</summary>
/// <param name="program">Name or path of <c>nvidia-smi</c>.</param>
/// <param name="options">Period and timeout.</param>
/// <param name="log">For a driver that fails.</param>
/// <param name="time">Clock.</param>
internal sealed class GpuPoller(string program, AgentOptions options, AgentLog log, TimeProvider time)
{
    private const string Query = "name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw";

    // Numbers behind the name.
    private const int Numbers = 5;

    private volatile IReadOnlyList<AgentGpu> _latest = [];

    /// <summary>As of the last good answer; empty without GPUs.</summary>
    public IReadOnlyList<AgentGpu> Latest => _latest;

    /// <summary>Asks until cancelled; ends at once on a machine without the program.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        string? lastTold = null;
        using var timer = new PeriodicTimer(options.GpuPeriod, time);
        do
        {
            try
            {
                _latest = Parse(await AskAsync(cancellationToken));
                lastTold = null;
            }
            catch (Win32Exception)
            {
                return;
            }
            catch (Exception failed) when (failed is IOException or TimeoutException)
            {
                if (failed.Message != lastTold)
                {
                    log.Warn("gpu.query_failed", ("reason", failed.Message));
                }

                lastTold = failed.Message;
                _latest = [];
            }
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
    }

    /// <summary>Reads the answer: one line a GPU. The name is all before the last five fields, so a comma in it does no harm.</summary>
    internal static IReadOnlyList<AgentGpu> Parse(string answer)
    {
        var gpus = new List<AgentGpu>();
        foreach (var line in answer.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var fields = line.Split(',', StringSplitOptions.TrimEntries);
            if (fields.Length <= Numbers)
            {
                continue;
            }

            var numbers = fields[^Numbers..].Select(Number).ToArray();
            var name = string.Join(", ", fields[..^Numbers]);
            gpus.Add(new AgentGpu(name, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]));
        }

        return gpus;
    }

    // "[N/A]", "[Not Supported]", "[Unknown Error]": not told.
    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    private async Task<string> AskAsync(CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add($"--query-gpu={Query}");
        start.ArgumentList.Add("--format=csv,noheader,nounits");
        using var process = Process.Start(start) ?? throw new IOException("nvidia-smi did not start.");
        try
        {
            var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
            var answer = await process.StandardOutput.ReadToEndAsync(CancellationToken.None).WaitAsync(options.GpuTimeout, time, cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 ? answer : throw new IOException($"nvidia-smi: {(await errors).Trim()} (exit {process.ExitCode})");
        }
        finally
        {
            process.Kill();
        }
    }
}
