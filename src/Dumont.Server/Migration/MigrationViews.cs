using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;

namespace Dumont.Server.Migration;

/// <summary>Migrations as the API and the pages show them.</summary>
internal sealed class MigrationViews(MigrationStore migrations, MachineStore machines, TimeProvider time)
{
    /// <summary>One of the user; null when he has none of that number.</summary>
    public async Task<MigrationResponse?> FindAsync(UserId user, long id, CancellationToken cancellationToken) =>
        await migrations.FindOfUserAsync(user, id, cancellationToken) is { } migration
            ? ToResponse(migration, await machines.ListAsync(migration.InstanceId, cancellationToken), time.GetUtcNow())
            : null;

    /// <summary>Those of an instance, newest first.</summary>
    public async Task<IReadOnlyList<MigrationResponse>> ListAsync(UserId user, InstanceId instance, CancellationToken cancellationToken)
    {
        var all = await machines.ListAsync(instance, cancellationToken);
        return [.. (await migrations.ListAsync(user, instance, cancellationToken)).Select(migration => ToResponse(migration, all, time.GetUtcNow()))];
    }

    private static MigrationResponse ToResponse(InstanceMigration migration, IReadOnlyList<Machine> all, DateTimeOffset now)
    {
        var document = migration.Document;
        var isOver = migration.State != MigrationState.Running;
        return new MigrationResponse
        {
            Id = migration.Id,
            InstanceId = migration.InstanceId,
            Status = InstanceViews.Word(document.Phase),
            Success = isOver ? document.Phase == MigrationPhase.Complete : null,
            Source = EndOf(all, document.SourceMachineId),
            Target = EndOf(all, document.TargetMachineId),
            StepsCompleted = [.. document.ListPhasesDone().Select(phase => MigrationEstimate.WordOf(phase, document.Goal.KeepSource))],
            BytesCopied = document.BytesCopied,
            BytesTotal = document.WorkspaceBytes,
            Mbps = document.BytesPerSecond is { } rate ? Math.Round(MigrationEstimate.MbpsOf(rate), 1) : null,
            EstimatedSeconds = document.EstimatedSeconds,
            EstimatedCost = document.EstimatedUsd,
            StartedAt = migration.CreatedAt,
            CompletedAt = migration.EndedAt,
            DurationSeconds = Math.Round(((migration.EndedAt ?? now) - migration.CreatedAt).TotalSeconds, 1),
            WritePauseMs = MigrationReconciler.PauseOf(document) is { } pause ? Math.Round(pause.TotalMilliseconds) : null,
            PhaseTimingsMs = TimingsOf(document),
            Attempts = document.Attempts,
            Cancellable = !isOver && !migration.IsSwitching && migration.Wish is null,
            SourceKept = migration.State == MigrationState.Kept,
            Error = document.Error,
        };
    }

    private static MigrationEnd? EndOf(IReadOnlyList<Machine> all, MachineId? id) =>
        all.FirstOrDefault(machine => machine.Id == id) is { } machine ? MigrationService.EndOf(machine, machine.Document.Spec.DiskGb) : null;

    private static Dictionary<string, double> TimingsOf(MigrationDocument document)
    {
        var timings = new Dictionary<string, double>();
        for (var i = 0; i + 1 < document.Timeline.Count; i++)
        {
            var word = InstanceViews.Word(document.Timeline[i].Phase);
            timings[word] = Math.Round(timings.GetValueOrDefault(word) + (document.Timeline[i + 1].At - document.Timeline[i].At).TotalMilliseconds, 1);
        }

        return timings;
    }
}
