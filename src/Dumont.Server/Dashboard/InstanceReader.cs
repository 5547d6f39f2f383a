using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Web.Shell;
using Dumont.Server.Standby;

namespace Dumont.Server.Dashboard;

/// <summary>Reads what the page of one instance shows, from the features that own it.</summary>
internal sealed class InstanceReader(
    InstanceViews instances,
    InstanceStore store,
    MachineStore machines,
    StandbyViews standbys,
    FailoverStore failovers,
    AgentHub agents,
    FailoverSettings settings,
    IColdRecovery recovery,
    EventStore events,
    Quotes quotes,
    TimeProvider time)
{
    private const int EventsShown = 30;

    /// <summary>The instance, with its events told in the language of <paramref name="ui"/>; null when the user has none of that id.</summary>
    public async Task<InstanceModel?> FindAsync(UserId user, InstanceId id, Ui ui, CancellationToken cancellationToken)
    {
        if (await instances.FindAsync(user, id, cancellationToken) is not { } instance
            || await store.FindOfUserAsync(user, id, cancellationToken) is not { } record)
        {
            return null;
        }

        var now = time.GetUtcNow();
        var sighting = record.WriterMachineId is { } writer ? agents.Find(writer) : null;
        var pair = await standbys.FindAsync(user, id, cancellationToken);
        var failover = await failovers.FindLastAsync(user, id, cancellationToken);
        return new InstanceModel(
            instance,
            pair,
            failover is null ? null : FailoverEndpoints.ToResponse(failover, now),
            sighting?.Report.Metrics,
            sighting?.LastSeenAt,
            CostAtMost(await machines.ListAsync(id, cancellationToken), now),
            FailoverControlEndpoints.ToResponse(await recovery.FindAsync(record, await settings.GetAsync(user, id, cancellationToken), cancellationToken)),
            pair is null ? quotes.LastStandbyUsdPerHour(user) : null,
            [.. (await events.ListAsync(user, id, 0, EventsShown, cancellationToken)).Select(each => EventTexts.ToResponse(ui, each))],
            now);
    }

    // A machine that the provider never confirmed has cost nothing.
    private static decimal CostAtMost(IReadOnlyList<Machine> all, DateTimeOffset now) =>
        all.Where(machine => machine.ProviderMachineId is not null).Sum(machine =>
        {
            var until = machine.IsFinal ? machine.Document.PhaseSince : now;
            var hours = (decimal)Math.Max(0, (until - machine.CreatedAt).TotalHours);
            return hours * (machine.Document.UsdPerHour ?? machine.Document.Offer.UsdPerHour);
        });
}
