using Dumont.Contracts;
using Dumont.Server.Instances;

namespace Dumont.Server.Standby;

/// <summary>Sums over failovers. Pure; a figure without data is null, never zero.</summary>
internal static class FailoverReport
{
    /// <summary>The report over <paramref name="failovers"/>.</summary>
    public static FailoverReportResponse Of(IReadOnlyList<Failover> failovers, int days, Func<Failover, FailoverResponse> toResponse)
    {
        var ended = failovers.Where(failover => failover.CompletedAt is not null).ToList();
        var successful = ended.Where(failover => failover.Phase == FailoverPhase.Complete).ToList();

        // Until users are served again, which is when the standby has taken over.
        var recoveries = successful.Select(TimeToServe).OfType<double>().ToList();
        double? mttr = recoveries.Count == 0 ? null : Math.Round(recoveries.Average(), 1);
        return new FailoverReportResponse(
            days,
            failovers.Count,
            successful.Count,
            ended.Count - successful.Count,
            ended.Count == 0 ? null : Math.Round(100.0 * successful.Count / ended.Count, 2),
            mttr,
            mttr is null ? null : Math.Round(mttr.Value / 1000, 3),
            ended.SelectMany(failover => failover.PhaseTimings())
                .GroupBy(timing => timing.Key)
                .ToDictionary(group => group.Key, group => Math.Round(group.Average(timing => timing.Value), 1)),
            successful.Count(failover => failover.DataRestored),
            failovers.Count(failover => failover.NewMachineId is not null),
            failovers.GroupBy(failover => failover.Reason).OrderByDescending(group => group.Count()).FirstOrDefault()?.Key,
            failovers.Select(toResponse).ToList());
    }

    private static double? TimeToServe(Failover failover) =>
        failover.ServedAt is { } served ? (served - failover.LastHeardAt).TotalMilliseconds : null;
}
