using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

/// <summary>The settings of failover: those of a user are kept with auto-standby, those of an instance in <c>failover_settings</c>.</summary>
internal sealed class FailoverSettings(Database database, TimeProvider time, IOptions<DetectionOptions> detection)
{
    /// <summary>How an instance's failover works.</summary>
    public async Task<FailoverRules> GetAsync(UserId user, InstanceId id, CancellationToken cancellationToken)
    {
        var (ofUser, own) = await database.ReadAsync(
            connection => connection.QuerySingleAsync<(string? OfUser, string? Own)>(
                """
                SELECT (SELECT value FROM server_values WHERE name = @name) AS OfUser,
                    (SELECT document FROM failover_settings WHERE instance_id = @id) AS Own
                """,
                new { name = AutoStandby.KeyOf(user), id = id.Value }),
            cancellationToken);
        return Resolve(AutoStandby.Read(ofUser), own is null ? null : Columns.FromDocument<FailoverWishes>(own));
    }

    /// <summary>What follows from a user's settings and an instance's own.</summary>
    public FailoverRules Resolve(AutoStandbySettings ofUser, FailoverWishes? own) => FailoverRules.Of(ofUser, own, detection.Value);

    /// <summary>The instances of a user that have settings of their own.</summary>
    public Task<IReadOnlyDictionary<InstanceId, FailoverWishes>> ListOwnAsync(UserId user, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyDictionary<InstanceId, FailoverWishes>>(
            async connection => (await connection.QueryAsync<(long Id, string Document)>(
                "SELECT instance_id, document FROM failover_settings WHERE user_id = @user", new { user = user.Value }))
                .ToDictionary(row => new InstanceId(row.Id), row => Columns.FromDocument<FailoverWishes>(row.Document)),
            cancellationToken);

    /// <summary>Changes the user's settings. Every instance is looked at again, so that its agents learn of it.</summary>
    public Task ChangeOfUserAsync(UserId user, Func<AutoStandbySettings, AutoStandbySettings> change, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                await AutoStandby.ChangeAsync(transaction, user, change);
                var ids = await transaction.Connection!.QueryAsync<long>(
                    "SELECT id FROM instances WHERE user_id = @user AND deleted_at IS NULL", new { user = user.Value }, transaction);
                foreach (var id in ids.ToList())
                {
                    await WakeAsync(transaction, id);
                }
            },
            cancellationToken);

    /// <summary>Changes an instance's own settings.</summary>
    public Task ChangeOwnAsync(UserId user, InstanceId id, Func<FailoverWishes, FailoverWishes> change, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                // An insert that may change nothing, for its lock: a change at the same time waits and then reads what this one wrote.
                var document = await transaction.Connection!.ExecuteScalarAsync<string>(
                    """
                    INSERT INTO failover_settings (instance_id, user_id, document) VALUES (@id, @user, @none)
                    ON CONFLICT (instance_id) DO UPDATE SET document = failover_settings.document RETURNING document
                    """,
                    new { id = id.Value, user = user.Value, none = Columns.Document(new FailoverWishes()) },
                    transaction);
                await transaction.Connection!.ExecuteAsync(
                    "UPDATE failover_settings SET document = @document WHERE instance_id = @id",
                    new { id = id.Value, document = Columns.Document(change(Columns.FromDocument<FailoverWishes>(document!))) },
                    transaction);
                await WakeAsync(transaction, id.Value);
            },
            cancellationToken);

    /// <summary>Takes an instance's own settings away: the user's hold again.</summary>
    public Task RemoveOwnAsync(InstanceId id, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                await transaction.Connection!.ExecuteAsync("DELETE FROM failover_settings WHERE instance_id = @id", new { id = id.Value }, transaction);
                await WakeAsync(transaction, id.Value);
            },
            cancellationToken);

    private async Task WakeAsync(DbTransaction transaction, long id)
    {
        await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, id, time.GetUtcNow());
        await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, id, time.GetUtcNow());
        await WorkQueue.WakeAsync(transaction, WorkKinds.Recovery, id, time.GetUtcNow());
    }
}
