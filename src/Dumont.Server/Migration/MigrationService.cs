using System.Data.Common;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Migration;

/// <summary>Takes the wish to move: checks what can be checked at once, says what it will take, and records it.</summary>
internal sealed class MigrationService(
    InstanceStore instances,
    AssociationStore associations,
    MigrationStore migrations,
    MachineStore machines,
    MigrationPlacement placement,
    CreditCache credit,
    AgentHub hub,
    EventStore events,
    WorkQueue queue)
{
    /// <summary>Of a provider whose machines nobody has seen boot here.</summary>
    private static readonly TimeSpan AssumedBootTime = TimeSpan.FromSeconds(60);

    /// <summary>What moving would be. Changes nothing.</summary>
    /// <returns>The estimate, or why none can be made.</returns>
    public async Task<(MigrationEstimateResponse? Estimate, Problem? Problem)> EstimateAsync(
        UserId user, InstanceId id, MigrateRequest request, CancellationToken cancellationToken)
    {
        var (asked, problem) = await ReadAsync(user, id, request, cancellationToken);
        return asked is null ? (null, problem) : (asked.Estimate, null);
    }

    /// <summary>Records the wish to move.</summary>
    /// <returns>The number of the migration and what to expect, or why there is none.</returns>
    public async Task<(long? Id, MigrationEstimateResponse? Estimate, Problem? Problem)> BeginAsync(
        UserId user, InstanceId id, MigrateRequest request, CancellationToken cancellationToken)
    {
        var (asked, problem) = await ReadAsync(user, id, request, cancellationToken);
        if (asked is null)
        {
            return (null, null, problem);
        }

        var document = new MigrationDocument
        {
            Goal = asked.Goal,
            SourceMachineId = asked.Source.Id,
            WorkspaceBytes = asked.Estimate.DataBytes,
            EstimatedSeconds = Math.Round(asked.Estimate.Plan.Sum(step => step.Seconds), 1),
            EstimatedUsd = asked.Estimate.EstimatedCost,
        };
        while (true)
        {
            var association = await associations.FindAsync(id, cancellationToken);
            if (await FindObstacleAsync(asked, association, cancellationToken) is { } obstacle)
            {
                return (null, null, obstacle);
            }

            try
            {
                var number = await migrations.InsertAsync(id, user, document, transaction => BeginAsync(transaction, asked, association), cancellationToken);
                queue.Pulse();
                return number is null ? (null, null, await OpenProblemAsync(id, cancellationToken)) : (number, asked.Estimate, null);
            }
            catch (StaleWriteException)
            {
                // A failover may just have been asked for: of the two, one is refused.
            }
        }
    }

    /// <summary>Leaves everything as it was, as long as that can be had.</summary>
    public async Task<Problem?> CancelAsync(UserId user, long id, CancellationToken cancellationToken)
    {
        while (await migrations.FindOfUserAsync(user, id, cancellationToken) is { } migration)
        {
            if (migration.IsSwitching || migration.State != MigrationState.Running)
            {
                return new Problem(
                    Problems.Conflict, migration.IsSwitching ? $"Migration {id} is switching to the new machine and cannot be cancelled any more." : $"Migration {id} is over.");
            }

            // Only of what was just seen: once it switches, nobody is to be told that it will not.
            if (await migrations.SetWishAsync(migration, MigrationWish.Cancel, cancellationToken))
            {
                queue.Pulse();
                return null;
            }
        }

        return Problems.Unknown("migration", id);
    }

    /// <summary>Gives the kept source back.</summary>
    public async Task<Problem?> ReleaseSourceAsync(UserId user, long id, CancellationToken cancellationToken)
    {
        while (await migrations.FindOfUserAsync(user, id, cancellationToken) is { } migration)
        {
            if (migration.State != MigrationState.Kept)
            {
                return new Problem(Problems.Conflict, $"Migration {id} keeps no source.");
            }

            if (await migrations.SetWishAsync(migration, MigrationWish.ReleaseSource, cancellationToken))
            {
                queue.Pulse();
                return null;
            }
        }

        return Problems.Unknown("migration", id);
    }

    private async Task<(Asked? Asked, Problem? Problem)> ReadAsync(UserId user, InstanceId id, MigrateRequest request, CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(user, id, cancellationToken) is not { } instance)
        {
            return (null, Problems.Unknown("instance", id));
        }

        var errors = MigrationRules.Check(request);
        if (errors.Count > 0)
        {
            return (null, new Problem(Problems.Validation, Problems.Validation.Title, errors));
        }

        var all = await machines.ListAsync(id, cancellationToken);
        if (all.FirstOrDefault(machine => machine.Id == instance.WriterMachineId) is not { } source)
        {
            return (null, new Problem(Problems.WrongState, $"The instance is {InstanceViews.Word(instance.Status)}; only one that has run can move."));
        }

        var report = hub.Find(source.Id)?.Report;
        var goal = MigrationRules.GoalOf(request, instance.Document.Spec.DiskGb, report?.Metrics.WorkspaceBytes);
        if (MigrationRules.CheckDisk(goal.DiskGb, report?.Metrics.WorkspaceBytes) is { } tooSmall)
        {
            return (null, new Problem(Problems.Validation, Problems.Validation.Title, [tooSmall]));
        }

        var choice = await placement.FindAsync(instance, goal, all, tried: [], cancellationToken);
        if (choice is TargetChoice.Unfit(var field, var message))
        {
            return (null, Problems.Field(field, message));
        }

        var measured = report?.Sync?.BytesPerSecond ?? (await migrations.ListAsync(user, id, cancellationToken)).FirstOrDefault(one => one.Document.BytesPerSecond is not null)?.Document.BytesPerSecond;
        var estimate = Describe(instance, source, goal, choice, report, measured, await BootTimesAsync(user, cancellationToken)) with
        {
            Warnings = WarningsOf(goal, source, await associations.FindAsync(id, cancellationToken), all),
        };
        return (new Asked(instance, source, goal, choice, estimate), null);
    }

    // The standby of an instance stays as it is when the instance moves.
    private static IReadOnlyList<string> WarningsOf(MigrationGoal goal, Machine source, Association? association, IReadOnlyList<Machine> all) =>
        association is { Released: false, StandbyMachineId: { } standby } && standby != source.Id
        && all.FirstOrDefault(machine => machine.Id == standby) is { IsSpent: false, Document.Spec.DiskGb: var diskGb } && diskGb < goal.DiskGb
            ? [FormattableString.Invariant($"The standby keeps its disk of {diskGb:0} GB, and the new machine has {goal.DiskGb:0} GB: what the workspace holds beyond the smaller one does not fit there. After the move, replace it: dumont standby delete {source.InstanceId}, then dumont standby provision {source.InstanceId}")]
            : [];

    private static MigrationEstimateResponse Describe(
        Instance instance,
        Machine source,
        MigrationGoal goal,
        TargetChoice choice,
        AgentReport? report,
        double? measured,
        IReadOnlyDictionary<string, TimeSpan> bootTimes)
    {
        var from = EndOf(source, instance.Document.Spec.DiskGb);
        var bytes = report?.Metrics.WorkspaceBytes;
        if (choice is not TargetChoice.Found { Offers: [var first, ..] offers })
        {
            return new MigrationEstimateResponse { Available = false, Error = ProblemOf(choice).Detail, Source = from, DataBytes = bytes, DiskSize = goal.DiskGb };
        }

        var offer = first.Offer with { UsdPerHour = MigrationPlacement.UsdPerHourOf(instance, goal, first.Offer) };
        var estimate = MigrationEstimate.Of(
            new EstimateBasis(
                goal, source.Document.Offer, from.CostPerHour, offer, bytes, measured, bootTimes.GetValueOrDefault(offer.Provider, AssumedBootTime)));
        return new MigrationEstimateResponse
        {
            Available = true,
            Source = from,
            Target = EndOf(null, offer, offer.UsdPerHour, goal.DiskGb),
            DataBytes = bytes,
            DiskSize = goal.DiskGb,
            Bandwidth = estimate.Bandwidth,
            EstimatedTimeMinutes = Math.Round(estimate.Total.TotalMinutes, 1),
            EstimatedTime = Words(estimate.Total),
            EstimatedCost = estimate.Cost.TotalUsd,
            Cost = estimate.Cost,
            WritePauseSeconds = estimate.Pause.TotalSeconds,
            Plan = estimate.Plan,
            OffersAvailable = offers.Count,
        };
    }

    private async Task BeginAsync(DbTransaction transaction, Asked asked, Association? association)
    {
        if (association is { Released: false })
        {
            await AssociationStore.TouchAsync(transaction, association);
        }

        await events.AppendAsync(
            transaction, asked.Instance.UserId, asked.Instance.Id, MigrationEvents.Asked(asked.Goal.WithGpu, asked.Estimate.Target?.GpuName));
    }

    private async Task<Problem?> FindObstacleAsync(Asked asked, Association? association, CancellationToken cancellationToken)
    {
        if (await OpenProblemAsync(asked.Instance.Id, cancellationToken) is { } open)
        {
            return open;
        }

        if (association is { Released: false })
        {
            if (association.FailoverRequested is not null)
            {
                return new Problem(Problems.Conflict, "A failover has been asked for and is about to begin.");
            }

            if (association.FailoverActive)
            {
                return new Problem(Problems.Conflict, $"Failover {association.Document.FailoverId} is running; follow it with: dumont failover active");
            }

            if (association.StandbyMachineId == asked.Source.Id)
            {
                return new Problem(Problems.WrongState, "The instance runs on its standby, and a new GPU takes over from it by itself; see: dumont failover active");
            }
        }

        if (asked.Instance is not { Status: InstanceStatus.Running, Wanted: InstanceDesired.Running } || hub.Find(asked.Source.Id) is not { Connected: true })
        {
            return new Problem(Problems.WrongState, $"The instance is {InstanceViews.Word(asked.Instance.Status)}; it must run. Resume it: dumont instance resume {asked.Instance.Id}");
        }

        if (asked.Choice is not TargetChoice.Found { Offers: [var first, ..] })
        {
            return ProblemOf(asked.Choice);
        }

        return await credit.FindAsync(first.Account, cancellationToken) is { } balance && balance.CreditUsd < first.Offer.UsdPerHour
            ? new Problem(
                Problems.InsufficientCredit, FormattableString.Invariant($"The account has ${balance.CreditUsd:0.00}; an hour of this machine costs ${first.Offer.UsdPerHour:0.00}."))
            : null;
    }

    private async Task<Problem?> OpenProblemAsync(InstanceId id, CancellationToken cancellationToken) =>
        await migrations.FindOpenAsync(id, cancellationToken) switch
        {
            { State: MigrationState.Kept, Id: var kept } => new Problem(
                Problems.Conflict, $"Migration {kept} still keeps the machine that the instance came from. Give it back first: dumont migration release-source {kept}"),
            { Id: var running } => new Problem(Problems.Conflict, $"Migration {running} is running; follow it with: dumont migration get {running}"),
            null => null,
        };

    /// <summary>What a search without a result is told as.</summary>
    internal static Problem ProblemOf(TargetChoice choice) =>
        choice switch
        {
            TargetChoice.NotConfigured(var provider) => new Problem(Problems.ProviderNotConfigured, $"There are no working credentials for {provider}."),
            TargetChoice.Unavailable(var provider) => Problems.Provider(provider),
            TargetChoice.NoMatch(var message) => new Problem(Problems.NoOffer, message),
            _ => new Problem(Problems.NoOffer, "No offer fits."),
        };

    /// <summary>How long the user's machines took to boot, by provider.</summary>
    private async Task<IReadOnlyDictionary<string, TimeSpan>> BootTimesAsync(UserId user, CancellationToken cancellationToken) =>
        (await machines.ListOfUserAsync(user, cancellationToken))
            .Where(machine => machine.Document.ReadyAt is not null)
            .GroupBy(machine => machine.Provider)
            .ToDictionary(group => group.Key, group => TimeSpan.FromSeconds(group.Average(machine => (machine.Document.ReadyAt!.Value - machine.CreatedAt).TotalSeconds)));

    internal static MigrationEnd EndOf(Machine machine, double diskGb) =>
        EndOf(machine.Id, machine.Document.Offer, machine.Document.UsdPerHour ?? machine.Document.Offer.UsdPerHour, diskGb);

    private static MigrationEnd EndOf(MachineId? id, MachineOffer offer, decimal usdPerHour, double diskGb) =>
        new(id, offer.GpuName is null ? "cpu" : "gpu", offer.GpuName, usdPerHour, offer.Id, offer.Provider, offer.Geolocation, diskGb);

    private static string Words(TimeSpan time) =>
        time.TotalMinutes < 1 ? FormattableString.Invariant($"{time.TotalSeconds:0} s")
            : time.TotalHours < 1 ? FormattableString.Invariant($"{time.TotalMinutes:0} min")
            : FormattableString.Invariant($"{(int)time.TotalHours} h {time.Minutes} min");

    private sealed record Asked(Instance Instance, Machine Source, MigrationGoal Goal, TargetChoice Choice, MigrationEstimateResponse Estimate);
}
