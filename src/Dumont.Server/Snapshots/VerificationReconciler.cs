using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>Asks for a check of each repository in use, when it is due. The check itself is an operation like any other, and the server does it: the bytes
/// leave their store once.</summary>
internal sealed class VerificationReconciler(
    RepositoryStore repositories, VerificationStore store, OperationStore operations, SnapshotService service, TimeProvider time, IOptions<SnapshotsOptions> options)
    : IReconciler
{
    // A repository may have been made, or emptied of work, since.
    private static readonly TimeSpan LookInterval = TimeSpan.FromMinutes(10);

    /// <inheritdoc />
    public string Kind => WorkKinds.Verification;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        var next = LookInterval;
        foreach (var repository in await repositories.ListInUseAsync(cancellationToken))
        {
            var left = await ReconcileAsync(repository, cancellationToken);
            next = left < next ? left : next;
        }

        return Next.After(next);
    }

    // How long until it is worth another look.
    private async Task<TimeSpan> ReconcileAsync(Repository repository, CancellationToken cancellationToken)
    {
        var days = await store.DaysOfAsync(repository.UserId, cancellationToken);
        if (days == 0)
        {
            return LookInterval;
        }

        var (now, interval) = (time.GetUtcNow(), options.Value.VerifyInterval);
        var known = await store.GetAsync(repository.Id, cancellationToken);
        var dueAt = VerificationPolicy.NextAt(known, repository.CreatedAt, interval);
        if (dueAt > now)
        {
            return dueAt - now;
        }

        // Others go first, but not for ever.
        var live = await operations.ListLiveAsync(repository.Id, cancellationToken);
        if (live.Any(each => each.Kind == OperationKind.Verify) || (live.Count > 0 && now < dueAt + interval))
        {
            return LookInterval;
        }

        await service.VerifyPartsAsync(repository, VerificationPolicy.PartsDue(known, days, interval, now), cancellationToken);
        return interval;
    }
}
