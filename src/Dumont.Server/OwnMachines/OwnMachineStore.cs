using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Providers.Ssh;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.OwnMachines;

/// <summary>An own machine that is about to join.</summary>
internal sealed record NewOwnMachine(
    UserId UserId, string Name, OwnMachineAddress Address, string? PrivateKey, OwnMachineUses Uses, string? Location, OwnMachineDocument Document);

/// <summary>The own_machines table.</summary>
internal sealed class OwnMachineStore(Database database, EventStore events, WorkQueue queue, TimeProvider time)
{
    /// <summary>Machines of one user at most.</summary>
    public const int MachinesMax = 200;

    // The records of machines tell who has one; a claim seen earlier may be one that they have closed since.
    private const string Select =
        """
        SELECT o.*,
            (SELECT m.tag FROM machines m WHERE m.provider = 'ssh' AND m.account = o.id AND m.phase NOT IN ('Gone', 'Failed') ORDER BY m.id DESC LIMIT 1) AS tenant_tag,
            (SELECT m.instance_id FROM machines m WHERE m.provider = 'ssh' AND m.account = o.id AND m.phase NOT IN ('Gone', 'Failed') ORDER BY m.id DESC LIMIT 1)
                AS tenant_instance
        FROM own_machines o
        """;

    /// <summary>All of one user, in the order in which they joined.</summary>
    public Task<IReadOnlyList<OwnMachine>> ListOfUserAsync(UserId user, CancellationToken cancellationToken) =>
        QueryAsync("WHERE o.user_id = @user AND o.removed_at IS NULL ORDER BY o.id", new { user = user.Value }, cancellationToken);

    /// <summary>Those of all users, for the sweep.</summary>
    public Task<IReadOnlyList<OwnMachine>> ListAsync(CancellationToken cancellationToken) =>
        QueryAsync("WHERE o.removed_at IS NULL ORDER BY o.id", new { }, cancellationToken);

    /// <summary>One, also when it was removed.</summary>
    public async Task<OwnMachine?> FindAsync(long id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE o.id = @id", new { id }, cancellationToken)).SingleOrDefault();

    /// <summary>One of a user; null when it is removed or somebody else's.</summary>
    public async Task<OwnMachine?> FindAsync(UserId user, long id, CancellationToken cancellationToken) =>
        await FindAsync(id, cancellationToken) is { RemovedAt: null } machine && machine.UserId == user ? machine : null;

    /// <summary>Adds a machine, puts its checks into the queue and records the event. Null when the user has one of that name or host key, or too many.</summary>
    public async Task<long?> InsertAsync(NewOwnMachine machine, CancellationToken cancellationToken)
    {
        var id = await database.WriteAsync(transaction => InsertAsync(transaction, machine), cancellationToken);
        queue.Pulse();
        return id;
    }

    /// <summary>Writes what a check has found, with its events; false when somebody else was faster.</summary>
    public Task<bool> SaveAsync(
        OwnMachine before, OwnMachineDocument after, IReadOnlyList<NewEvent> happened, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var changed = await transaction.Connection!.ExecuteAsync(
                    "UPDATE own_machines SET document = @document, version = version + 1 WHERE id = @id AND version = @version AND removed_at IS NULL",
                    new { id = before.Id, version = before.Version, document = Columns.Document(after) },
                    transaction);
                if (changed == 0)
                {
                    return false;
                }

                foreach (var each in happened)
                {
                    await events.AppendAsync(transaction, before.UserId, null, each);
                }

                return true;
            },
            cancellationToken);

    /// <summary>Removes a machine; false when a machine of ours is on it and <paramref name="evenClaimed"/> is not set.</summary>
    public Task<bool> RemoveAsync(OwnMachine machine, bool evenClaimed, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                // The private key goes at once. The address stays: what was rented there still has to be told that the machine is gone.
                var changed = await transaction.Connection!.ExecuteAsync(
                    """
                    UPDATE own_machines SET removed_at = @now, private_key = NULL, version = version + 1
                    WHERE id = @id AND removed_at IS NULL AND (@even = 1 OR NOT EXISTS (
                        SELECT 1 FROM machines m WHERE m.provider = 'ssh' AND m.account = own_machines.id AND m.phase NOT IN ('Gone', 'Failed')))
                    """,
                    new { id = machine.Id, now = Columns.Of(time.GetUtcNow()), even = evenClaimed ? 1L : 0L },
                    transaction);
                if (changed > 0)
                {
                    await events.AppendAsync(transaction, machine.UserId, null, OwnMachineEvents.Removed(machine.Id, machine.Name));
                }

                return changed > 0;
            },
            cancellationToken);

    private async Task<long?> InsertAsync(DbTransaction transaction, NewOwnMachine machine)
    {
        var connection = transaction.Connection!;
        var address = machine.Address;
        var parameters = new
        {
            user = machine.UserId.Value,
            name = machine.Name,
            host = address.Host,
            port = (long)address.Port,
            login = address.User,
            hostKey = address.HostKey,
            folder = address.Folder,
            instancePort = (long)address.InstancePort,
            privateKey = machine.PrivateKey,
            uses = machine.Uses.ToString(),
            location = machine.Location,
            now = Columns.Of(time.GetUtcNow()),
            document = Columns.Document(machine.Document),
            max = (long)MachinesMax,
        };
        var taken = await connection.ExecuteScalarAsync<long>(
            """
            SELECT COUNT(*) FROM own_machines WHERE user_id = @user AND removed_at IS NULL AND (name = @name OR host_key = @hostKey
                OR (SELECT COUNT(*) FROM own_machines n WHERE n.user_id = @user AND n.removed_at IS NULL) >= @max)
            """,
            parameters,
            transaction);
        if (taken > 0)
        {
            return null;
        }

        // A computer that comes back takes its old number, so that what was left on it is found by the account that it was rented under.
        var id = await connection.ExecuteScalarAsync<long?>(
            """
            UPDATE own_machines SET name = @name, host = @host, port = @port, login = @login, folder = @folder, instance_port = @instancePort,
                private_key = @privateKey, uses = @uses, location = @location, joined_at = @now, removed_at = NULL, document = @document, version = version + 1
            WHERE id = (SELECT MAX(r.id) FROM own_machines r WHERE r.user_id = @user AND r.host_key = @hostKey)
            RETURNING id
            """,
            parameters,
            transaction)
            ?? await connection.ExecuteScalarAsync<long>(
            """
            INSERT INTO own_machines (user_id, name, host, port, login, host_key, folder, instance_port, private_key, uses, location, version, joined_at, document)
            VALUES (@user, @name, @host, @port, @login, @hostKey, @folder, @instancePort, @privateKey, @uses, @location, 1, @now, @document)
            RETURNING id
            """,
            parameters,
            transaction);
        await events.AppendAsync(transaction, machine.UserId, null, OwnMachineEvents.Joined(id, machine.Name));
        await WorkQueue.WakeAsync(transaction, WorkKinds.OwnMachine, id, time.GetUtcNow());
        return id;
    }

    private Task<IReadOnlyList<OwnMachine>> QueryAsync(string where, object parameters, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<OwnMachine>>(
            async connection =>
            {
                var rows = (await connection.QueryAsync<Row>($"{Select} {where}", parameters)).Select(row => row.ToMachine()).ToList();
                for (var i = 0; i < rows.Count; i++)
                {
                    var closed = rows[i].Document.ClaimTag is { } tag && await connection.ExecuteScalarAsync<long>(
                        "SELECT COUNT(*) FROM machines WHERE tag = @tag AND provider = 'ssh' AND phase IN ('Gone', 'Failed')", new { tag }) > 0;
                    rows[i] = rows[i] with { IsOurPast = closed };
                }

                return rows;
            },
            cancellationToken);

    private sealed class Row
    {
        public long Id { get; init; }

        public long User_Id { get; init; }

        public string Name { get; init; } = "";

        public string Host { get; init; } = "";

        public long Port { get; init; }

        public string Login { get; init; } = "";

        public string Host_Key { get; init; } = "";

        public string Folder { get; init; } = "";

        public long Instance_Port { get; init; }

        public string? Private_Key { get; init; }

        public string Uses { get; init; } = "";

        public string? Location { get; init; }

        public long Version { get; init; }

        public long Joined_At { get; init; }

        public long? Removed_At { get; init; }

        public string Document { get; init; } = "";

        public string? Tenant_Tag { get; init; }

        public long? Tenant_Instance { get; init; }

        public OwnMachine ToMachine() => new(
            Id,
            new UserId(User_Id),
            Name,
            new OwnMachineAddress(Host, (int)Port, Login, Host_Key, Folder, (int)Instance_Port),
            Private_Key,
            Enum.Parse<OwnMachineUses>(Uses),
            Location,
            Version,
            Columns.Instant(Joined_At),
            Columns.Instant(Removed_At),
            Columns.FromDocument<OwnMachineDocument>(Document),
            Tenant_Tag is { } tag && Tenant_Instance is { } instance ? new OwnMachineTenant(tag, new InstanceId(instance)) : null);
    }
}
