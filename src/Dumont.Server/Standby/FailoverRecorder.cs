using System.Data.Common;
using System.Diagnostics.Metrics;
using Dumont.Server.Instances;

namespace Dumont.Server.Standby;

/// <summary>Opens and closes the records of failovers, and counts them.</summary>
internal sealed class FailoverRecorder(FailoverStore store)
{
    private static readonly Meter Meter = new("Dumont.Standby");
    private static readonly Counter<long> Failovers = Meter.CreateCounter<long>("dumont.failovers");

    /// <summary>A new record. Detection began with the last sign of life and ended at <paramref name="confirmedAt"/>.</summary>
    public static Failover Begin(StandbyView view, string reason, DateTimeOffset suspectedAt, DateTimeOffset confirmedAt)
    {
        var writer = view.Writer!;
        return new Failover
        {
            Id = $"fo-{Guid.CreateVersion7(confirmedAt):N}",
            InstanceId = view.Instance.Id,
            UserId = view.Instance.UserId,
            Reason = reason,
            LastHeardAt = writer.Sighting?.LastSeenAt ?? suspectedAt,
            StartedAt = confirmedAt,
            Phase = FailoverPhase.GpuLost,
            Timeline = [new FailoverMark(FailoverPhase.Detecting, suspectedAt), new FailoverMark(FailoverPhase.GpuLost, confirmedAt)],
            LostMachineId = writer.Machine.Id,
            RpoSeconds = view.Association.RpoSeconds(writer.Machine.Id, writer.Sighting),
        };
    }

    /// <summary>The running failover of an association; null when there is none.</summary>
    public async Task<Failover?> FindAsync(string? id, CancellationToken cancellationToken) =>
        id is null ? null : await store.FindAsync(id, cancellationToken);

    /// <summary>Closes a record in the caller's transaction.</summary>
    public static async Task EndAsync(DbTransaction transaction, Failover? failover, FailoverPhase phase, string? error, DateTimeOffset now)
    {
        if (failover is null)
        {
            return;
        }

        await FailoverStore.SaveAsync(
            transaction, failover.Enter(phase, now) with { CompletedAt = now, DataRestored = phase == FailoverPhase.Complete, Error = error });
        Failovers.Add(
            1, new("reason", failover.Reason), new("outcome", InstanceViews.Word(phase)), new("strategy", failover.IsFromSnapshot ? "cold_recovery" : "cpu_standby"));
    }
}
