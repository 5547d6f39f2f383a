using System.Data.Common;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Web;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Recovery;

/// <summary>Says what an instance could be recovered to, and takes the wish to do so: checks what can be checked at once, and records the rest.</summary>
internal sealed class RecoveryService(
    InstanceStore instances,
    SnapshotStore snapshots,
    RecoveryReader reader,
    RecoveryBeginning beginning,
    LossConfirmation confirmation,
    WorkQueue queue,
    TimeProvider time,
    IOptions<StandbyOptions> standby) : IColdRecovery
{
    private const string Requested = "requested";

    /// <inheritdoc />
    public async Task<ColdRecovery> FindAsync(Instance instance, FailoverRules rules, CancellationToken cancellationToken)
    {
        if (await FindSnapshotAsync(instance, cancellationToken) is not { } snapshot)
        {
            return new ColdRecovery(
                null, null, null, IsAutomatic: false, $"There is no whole snapshot of /workspace to recover from. Take one: dumont snapshot create first {instance.Id}");
        }

        var at = RecoveryPoint.TakenAt(snapshot);
        var age = TimeSpan.FromSeconds(Math.Round(Math.Max(0, (time.GetUtcNow() - at).TotalSeconds)));
        var what = FormattableString.Invariant($"Last snapshot {snapshot.Id}, {Words(age)} old: what was written since then would be lost.");
        return new ColdRecovery(
            $"{snapshot.Id}",
            at,
            age.TotalSeconds,
            rules.RecoversFromSnapshot,
            rules.RecoversFromSnapshot ? $"{what} It is brought back by itself." : $"{what} It is brought back by hand: dumont instance recover {instance.Id}");
    }

    /// <summary>Begins to recover an instance by hand.</summary>
    /// <returns>What has begun, or why nothing has.</returns>
    public async Task<(RecoverInstanceResponse? Begun, Problem? Problem)> RecoverAsync(
        UserId user, InstanceId id, RecoverInstanceRequest request, CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(user, id, cancellationToken) is not { } instance)
        {
            return (null, Problems.Unknown("instance", id));
        }

        if (RecoveryRules.Check(request) is { Count: > 0 } errors)
        {
            return (null, new Problem(Problems.Validation, Problems.Validation.Title, errors));
        }

        var (view, _) = await reader.ReadAsync(instance, cancellationToken);
        if ((FindObstacle(view) ?? await FindLifeAsync(view, cancellationToken)) is { } obstacle)
        {
            return (null, obstacle);
        }

        var (snapshot, problem) = await ChooseAsync(instance, request.SnapshotId ?? request.Snapshot, cancellationToken);
        return snapshot is null ? (null, problem) : await BeginAsync(view, snapshot, request, cancellationToken);
    }

    private async Task<(RecoverInstanceResponse? Begun, Problem? Problem)> BeginAsync(
        RecoveryView view, Snapshot snapshot, RecoverInstanceRequest request, CancellationToken cancellationToken)
    {
        var instance = view.Instance;
        var failover = await beginning.BeginAsync(
            view, snapshot, RecoveryRules.GoalOf(request), request.Reason ?? Requested, fence: null, WantRunningAsync, cancellationToken);
        queue.Pulse();
        if (failover is null)
        {
            var (other, _) = await reader.ReadAsync(instance, cancellationToken);
            return (null, RunningProblem(other.Running));
        }

        var at = RecoveryPoint.TakenAt(snapshot);
        var lost = view.Writer!.Sighting?.LastSeenAt ?? time.GetUtcNow();
        return (
            new RecoverInstanceResponse
            {
                InstanceId = instance.Id,
                Status = "initiated",
                RecoveryType = "snapshot",
                FailoverId = failover,
                SnapshotId = $"{snapshot.Id}",
                SnapshotAt = at,
                RpoSeconds = Math.Round(Math.Max(0, (lost - at).TotalSeconds), 1),
                Message = $"A new machine is rented and filled from {snapshot.Id}, and then has the same SSH address; follow it with: dumont failover get {failover}",
            },
            null);

        // Who recovers an instance wants it to run, whatever he wanted of the machine that is lost.
        Task WantRunningAsync(DbTransaction transaction) => instances.SetDesiredAsync(transaction, instance.UserId, instance.Id, InstanceDesired.Running);
    }

    private Problem? FindObstacle(RecoveryView view) =>
        view.Running is { } running ? RunningProblem(running)
            : view.Writer is null || view.Instance.Generation == 0
                ? new Problem(Problems.Conflict, $"The instance is {InstanceViews.Word(view.Instance.Status)}; only one that has run can be recovered.")
            : view.IsFailingOver
                ? new Problem(Problems.FailoverRunning, $"Failover {view.Association!.Document.FailoverId ?? "?"} is running.")
            : view.Migration is { IsSwitching: true, Id: var moving }
                ? new Problem(Problems.Conflict, $"Migration {moving} is running; follow it with: dumont migration get {moving}")
            : view.StandbyCanServe(standby.Value)
                ? new Problem(Problems.Conflict, $"Its standby can take over, and has more than any snapshot: dumont failover simulate {view.Instance.Id}")
            : null;

    /// <summary>The same evidence as for a failover: nobody hears of it, and it is dead on a second path. What cannot be told is no loss.</summary>
    private async Task<Problem?> FindLifeAsync(RecoveryView view, CancellationToken cancellationToken)
    {
        var writer = view.Writer!;
        if (view.WriterIsHeard)
        {
            return new Problem(
                Problems.Conflict, $"The instance's machine is there. To bring a snapshot back on it: dumont snapshot restore <snapshot> instance_id={view.Instance.Id}");
        }

        if (writer.Machine is { IsSpent: false, Phase: not MachinePhase.Ready })
        {
            return new Problem(Problems.Conflict, $"The instance's machine is stopped or starts; it is not lost. Resume it: dumont instance resume {view.Instance.Id}");
        }

        return writer.Machine.IsSpent
            || (writer.Silence >= view.Rules.SuspectAfter && await confirmation.IsDeadAsync(writer.Machine, view.Rules.AnswerLimit, cancellationToken))
            ? null
            : new Problem(Problems.Conflict, "The instance's machine is silent, but nothing proves that it is lost. Try again in a moment.");
    }

    private async Task<(Snapshot? Snapshot, Problem? Problem)> ChooseAsync(Instance instance, string? named, CancellationToken cancellationToken)
    {
        if (SnapshotNumber.TryParse(named) is not { } number)
        {
            return await FindSnapshotAsync(instance, cancellationToken) is { } last
                ? (last, null)
                : (null, new Problem(Problems.RecoveryNoSnapshot, "The instance has no whole snapshot of /workspace. Name one of another instance with snapshot_id, if it will do."));
        }

        if (await snapshots.FindOfUserAsync(instance.UserId, number, cancellationToken) is not { } snapshot)
        {
            return (null, Problems.Unknown("snapshot", number));
        }

        return snapshot.IsUsable && snapshot.Document.SourcePath == SnapshotRules.Workspace
            ? (snapshot, null)
            : (null, new Problem(Problems.SnapshotNotUsable, $"Snapshot {number} is not one of the whole /workspace that was completed."));
    }

    private async Task<Snapshot?> FindSnapshotAsync(Instance instance, CancellationToken cancellationToken) =>
        RecoveryPoint.Choose(await snapshots.ListOfUserAsync(instance.UserId, instance.Id, cancellationToken));

    private static Problem RunningProblem(InstanceRecovery? running) =>
        new(Problems.FailoverRunning, $"Failover {running?.Document.FailoverId ?? "?"} is running.");

    private static string Words(TimeSpan age) =>
        age.TotalMinutes < 2 ? FormattableString.Invariant($"{age.TotalSeconds:0} s")
            : age.TotalHours < 2 ? FormattableString.Invariant($"{age.TotalMinutes:0} min")
            : FormattableString.Invariant($"{age.TotalHours:0} h");
}
