using Dapper;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Server;
using Dumont.Simulation.World;

namespace Dumont.Simulation;

/// <summary>Holds what the server says of snapshots against what is in the repository and in the workspaces.</summary>
/// <param name="checks">Where a violation is told.</param>
/// <param name="scheduler">Time.</param>
/// <param name="world">The truth.</param>
/// <param name="database">What is recorded.</param>
/// <param name="limit">How long an operation may take.</param>
internal sealed class SnapshotChecks(Checks checks, Scheduler scheduler, CloudWorld world, Database database, TimeSpan limit)
{
    private const string Kept = "I12 snapshot is kept";
    private const string True = "I13 snapshot is what was asked for";
    private const string Due = "I19 a due snapshot is taken once";
    private const string IsScheduled = "document LIKE '%\"scheduled\"%'";
    private const string Ends = "I14 operation ends and leaves nothing";

    /// <summary>The lease of a server that died, and the time until another has begun.</summary>
    private static readonly TimeSpan LateMax = TimeSpan.FromSeconds(90);

    private readonly Dictionary<long, long> _turns = [];
    private readonly Dictionary<long, long> _restored = [];
    private readonly HashSet<long> _unwanted = [];
    private readonly HashSet<long> _judged = [];
    private readonly Dictionary<long, TimeSpan> _requestedAt = [];

    /// <summary>The user has asked for something of snapshots.</summary>
    public bool IsUsed { get; private set; }

    /// <summary>The user asks for the end of a snapshot.</summary>
    public void OnUnwanted(long snapshot) => _unwanted.Add(snapshot);

    /// <summary>A named commit is durable.</summary>
    public async Task OnCommitAsync(Subject subject, string step)
    {
        if (subject is { Kind: Subject.Api, Request: "snapshot" or "restore" or "restore to new" or "schedule" })
        {
            IsUsed = true;
            _requestedAt.TryAdd(await LastOperationAsync(), scheduler.Elapsed);
        }
        else if (subject.Kind == WorkKinds.SnapshotOperation)
        {
            await CheckEndAsync(subject.Key, step);
        }
        else if (subject.Kind == WorkKinds.SnapshotSchedule)
        {
            await CheckTurnAsync(subject.Key, step);
        }
    }

    /// <summary>How far the workspace was in the snapshot that an operation has brought back; null where it is not done.</summary>
    public long? RestoredBy(long operation) => _restored.TryGetValue(operation, out var content) ? content : null;

    /// <summary>A snapshot is about to leave the repository.</summary>
    public async Task OnForgetAsync(SimSnapshot snapshot)
    {
        var operation = NumberOf(snapshot);
        var (state, deleted) = await database.ReadAsync(
            connection => connection.QuerySingleAsync<(string State, long? Deleted)>(
                "SELECT o.state, s.deleted_at FROM snapshot_operations o JOIN snapshots s ON s.id = o.snapshot_id WHERE o.id = @operation", new { operation }),
            CancellationToken.None);
        if (deleted is null && state is not ("Failed" or "Cancelled"))
        {
            checks.Break(Kept, $"{snapshot} is dropped; its operation is {state} and nobody has deleted it");
        }

        if (await CountAsync($"SELECT COUNT(*) FROM snapshot_operations r JOIN snapshots s ON s.id = r.snapshot_id WHERE r.kind = 'Restore' AND r.state = 'Running' AND s.engine_snapshot_id = '{snapshot.Id}'") > 0)
        {
            checks.Break(Kept, $"{snapshot} is dropped while it is being brought back");
        }
    }

    /// <summary>What must hold at every moment.</summary>
    public async Task LookAsync()
    {
        if (!IsUsed)
        {
            return;
        }

        var rows = (await database.ReadAsync(
            connection => connection.QueryAsync<Row>(
                "SELECT id, instance_id AS instance, status, COALESCE(engine_snapshot_id, '') AS engine, deleted_at IS NOT NULL AS deleted, keep_forever AS forever FROM snapshots"),
            CancellationToken.None)).Where(row => row.Status is "Completed" or "Partial").ToList();
        foreach (var row in rows)
        {
            if (row.Deleted == 0)
            {
                if (world.Repository.Find(row.Engine) is null)
                {
                    checks.Break(Kept, $"snapshot {row.Id} is {row.Status}, and {row.Engine} is not in the repository");
                }
            }
            else if (!_unwanted.Contains(row.Id) && _judged.Add(row.Id)
                && (row.Forever == 1 || !rows.Exists(newer => newer.Instance == row.Instance && newer.Id > row.Id)))
            {
                checks.Break(Kept, $"snapshot {row.Id} was dropped; it is {(row.Forever == 1 ? "kept for ever" : "the newest, which every rule keeps")}");
            }
        }

        if (world.Repository.FindDamaged() is { } damaged)
        {
            checks.Break(Kept, $"{damaged} needs data that a prune has deleted");
        }

        await CheckSchedulesAsync();
        if (await CountAsync("SELECT COUNT(*) FROM instances i JOIN snapshot_operations o ON o.id = i.runs_for WHERE o.state NOT IN ('Pending', 'Running')") > 0)
        {
            checks.Break(Ends, "an instance runs for an operation that is over");
        }

        var prunes = await CountAsync("SELECT COUNT(*) FROM snapshot_operations WHERE kind = 'Prune' AND state IN ('Pending', 'Running')");
        if (prunes > 1)
        {
            checks.Break("I15 one prune", $"{prunes} prunes of one repository are under way");
        }
    }

    /// <summary>An operation that has not ended; null when all have. A schedule begins anew each minute: of its snapshots only those that are late count.</summary>
    public async Task<string?> UnfinishedAsync() =>
        IsUsed
            ? await database.ReadAsync(
                connection => connection.ExecuteScalarAsync<string?>(
                    $"""
                    SELECT 'operation ' || id || ', a ' || kind || ', is ' || state FROM snapshot_operations o WHERE state IN ('Pending', 'Running')
                        AND (created_at < @late OR NOT EXISTS (SELECT 1 FROM snapshots s WHERE s.id = o.snapshot_id AND o.kind = 'Snapshot' AND s.{IsScheduled}))
                    LIMIT 1
                    """,
                    new { late = (scheduler.Wall - limit - LateMax).ToUnixTimeMilliseconds() }),
                CancellationToken.None)
            : null;

    /// <summary>All has ended: what must be true of it then.</summary>
    public async Task OnCalmAsync()
    {
        if (!IsUsed)
        {
            return;
        }

        var stuck = await CountAsync(
            "SELECT COUNT(*) FROM snapshots s WHERE status = 'Creating' AND NOT EXISTS (SELECT 1 FROM snapshot_operations o WHERE o.snapshot_id = s.id AND o.state IN ('Pending', 'Running'))");
        if (stuck > 0)
        {
            checks.Break(Ends, $"{stuck} snapshots are being made by nobody");
        }

        var (made, asked, distinct) = await database.ReadAsync(
            connection => connection.QuerySingleAsync<(long Made, long Asked, long Distinct)>(
                """
                SELECT (SELECT COUNT(*) FROM instances WHERE label LIKE 'restore-snap-%'), COUNT(*), COUNT(DISTINCT instance_id)
                FROM snapshot_operations WHERE kind = 'Restore' AND json_extract(document, '$.is_new_instance') = 1
                """),
            CancellationToken.None);
        if (made != asked || made != distinct)
        {
            checks.Break("I16 one instance", $"{asked} restores onto a new GPU have {distinct} instances, and {made} were made");
        }
    }

    private async Task CheckEndAsync(long operation, string step)
    {
        if (step.EndsWith(">Failed", StringComparison.Ordinal)
            && await CountAsync("SELECT COUNT(*) FROM snapshot_operations WHERE state = 'Failed' AND json_extract(document, '$.message') IS NULL") > 0)
        {
            checks.Break(Ends, $"operation {operation} failed and does not say why");
        }
        else if (step.EndsWith(">Done", StringComparison.Ordinal))
        {
            await CheckDoneAsync(operation, step);
        }
    }

    // A turn and its snapshot are one: neither is lost, neither comes twice. Who stood still between his look and his commit may have seen another state.
    private async Task CheckTurnAsync(long instance, string step)
    {
        if (step == "schedule takes its turn")
        {
            _requestedAt.TryAdd(await LastOperationAsync(), scheduler.Elapsed);
            var (scheduled, live) = await database.ReadAsync(
                connection => connection.QuerySingleAsync<(long Scheduled, long Live)>(
                    $"""
                    SELECT (SELECT COUNT(*) FROM snapshots WHERE instance_id = @instance AND {IsScheduled}),
                        (SELECT COUNT(*) FROM snapshots WHERE instance_id = @instance AND {IsScheduled} AND status = 'Creating')
                    """,
                    new { instance }),
                CancellationToken.None);
            var turns = _turns[instance] = _turns.GetValueOrDefault(instance) + 1;
            if (scheduled != turns || live != 1)
            {
                checks.Break(Due, $"turn {turns} of instance {instance} is taken, {scheduled} snapshots were recorded, {live} are being made");
            }
        }
        else if (step == "schedule passes its turn"
            && await CountAsync($"SELECT COUNT(*) FROM instances WHERE id = {instance} AND status = 'Running' AND deleted_at IS NULL") > 0
            && await RunningSinceAsync(instance) is { } since && scheduler.Wall - since > TimeSpan.FromSeconds(10))
        {
            checks.Break(Due, $"a turn of instance {instance} has passed, it runs, and no snapshot was recorded");
        }
    }

    private async Task<DateTimeOffset?> RunningSinceAsync(long instance) =>
        await database.ReadAsync(
            connection => connection.ExecuteScalarAsync<string?>("SELECT json_extract(document, '$.status_since') FROM instances WHERE id = @instance", new { instance }),
            CancellationToken.None) is { } text
            ? DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture)
            : null;

    // A turn that was missed is taken late.
    private async Task CheckSchedulesAsync()
    {
        if (checks.CalmSince is not { } calm || scheduler.Elapsed - calm < LateMax)
        {
            return;
        }

        var latest = (scheduler.Wall - LateMax).ToUnixTimeMilliseconds();
        var late = await CountAsync(
            $"""
            SELECT COUNT(*) FROM snapshot_schedules s JOIN instances i ON i.id = s.instance_id
            WHERE s.next_at < {latest} AND json_extract(s.document, '$.is_enabled') = 1 AND i.deleted_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM snapshot_operations o WHERE o.instance_id = s.instance_id AND o.state IN ('Pending', 'Running'))
            """);
        if (late > 0)
        {
            checks.Break(Due, $"{late} schedules have been due for {LateMax.TotalSeconds:0} s, and nothing is being made");
        }
    }

    private async Task CheckDoneAsync(long operation, string step)
    {
        var (engine, machine) = await database.ReadAsync(
            connection => connection.QuerySingleOrDefaultAsync<(string? Engine, long? Machine)>(
                "SELECT s.engine_snapshot_id, o.machine_id FROM snapshot_operations o JOIN snapshots s ON s.id = o.snapshot_id WHERE o.id = @operation", new { operation }),
            CancellationToken.None);
        var kept = world.Repository.Find(engine);
        if (step.StartsWith("snapshot", StringComparison.Ordinal))
        {
            if (kept is null || NumberOf(kept) != operation || kept.TakenAt < _requestedAt.GetValueOrDefault(operation))
            {
                checks.Break(True, $"operation {operation} is done and has {kept?.ToString() ?? "nothing"}");
            }
        }
        else if (step.StartsWith("restore", StringComparison.Ordinal) && kept is not null)
        {
            var restored = world.Machines.Find(each => each.Agent?.MachineId.Value == machine)?.Agent?.Work.Restored;
            if (restored != (operation, kept.Content))
            {
                checks.Break(True, $"operation {operation} is done; the workspace got {restored}, {kept} was asked for");
            }

            _restored[operation] = kept.Content;
        }
    }

    private Task<long> LastOperationAsync() => CountAsync("SELECT COALESCE(MAX(id), 0) FROM snapshot_operations");

    private Task<long> CountAsync(string sql) => database.ReadAsync(connection => connection.ExecuteScalarAsync<long>(sql), CancellationToken.None);

    private static long NumberOf(SimSnapshot snapshot) =>
        long.Parse(snapshot.OperationTag.AsSpan("op-".Length), System.Globalization.CultureInfo.InvariantCulture);

    private sealed class Row
    {
        public long Id { get; init; }

        public long Instance { get; init; }

        public string Status { get; init; } = "";

        public string Engine { get; init; } = "";

        public long Deleted { get; init; }

        public long Forever { get; init; }
    }
}
