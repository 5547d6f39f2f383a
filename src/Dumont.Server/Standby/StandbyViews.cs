using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;

namespace Dumont.Server.Standby;

/// <summary>Pairs as the API shows them.</summary>
internal sealed class StandbyViews(InstanceStore instances, AssociationStore associations, MachineStore machines, AgentHub hub)
{
    /// <summary>The user's pairs, orphans included.</summary>
    public async Task<IReadOnlyList<AssociationResponse>> ListAsync(UserId userId, CancellationToken cancellationToken)
    {
        var all = (await machines.ListOfUserAsync(userId, cancellationToken)).ToDictionary(machine => machine.Id);
        var paired = (await instances.ListOfUserAsync(userId, cancellationToken)).ToDictionary(instance => instance.Id);
        return (await associations.ListOfUserAsync(userId, cancellationToken))
            .Select(association => ToResponse(
                association, association.StandbyMachineId is { } id ? all.GetValueOrDefault(id) : null, paired.GetValueOrDefault(association.InstanceId)))
            .ToList();
    }

    /// <summary>The pair of one instance; null when the user has none, or has given it up.</summary>
    public async Task<AssociationResponse?> FindAsync(UserId userId, InstanceId id, CancellationToken cancellationToken)
    {
        if (await associations.FindAsync(id, cancellationToken) is not { Released: false } association || association.UserId != userId)
        {
            return null;
        }

        return ToResponse(
            association,
            association.StandbyMachineId is { } standby ? await machines.FindAsync(standby, cancellationToken) : null,
            await instances.FindAsync(id, cancellationToken));
    }

    /// <summary>What is written down is some seconds old; the writer's last report says how many there are now.</summary>
    private static long CountSyncs(Association association, AgentReport? writer) =>
        writer is { Sync: { } sync } && sync.Peer == association.StandbyMachineId && writer.BootId == association.Document.CountedBootId
            ? association.Document.SyncCountBefore + sync.RoundsCompleted
            : association.SyncCount;

    private AssociationResponse ToResponse(Association association, Machine? standby, Instance? instance)
    {
        var document = association.Document;
        var writer = instance?.WriterMachineId is { } machine ? hub.Find(machine) : null;
        return new AssociationResponse
        {
            GpuInstanceId = association.InstanceId,
            CpuStandby = new StandbyMachineResponse(
                standby?.ProviderMachineId?.Split('/')[^1],
                standby?.Document.Offer.Geolocation ?? document.Zone,
                standby?.Document.PublicIp,
                standby?.Document.Offer.Id.Split('/').ElementAtOrDefault(1),
                standby is null ? "none" : InstanceViews.Word(standby.Phase),
                standby is null or { IsSpent: true } ? 0 : standby.Document.UsdPerHour ?? standby.Document.Offer.UsdPerHour),
            SyncEnabled = association.SyncEnabled && document.State != AssociationState.Orphaned,
            GpuFailed = document.GpuFailed,
            FailureReason = document.FailureReason,
            FailedAt = document.FailedAt,
            State = InstanceViews.Word(document.State),
            SyncCount = CountSyncs(association, writer?.Report),
            LastSyncAt = writer?.Report.Sync?.LastSuccessAt ?? document.LastSyncAt,
            RpoSeconds = association.RpoSeconds(instance?.WriterMachineId, writer),
            Acknowledge = association.Released ? "async" : document.Promise switch
            {
                FlushPromise.None => "async",
                FlushPromise.Suspended => "suspended",
                FlushPromise.Renewing => "renewing",
                FlushPromise.InForce => "sync",
            },
            FailoverPhase = document.Phase is { } phase && association.FailoverActive ? InstanceViews.Word(phase) : null,
            FailoverId = document.FailoverId,
            CreatedAt = association.CreatedAt,
            HealthStatus = document.State switch
            {
                AssociationState.Ready => "healthy",
                AssociationState.Error or AssociationState.FailoverActive or AssociationState.Recovering => "degraded",
                _ => "unknown",
            },
            Message = association.RestsOnStandby && instance?.Desired == InstanceDesired.Paused
                ? "The instance pauses on its standby; a GPU is looked for when it is resumed."
                : document.Message,
        };
    }
}
