using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Machines;

/// <summary>A machine to be asked for: the intent.</summary>
internal sealed record NewMachine(
    InstanceId InstanceId,
    UserId UserId,
    MachineRole Role,
    string Provider,
    long Account,
    bool ExclusiveOffer,
    MachineDocument Document);

/// <summary>The machines table. Rows are inserted and their <c>desired</c> is set by the reconcilers above; everything else is written by the machine
/// reconciler alone, under its fence.</summary>
internal sealed class MachineStore(Database database, ServerIdentity identity, TimeProvider time)
{
    private const string AllColumns =
        "id, version, instance_id, user_id, role, ordinal, tag, provider, account, provider_machine_id, desired, phase, created_at, document";

    private readonly KeptRows<Machine> _rows = new(Read);

    /// <summary>Records an intent in the caller's transaction and makes it due.</summary>
    /// <returns>Null when the offer is already being bought by another of our machines.</returns>
    public async Task<MachineId?> InsertAsync(DbTransaction transaction, NewMachine machine)
    {
        var connection = transaction.Connection!;
        var now = time.GetUtcNow();
        var offer = machine.Document.Offer;
        if (machine.ExclusiveOffer && await connection.ExecuteScalarAsync<long>(
            """
            SELECT COUNT(*) FROM machines WHERE provider = @provider AND offer_id = @offer AND exclusive_offer = 1
                AND phase NOT IN ('Gone', 'Failed', 'Releasing')
            """,
            new { provider = machine.Provider, offer = offer.Id },
            transaction) > 0)
        {
            return null;
        }

        var ordinal = 1 + await connection.ExecuteScalarAsync<long>(
            "SELECT COALESCE(MAX(ordinal), 0) FROM machines WHERE instance_id = @instance", new { instance = machine.InstanceId.Value }, transaction);
        var tag = OwnerTag.Of(identity.ServerName, machine.InstanceId, ordinal);
        var id = await connection.ExecuteScalarAsync<long>(
            """
            INSERT INTO machines (instance_id, user_id, role, ordinal, tag, provider, account, offer_id, exclusive_offer, provider_machine_id, desired, phase,
                token_hash, version, created_at, document)
            VALUES (@instance, @user, @role, @ordinal, @tag, @provider, @account, @offer, @exclusive, NULL, 'Running', 'Intended', @token, 1, @at, @document)
            RETURNING id
            """,
            new
            {
                instance = machine.InstanceId.Value,
                user = machine.UserId.Value,
                role = machine.Role.ToString(),
                ordinal,
                tag,
                provider = machine.Provider,
                account = machine.Account,
                offer = offer.Id,
                exclusive = machine.ExclusiveOffer ? 1L : 0L,
                token = identity.MachineTokenHash(tag),
                at = Columns.Of(now),
                document = Columns.Document(machine.Document with { PhaseSince = now }),
            },
            transaction);
        await WorkQueue.WakeAsync(transaction, WorkKinds.Machine, id, now);
        return new MachineId(id);
    }

    /// <summary>Says what is wanted of a machine, in the caller's transaction, and makes it due when that changes.</summary>
    public async Task SetDesiredAsync(DbTransaction transaction, MachineId id, MachineDesired desired)
    {
        // Gone is for ever.
        var changed = await transaction.Connection!.ExecuteAsync(
            "UPDATE machines SET desired = @desired, version = version + 1 WHERE id = @id AND desired <> @desired AND desired <> 'Gone'",
            new { id = id.Value, desired = desired.ToString() },
            transaction);
        if (changed > 0)
        {
            await WorkQueue.WakeAsync(transaction, WorkKinds.Machine, id.Value, time.GetUtcNow());
        }
    }

    /// <summary>Wants machines gone, in the caller's transaction, where there are any.</summary>
    public async Task ReleaseAsync(DbTransaction transaction, params IEnumerable<MachineId?> ids)
    {
        foreach (var id in ids.OfType<MachineId>())
        {
            await SetDesiredAsync(transaction, id, MachineDesired.Gone);
        }
    }

    /// <summary>Writes what the reconciler has learnt. Wakes the instance, its standby and its recovery when something changed that they may care about.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public Task<Machine> SaveAsync(Machine before, Machine after, Fence fence, CancellationToken cancellationToken, Func<DbTransaction, Task>? also = null) =>
        database.WriteAsync(
            async transaction =>
            {
                if (!await WorkQueue.HoldsAsync(transaction, fence))
                {
                    throw new StaleWriteException($"Machine {before.Id}");
                }

                var changed = await transaction.Connection!.ExecuteAsync(
                    """
                    UPDATE machines SET provider_machine_id = @provider, phase = @phase, document = @document, version = version + 1
                    WHERE id = @id AND version = @version
                    """,
                    new
                    {
                        id = before.Id.Value,
                        version = before.Version,
                        provider = after.ProviderMachineId,
                        phase = after.Phase.ToString(),
                        document = Columns.Document(after.Document),
                    },
                    transaction);
                if (changed == 0)
                {
                    throw new StaleWriteException($"Machine {before.Id}");
                }

                if (Matters(before, after))
                {
                    var now = time.GetUtcNow();
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, after.InstanceId.Value, now);
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, after.InstanceId.Value, now);
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Recovery, after.InstanceId.Value, now);
                }

                if (also is not null)
                {
                    await also(transaction);
                }

                return after with { Version = before.Version + 1 };
            },
            cancellationToken);

    /// <summary>One machine; null when there is none.</summary>
    public async Task<Machine?> FindAsync(MachineId id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id", cancellationToken, ("@id", id.Value))).SingleOrDefault();

    /// <summary>The machine whose agent bears a token of this hash; null for an unknown token or a machine that is gone.</summary>
    public async Task<Machine?> FindByTokenHashAsync(string tokenHash, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE token_hash = @tokenHash AND phase <> 'Gone'", cancellationToken, ("@tokenHash", tokenHash))).SingleOrDefault();

    /// <summary>All machines that an instance has had, oldest first.</summary>
    public Task<IReadOnlyList<Machine>> ListAsync(InstanceId instanceId, CancellationToken cancellationToken) =>
        QueryAsync("WHERE instance_id = @id ORDER BY ordinal", cancellationToken, ("@id", instanceId.Value));

    /// <summary>Every machine of a user's present instances, oldest first.</summary>
    public Task<IReadOnlyList<Machine>> ListOfUserAsync(UserId userId, CancellationToken cancellationToken) =>
        QueryAsync("WHERE user_id = @id AND phase NOT IN ('Gone', 'Failed') ORDER BY id", cancellationToken, ("@id", userId.Value));

    /// <summary>Every machine that may be billed under one account.</summary>
    public Task<IReadOnlyList<Machine>> ListOfAccountAsync(string provider, long account, CancellationToken cancellationToken) =>
        QueryAsync("WHERE provider = @provider AND account = @account", cancellationToken, ("@provider", provider), ("@account", account));

    /// <summary>Whether a machine of this tag is recorded under any account of the provider.</summary>
    public Task<bool> ExistsAsync(string provider, string tag, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => await connection.ExecuteScalarAsync<long>(
                "SELECT COUNT(*) FROM machines WHERE provider = @provider AND tag = @tag", new { provider, tag }) > 0,
            cancellationToken);

    private Task<IReadOnlyList<Machine>> QueryAsync(string where, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        database.ReadAsync(
            connection => _rows.QueryAsync(connection, $"SELECT {AllColumns} FROM machines {where}", cancellationToken, parameters), cancellationToken);

    private static bool Matters(Machine before, Machine after) =>
        before.Phase != after.Phase
        || before.Document.Failure != after.Document.Failure
        || before.Document.ProviderState != after.Document.ProviderState;

    private static Machine Read(DbDataReader reader) =>
        new(
            new MachineId(reader.GetInt64(0)),
            new InstanceId(reader.GetInt64(2)),
            new UserId(reader.GetInt64(3)),
            Enum.Parse<MachineRole>(reader.GetString(4)),
            reader.GetInt64(5),
            reader.GetString(6),
            reader.GetString(7),
            reader.GetInt64(8),
            reader.IsDBNull(9) ? null : reader.GetString(9),
            Enum.Parse<MachineDesired>(reader.GetString(10)),
            Enum.Parse<MachinePhase>(reader.GetString(11)),
            reader.GetInt64(1),
            Columns.Instant(reader.GetInt64(12)),
            Columns.FromDocument<MachineDocument>(reader.GetString(13)));
}
