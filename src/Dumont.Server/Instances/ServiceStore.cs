using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Instances;

/// <summary>The rows of <c>instance_services</c>.</summary>
internal sealed class ServiceStore(Database database, EventStore events, TimeProvider time)
{
    /// <summary>What is declared for an instance.</summary>
    public async Task<DeclaredServices> GetAsync(InstanceId id, CancellationToken cancellationToken)
    {
        var document = await database.ReadAsync(
            connection => connection.ExecuteScalarAsync<string?>("SELECT document FROM instance_services WHERE instance_id = @id", new { id = id.Value }),
            cancellationToken);
        return document is null ? DeclaredServices.None : Columns.FromDocument<DeclaredServices>(document);
    }

    /// <summary>Changes what is declared; <paramref name="change"/> answers null to leave it. The instance is looked at again, so that its agents learn of it.</summary>
    /// <returns>Whether there was something to change.</returns>
    public Task<bool> ChangeAsync(UserId user, InstanceId id, Func<DeclaredServices, DeclaredServices?> change, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                // An insert that may change nothing, for its lock: a change at the same time waits and then reads what this one wrote.
                var document = await transaction.Connection!.ExecuteScalarAsync<string>(
                    """
                    INSERT INTO instance_services (instance_id, user_id, document) VALUES (@id, @user, @none)
                    ON CONFLICT (instance_id) DO UPDATE SET document = instance_services.document RETURNING document
                    """,
                    new { id = id.Value, user = user.Value, none = Columns.Document(DeclaredServices.None) },
                    transaction);
                if (change(Columns.FromDocument<DeclaredServices>(document!)) is not { } changed)
                {
                    return false;
                }

                await transaction.Connection!.ExecuteAsync(
                    "UPDATE instance_services SET document = @document WHERE instance_id = @id",
                    new { id = id.Value, document = Columns.Document(changed) },
                    transaction);
                await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, id.Value, time.GetUtcNow());
                return true;
            },
            cancellationToken);

    /// <summary>Tells once how a hook ended.</summary>
    public Task TellAsync(UserId user, InstanceId id, AgentHookReport hook, Fence fence, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var isNew = await WorkQueue.HoldsAsync(transaction, fence) && await transaction.Connection!.ExecuteAsync(
                    "UPDATE instance_services SET told_hook = @number WHERE instance_id = @id AND told_hook < @number",
                    new { id = id.Value, number = hook.Number },
                    transaction) == 1;
                if (isNew)
                {
                    await events.AppendAsync(transaction, user, id, EventOf(hook));
                }
            },
            cancellationToken);

    private static NewEvent EventOf(AgentHookReport hook)
    {
        var after = TimeSpan.FromSeconds(hook.Seconds);
        return hook.State == AgentServiceState.TimedOut ? InstanceEvents.HookTimedOut(hook.Name, after)
            : hook.ExitCode == 0 ? InstanceEvents.HookDone(hook.Name, after)
            : InstanceEvents.HookFailed(hook.Name, hook.ExitCode, after);
    }
}
