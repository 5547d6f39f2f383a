using System.Data.Common;
using Dapper;
using Dumont.Server.Platform.Reconcile;
using Dumont.Simulation.Faults;

namespace Dumont.Simulation.Server;

/// <summary>On whose behalf a piece of the server runs just now: a tick, or a request of the user. Flows with the calls it makes, so that the decorators
/// around database, providers and SSH can name the step that is being passed.</summary>
internal sealed class Subject(string kind, long key)
{
    private static readonly AsyncLocal<Subject?> Local = new();

    /// <summary>Kind of a request of the user.</summary>
    public const string Api = "api";

    public static Subject? Current
    {
        get => Local.Value;
        set => Local.Value = value;
    }

    /// <summary>A kind of work item, or <see cref="Api"/>.</summary>
    public string Kind { get; } = kind;

    public long Key { get; } = key;

    /// <summary>What a request asks for.</summary>
    public string Request { get; init; } = "";

    /// <summary>It stands still until then, whatever becomes of its lease.</summary>
    public TimeSpan HeldUntil { get; set; }

    /// <summary>What the machine is to its instance; null until it was looked up.</summary>
    public RecordState? Machine { get; private set; }

    /// <summary>Looks up what the machine of this tick is, for naming its calls.</summary>
    public async Task<RecordState?> FindMachineAsync(Dumont.Server.Platform.Store.Database database)
    {
        if (Kind == WorkKinds.Machine)
        {
            Machine = await database.ReadAsync(connection => ReadMachineAsync(connection, null), CancellationToken.None);
        }

        return Machine;
    }

    /// <summary>The recorded state that this subject may change, inside a transaction.</summary>
    public Task<RecordState?> ReadAsync(DbTransaction transaction) =>
        Kind switch
        {
            WorkKinds.Machine => ReadMachineAsync(transaction.Connection!, transaction),
            WorkKinds.Instance => ReadInstanceAsync(transaction),
            WorkKinds.Standby => ReadPairAsync(transaction),
            WorkKinds.Migration => ReadMigrationAsync(transaction),
            WorkKinds.Recovery => ReadRecoveryAsync(transaction),
            WorkKinds.SnapshotOperation => ReadOperationAsync(transaction),
            WorkKinds.SnapshotSchedule => ReadScheduleAsync(transaction),
            _ => Task.FromResult<RecordState?>(new RecordState(Kind, "", 0, 0, 0)),
        };

    /// <summary>The steps between two states, in the words of <see cref="KillPointTable"/>.</summary>
    public IEnumerable<string> StepsBetween(RecordState? before, RecordState? after)
    {
        if (before is null || after is null)
        {
            yield break;
        }

        switch (Kind)
        {
            case Api:
                yield return $"api {Request}";
                break;
            case WorkKinds.Sweep:
                yield return "sweep reopens";
                break;
            case WorkKinds.SnapshotCleanup:
                yield return "cleanup drops";
                break;
            case WorkKinds.SnapshotSchedule:
                if (before.First != after.First)
                {
                    yield return before.Second == after.Second ? "schedule passes its turn" : "schedule takes its turn";
                }
                else if (before.Third != after.Third)
                {
                    yield return "schedule drops";
                }

                break;
            case WorkKinds.SnapshotOperation:
                foreach (var step in StepsOfOperation(before, after))
                {
                    yield return step;
                }

                break;
            case WorkKinds.Migration:
                if (before.State != after.State)
                {
                    yield return after.State is "Cancelled" or "Failed" ? $"migration {after.State.ToLowerInvariant()}" : $"migration {before.State}>{after.State}";
                }
                else if (before.First != after.First)
                {
                    yield return "migration compares";
                }
                else if (before.Second != after.Second)
                {
                    yield return "migration releases source";
                }

                break;
            case WorkKinds.Recovery:
                if (before.First != after.First)
                {
                    yield return after.State == "Failed" ? "recovery failed" : "recovery begins";
                }
                else if (before.State != after.State)
                {
                    yield return after.State is "Cancelled" or "Failed" ? $"recovery {after.State.ToLowerInvariant()}" : $"recovery {before.State}>{after.State}";
                }

                break;
            case WorkKinds.Machine:
                if (before.State != after.State)
                {
                    yield return $"{before.Word} {before.State}>{after.State}";
                }
                else if (before.First == 0 && after.First != 0)
                {
                    yield return $"{after.Word} destroy asked";
                }
                else if (before.Second == 0 && after.Second != 0 && after.State == "Releasing")
                {
                    yield return $"{after.Word} first proof";
                }

                break;
            case WorkKinds.Instance:
                if (before.State != after.State)
                {
                    yield return $"instance {before.State}>{after.State}";
                }

                if (before.First != after.First)
                {
                    yield return $"generation {before.First}>{after.First}";
                }

                if (after.Second > before.Second)
                {
                    yield return "machines told to stop";
                }

                break;
            case WorkKinds.Standby:
                if (before.State != after.State)
                {
                    yield return $"pair {before.State}>{after.State}";
                }
                else if (before.First != after.First && after.First != 0)
                {
                    yield return "pair promoting";
                }

                if (before.Second == 0 && after.Second != 0)
                {
                    yield return "pair draining";
                }

                if (before.Third != after.Third)
                {
                    yield return "pair standby placed";
                }

                if (before.State == after.State && before.Fourth != 0 && after.Fourth == 0)
                {
                    yield return "pair request withdrawn";
                }

                break;
            default:
                break;
        }
    }

    public override string ToString() => Kind == Api ? $"api {Request}" : $"{Kind} {Key}";

    private static IEnumerable<string> StepsOfOperation(RecordState before, RecordState after)
    {
        if (before.State != after.State)
        {
            yield return $"{after.Word} {before.State}>{after.State}";
            if (before.First != 0 && after.State is not ("Pending" or "Running"))
            {
                yield return "instance runs for it no more";
            }
        }
        else if (before.First < after.First)
        {
            yield return "instance runs for the snapshot";
        }
        else if (before.Second != after.Second)
        {
            yield return $"{after.Word} ordered again";
        }
        else if (before.Third != after.Third)
        {
            yield return $"{after.Word} noted";
        }
    }

    private async Task<RecordState?> ReadOperationAsync(DbTransaction transaction) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<OperationRow>(
            """
            SELECT lower(kind) AS kind, state, (SELECT COUNT(*) FROM instances i WHERE i.id = o.instance_id AND i.runs_for = o.id) AS runs,
                COALESCE(machine_id, 0) AS machine, version
            FROM snapshot_operations o WHERE id = @Key
            """,
            new { Key },
            transaction) is { } row
            ? new RecordState(row.Kind, row.State, row.Runs, row.Machine, row.Version)
            : null;

    private async Task<RecordState?> ReadScheduleAsync(DbTransaction transaction) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<ScheduleRow>(
            """
            SELECT next_at AS next, COALESCE(last_operation_id, 0) AS operation, (SELECT COUNT(*) FROM snapshot_operations WHERE kind = 'Prune') AS prunes
            FROM snapshot_schedules WHERE instance_id = @Key
            """,
            new { Key },
            transaction) is { } row
            ? new RecordState("schedule", "", row.Next, row.Operation, row.Prunes)
            : null;

    private async Task<RecordState?> ReadMachineAsync(DbConnection connection, DbTransaction? transaction) =>
        await connection.QuerySingleOrDefaultAsync<MachineRow>(
            """
            SELECT m.role, m.phase, i.generation, COALESCE(i.writer_machine_id, 0) AS writer,
                json_extract(m.document, '$.destroy_asked_at') IS NOT NULL AS asked, json_extract(m.document, '$.absent_readings') AS absent,
                json_extract(m.document, '$.ready_at') IS NOT NULL AS used
            FROM machines m JOIN instances i ON i.id = m.instance_id WHERE m.id = @Key
            """,
            new { Key },
            transaction) is { } row
            ? new RecordState(
                row.Role == "Standby" ? "standby" : row.Generation == 0 || row.Writer == Key ? "gpu" : row.Used == 0 ? "candidate" : "lost",
                row.Phase,
                row.Asked,
                row.Absent,
                0)
            : null;

    private async Task<RecordState?> ReadInstanceAsync(DbTransaction transaction) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<InstanceRow>(
            """
            SELECT status, generation, (SELECT COUNT(*) FROM machines WHERE instance_id = @Key AND desired = 'Stopped') AS stopped
            FROM instances WHERE id = @Key
            """,
            new { Key },
            transaction) is { } row
            ? new RecordState("instance", row.Status, row.Generation, row.Stopped, 0)
            : null;

    private async Task<RecordState?> ReadPairAsync(DbTransaction transaction) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<PairRow>(
            """
            SELECT COALESCE(json_extract(document, '$.phase'), 'watching') AS phase, COALESCE(json_extract(document, '$.pending.generation'), 0) AS pending,
                COALESCE(json_extract(document, '$.draining'), 0) AS draining, COALESCE(standby_machine_id, 0) AS standby,
                failover_requested IS NOT NULL AS requested
            FROM associations WHERE instance_id = @Key
            """,
            new { Key },
            transaction) is { } row
            ? new RecordState("pair", row.Phase, row.Pending, row.Draining, row.Standby, row.Requested)
            : null;

    private async Task<RecordState?> ReadMigrationAsync(DbTransaction transaction) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<MigrationRow>(
            """
            SELECT json_extract(document, '$.phase') AS phase, json_extract(document, '$.source_check') AS compares, state = 'Kept' AS kept
            FROM migrations WHERE id = @Key
            """,
            new { Key },
            transaction) is { } row
            ? new RecordState("migration", row.Phase, row.Compares, row.Kept, 0)
            : null;

    private async Task<RecordState?> ReadRecoveryAsync(DbTransaction transaction) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<RecoveryRow>(
            "SELECT id, json_extract(document, '$.phase') AS phase FROM recoveries WHERE instance_id = @Key ORDER BY id DESC LIMIT 1", new { Key }, transaction) is { } row
            ? new RecordState("recovery", row.Phase, row.Id, 0, 0)
            : new RecordState("recovery", "none", 0, 0, 0);

    private sealed record RecoveryRow(long Id, string Phase);

    private sealed record MigrationRow(string Phase, long Compares, long Kept);

    private sealed record MachineRow(string Role, string Phase, long Generation, long Writer, long Asked, long Absent, long Used);

    private sealed record InstanceRow(string Status, long Generation, long Stopped);

    private sealed record OperationRow(string Kind, string State, long Runs, long Machine, long Version);

    private sealed record ScheduleRow(long Next, long Operation, long Prunes);

    private sealed record PairRow(string Phase, long Pending, long Draining, long Standby, long Requested);
}

/// <summary>What a decorator needs to know of a row to name what changes.</summary>
/// <param name="Word">What the thing is: gpu, standby, candidate, lost, instance, pair, schedule, or the kind of a snapshot operation.</param>
/// <param name="State">Its phase or status.</param>
/// <param name="First">Machine: destroy asked. Instance: generation. Pair: pending generation. Operation: whether the instance runs for it.
/// Schedule: next turn. Recovery: its number.</param>
/// <param name="Second">Machine: absent readings. Instance: machines told to stop. Pair: draining. Operation: machine. Schedule: last operation.</param>
/// <param name="Third">Pair: standby. Operation: version. Schedule: prunes.</param>
/// <param name="Fourth">Pair: whether a failover is asked for.</param>
internal sealed record RecordState(string Word, string State, long First, long Second, long Third, long Fourth = 0);
