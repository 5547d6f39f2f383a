using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Dumont.Simulation.Bugs;
using Dumont.Simulation.Faults;
using Dumont.Simulation.Server;

namespace Dumont.Simulation;

/// <summary>Many runs, one after the other on each core, and what they have covered.</summary>
internal sealed class Campaign
{
    private readonly IReadOnlyList<Outcome> _outcomes;
    private readonly TimeSpan _took;
    private readonly TimeSpan _cpu;
    private readonly HashSet<string> _faults;
    private readonly HashSet<KillPoint> _kills;

    private Campaign(IReadOnlyList<Outcome> outcomes, TimeSpan took, TimeSpan cpu)
    {
        (_outcomes, _took, _cpu) = (outcomes, took, cpu);
        _faults = [.. outcomes.SelectMany(outcome => outcome.Faults)];
        _kills = [.. outcomes.SelectMany(outcome => outcome.Kills)];
    }

    /// <summary>Runs that broke an invariant, by seed.</summary>
    public IEnumerable<Outcome> Violations => _outcomes.Where(outcome => outcome.Violation is not null);

    /// <summary>Share of fault kinds and kill points that struck at least once.</summary>
    public double Coverage => (double)(_faults.Count + _kills.Count) / (FaultTable.Rows.Count + KillPointTable.Rows.Count);

    /// <summary>Runs <paramref name="count"/> seeds; ends early after so many violations. Several runs at a time, each on one thread.</summary>
    public static Campaign Run(int first, int count, int violationsMax, bool isHeavy = false, Bug? bug = null)
    {
        var started = TimeProvider.System.GetTimestamp();
        var cpu = Environment.CpuUsage.TotalTime;
        var outcomes = new ConcurrentBag<Outcome>();
        var (next, violations) = (first - 1, 0);
        Parallel.For(0, Environment.ProcessorCount, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, _ =>
        {
            using var bench = Workbench.Open();
            while (Volatile.Read(ref violations) < violationsMax && Interlocked.Increment(ref next) is var seed && seed < first + count)
            {
                var outcome = Simulation.Run(seed, isHeavy, bench, bug);
                outcomes.Add(outcome with { Tail = outcome.Violation is null ? "" : outcome.Tail });
                if (outcome.Violation is not null)
                {
                    Interlocked.Increment(ref violations);
                }
            }
        });
        return new Campaign([.. outcomes.OrderBy(outcome => outcome.Seed)], TimeProvider.System.GetElapsedTime(started), Environment.CpuUsage.TotalTime - cpu);
    }

    /// <summary>Figures, and the rows that never fired.</summary>
    public string Report()
    {
        var text = new StringBuilder();
        text.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{_outcomes.Count} runs, {Violations.Count()} violations, " +
            $"in {_took.TotalSeconds:0.0} s; {_cpu.TotalMilliseconds / _outcomes.Count:0.00} ms of a core each"));
        text.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"on average {_outcomes.Average(each => each.Virtual.TotalSeconds):0} s virtual, {_outcomes.Average(each => each.Steps):0} steps; " +
            $"{_outcomes.Sum(each => each.Kills.Count)} kills at points"));
        text.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"fault kinds {_faults.Count}/{FaultTable.Rows.Count}, kill points {_kills.Count}/{KillPointTable.Rows.Count}: {100 * Coverage:0.0} %"));
        foreach (var fault in FaultTable.Rows.Where(fault => !_faults.Contains(fault.Name)))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"never fired: {fault.Name}");
        }

        foreach (var point in KillPointTable.Rows.Where(point => !_kills.Contains(point)))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"never fired: {point}");
        }

        return text.ToString();
    }
}
