using Dumont.Contracts;
using Dumont.Server.Instances;

namespace Dumont.Server.Standby;

/// <summary>When a failover entered a phase.</summary>
internal sealed record FailoverMark(FailoverPhase Phase, DateTimeOffset At);

/// <summary>One failover from suspicion to the end, kept for the report.</summary>
internal sealed record Failover
{
    public required string Id { get; init; }

    public required InstanceId InstanceId { get; init; }

    public required UserId UserId { get; init; }

    public required string Reason { get; init; }

    /// <summary>When the writer was last heard of; detection is measured from here.</summary>
    public required DateTimeOffset LastHeardAt { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    public required FailoverPhase Phase { get; init; }

    public IReadOnlyList<FailoverMark> Timeline { get; init; } = [];

    public MachineId? LostMachineId { get; init; }

    public MachineId? NewMachineId { get; init; }

    /// <summary>What may be missing on the standby: see <see cref="Association.RpoSeconds"/>, when the writer was last heard of.</summary>
    public double? RpoSeconds { get; init; }

    /// <summary>Nothing could take over: the instance is brought back from a snapshot.</summary>
    public bool IsFromSnapshot { get; init; }

    /// <summary>Which one; null without.</summary>
    public string? SnapshotId { get; init; }

    public bool DataRestored { get; init; }

    public string? Error { get; init; }

    /// <summary>When the user was served again, by the standby or, from a snapshot, by the new machine; null when he has not been.</summary>
    public DateTimeOffset? ServedAt =>
        Timeline.FirstOrDefault(mark => mark.Phase == (IsFromSnapshot ? FailoverPhase.Complete : FailoverPhase.FailoverToCpu))?.At;

    /// <summary>From the last sign of life until then; null before.</summary>
    public double? RtoSeconds => ServedAt is { } served ? Math.Round((served - LastHeardAt).TotalSeconds, 3) : null;

    /// <summary>Enters <paramref name="phase"/> at <paramref name="now"/>.</summary>
    public Failover Enter(FailoverPhase phase, DateTimeOffset now) =>
        this with { Phase = phase, Timeline = [.. Timeline, new FailoverMark(phase, now)] };

    /// <summary>Milliseconds spent in each phase that has ended. Detection counts from the last sign of life; a phase entered twice adds up.</summary>
    public IReadOnlyDictionary<string, double> PhaseTimings()
    {
        var timings = new Dictionary<string, double>();
        for (var i = 0; i < Timeline.Count; i++)
        {
            var begin = i == 0 ? LastHeardAt : Timeline[i].At;
            if ((i + 1 < Timeline.Count ? Timeline[i + 1].At : CompletedAt) is { } end && Timeline[i].Phase is not (FailoverPhase.Complete or FailoverPhase.Failed))
            {
                var word = InstanceViews.Word(Timeline[i].Phase);
                timings[word] = Math.Round(timings.GetValueOrDefault(word) + (end - begin).TotalMilliseconds, 1);
            }
        }

        return timings;
    }
}
