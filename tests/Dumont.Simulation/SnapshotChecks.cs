using Dapper;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Server;
using Dumont.Simulation.World;

namespace Dumont.Simulation;

/// <summary>Holds what the server says of snapshots against what is in the repository and in the workspaces.</summary>
internal sealed class SnapshotChecks(Checks checks, Scheduler scheduler, CloudWorld world, Database database)
{
    private const string Kept = "I12 snapshot is kept";
    private const string True = "I13 snapshot is what was asked for";
    private const string Ends = "I14 operation ends and leaves nothing";

    private readonly HashSet<long> _unwanted = [];
    private readonly HashSet<long> _judged = [];
    private readonly HashSet<long> _resumed = [];
    private readonly Dictionary<long, TimeSpan> _requestedAt = [];

    private bool _isUsed;

    /// <summary>The user asks for the end of a snapshot.</summary>
    public void OnUnwanted(long snapshot) => _unwanted.Add(snapshot);

    /// <summary>A named commit is durable.</summary>
    public async Task OnCommitAsync(Subject subject, string step)
    {
        if (subject is { Kind: Subject.Api, Request: "snapshot" or "restore" or "restore to new" })
        {
            _isUsed = true;
            _requestedAt.TryAdd(await LastOperationAsync(), scheduler.Elapsed);
        }
        else if (subject.Kind == WorkKinds.SnapshotOperation)
        {
            await CheckEndAsync(subject.Key, step);
        }
    }

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
    }

    /// <summary>What must hold at every moment.</summary>
    public async Task LookAsync()
    {
        if (!_isUsed)
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

        var prunes = await CountAsync("SELECT COUNT(*) FROM snapshot_operations WHERE kind = 'Prune' AND state IN ('Pending', 'Running')");
        if (prunes > 1)
        {
            checks.Break("I15 one prune", $"{prunes} prunes of one repository are under way");
        }
    }

    /// <summary>An operation that has not ended; null when all have.</summary>
    public async Task<string?> UnfinishedAsync() =>
        _isUsed
            ? await database.ReadAsync(
                connection => connection.ExecuteScalarAsync<string?>(
                    "SELECT 'operation ' || id || ', a ' || kind || ', is ' || state FROM snapshot_operations WHERE state IN ('Pending', 'Running') LIMIT 1"),
                CancellationToken.None)
            : null;

    /// <summary>All has ended: what must be true of it then.</summary>
    public async Task OnCalmAsync()
    {
        if (!_isUsed)
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
        if (step == "instance resumed for the snapshot")
        {
            _resumed.Add(operation);
        }
        else if (_resumed.Contains(operation) && (step.EndsWith(">Done", StringComparison.Ordinal) || step.EndsWith(">Failed", StringComparison.Ordinal)
            || step.EndsWith(">Cancelled", StringComparison.Ordinal))
            && await CountAsync($"SELECT COUNT(*) FROM instances WHERE desired = 'Running' AND id = (SELECT instance_id FROM snapshot_operations WHERE id = {operation})") > 0)
        {
            checks.Break(Ends, $"operation {operation} is over, and the paused instance runs");
        }
        else if (step.EndsWith(">Failed", StringComparison.Ordinal)
            && await CountAsync("SELECT COUNT(*) FROM snapshot_operations WHERE state = 'Failed' AND json_extract(document, '$.message') IS NULL") > 0)
        {
            checks.Break(Ends, $"operation {operation} failed and does not say why");
        }
        else if (step.EndsWith(">Done", StringComparison.Ordinal))
        {
            await CheckDoneAsync(operation, step);
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
