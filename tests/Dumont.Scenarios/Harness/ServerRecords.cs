using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Dumont.Scenarios.Harness;

/// <summary>A machine as the server has it on record.</summary>
internal sealed record MachineRecord(long Id, bool IsGpu, string Phase)
{
    public bool IsOver => Phase is "Gone" or "Failed";
}

/// <summary>What the server has on record of one instance at one moment. Empty before there is one.</summary>
internal sealed record ServerState(
    long? InstanceId,
    string Status,
    long Generation,
    long? WriterId,
    IReadOnlyList<MachineRecord> Machines,
    string? PairState,
    string? FailoverPhase,
    bool HasPendingWriter,
    bool IsDraining,
    long? CandidateId)
{
    /// <summary>The newest GPU machine before the first generation.</summary>
    public MachineRecord? FirstGpu => Generation == 0 ? Machines.LastOrDefault(machine => machine is { IsGpu: true, IsOver: false }) : null;

    public MachineRecord? Standby => Machines.LastOrDefault(machine => machine is { IsGpu: false, IsOver: false });

    /// <summary>The GPU machine that is to take over from the standby.</summary>
    public MachineRecord? Candidate => Machines.FirstOrDefault(machine => machine.Id == CandidateId);

    /// <summary>A GPU machine is in that phase.</summary>
    public bool IsGpuIn(string phase) => Machines.Any(machine => machine.IsGpu && machine.Phase == phase);

    /// <summary>The machine that serves is a GPU machine.</summary>
    public bool IsOnGpu => Machines.Any(machine => machine.Id == WriterId && machine.IsGpu);

    public override string ToString() =>
        $"instance {InstanceId} {Status} generation {Generation}, {string.Join(" ", Machines.Select(machine => $"{(machine.IsGpu ? "gpu" : "standby")}:{machine.Phase}"))}, "
        + $"pair {PairState ?? "none"} {FailoverPhase}{(HasPendingWriter ? " pending" : "")}{(IsDraining ? " draining" : "")}";
}

/// <summary>The server's database from outside, without its knowledge: how a scenario knows when to strike.</summary>
internal sealed class ServerRecords : IDisposable
{
    private readonly SqliteConnection _connection;

    static ServerRecords() => Batteries_V2.Init();

    public ServerRecords(string file)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        _connection.Open();
    }

    /// <summary>The instance of that label as it is on record now, all of one transaction.</summary>
    public ServerState Read(string label)
    {
        using var transaction = _connection.BeginTransaction(deferred: true);
        using var command = _connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText =
            """
            SELECT i.id, i.status, i.generation, i.writer_machine_id,
                (SELECT group_concat(m.id || ' ' || m.role || ' ' || m.phase, ',') FROM (SELECT * FROM machines WHERE instance_id = i.id ORDER BY ordinal) m),
                json_extract(a.document, '$.state'), json_extract(a.document, '$.phase'), json_extract(a.document, '$.pending') IS NOT NULL,
                coalesce(json_extract(a.document, '$.draining'), 0), json_extract(a.document, '$.candidate_machine_id')
            FROM instances i LEFT JOIN associations a ON a.instance_id = i.id WHERE i.label = $label
            """;
        command.Parameters.AddWithValue("$label", label);
        using var reader = command.ExecuteReader();
        return reader.Read()
            ? new ServerState(
                reader.GetInt64(0),
                reader.GetString(1),
                reader.GetInt64(2),
                reader.IsDBNull(3) ? null : reader.GetInt64(3),
                reader.IsDBNull(4) ? [] : [.. reader.GetString(4).Split(',').Select(Machine)],
                Text(reader, 5),
                Text(reader, 6),
                reader.GetInt64(7) != 0,
                reader.GetInt64(8) != 0,
                FindId(reader))
            : new ServerState(null, "none", 0, null, [], null, null, false, false, null);
    }

    /// <summary>Lets the time of an instance's next scheduled snapshot have come. The server must be dead.</summary>
    public static void MakeScheduleDue(string file, long instanceId)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText =
            """
            UPDATE snapshot_schedules SET next_at = 1 WHERE instance_id = $id;
            UPDATE work_items SET due_at = 1, lease_until = 0 WHERE kind = 'snapshot-schedule' AND key = $id
            """;
        command.Parameters.AddWithValue("$id", instanceId);
        Assert.Equal(2, command.ExecuteNonQuery());
    }

    public void Dispose() => _connection.Dispose();

    private static MachineRecord Machine(string text)
    {
        var words = text.Split(' ');
        return new MachineRecord(long.Parse(words[0], System.Globalization.CultureInfo.InvariantCulture), words[1] == "Gpu", words[2]);
    }

    private static string? Text(SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    // A typed id is written as a number or, without a converter, as an object.
    private static long? FindId(SqliteDataReader reader) =>
        reader.IsDBNull(9) ? null : long.Parse(new string([.. reader.GetValue(9).ToString()!.Where(char.IsAsciiDigit)]), System.Globalization.CultureInfo.InvariantCulture);
}
