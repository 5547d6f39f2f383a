using System.Collections.Concurrent;
using System.Globalization;
using Dumont.Snapshots;
using Dumont.Snapshots.Engines;

namespace Dumont.Server.Snapshots;

/// <summary>What came of the server's own work in a repository.</summary>
/// <param name="BytesFreed">By a prune.</param>
/// <param name="Verified">Of a verification that came to an end.</param>
/// <param name="Failure">Kind of failure as a word; null without one.</param>
/// <param name="Message">Why it failed.</param>
internal sealed record RepositoryOutcome(long BytesFreed, VerifyResult? Verified, string? Failure, string? Message);

/// <summary>Work in repositories that may take longer than a tick: dropping, pruning, verifying. Runs in this process only; whoever asks for it asks again
/// until it is done, and after a restart it begins anew, which changes nothing.</summary>
/// <param name="repositories">Where they are.</param>
/// <param name="snapshots">What was deleted.</param>
/// <param name="operations">What came to nothing.</param>
/// <param name="verifications">What is damaged.</param>
/// <param name="time">Clock.</param>
/// <param name="scheduler">Where it runs: not on the thread of the tick that asks.</param>
internal sealed class RepositoryWork(
    Repositories repositories, SnapshotStore snapshots, OperationStore operations, VerificationStore verifications, TimeProvider time, TaskScheduler scheduler) : IAsyncDisposable
{
    private const string OperationTagPrefix = "op-";

    private static readonly TimeSpan LockedDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan GraceWhileRead = TimeSpan.FromDays(1);

    private readonly ConcurrentDictionary<long, (Task<RepositoryOutcome> Work, CancellationTokenSource Stop)> _running = new();

    /// <summary>Begins the work of <paramref name="operation"/> unless it is under way.</summary>
    /// <returns>What came of it; null while it runs.</returns>
    public RepositoryOutcome? Ensure(SnapshotOperation operation)
    {
        if (!_running.TryGetValue(operation.Id, out var running))
        {
            var stop = new CancellationTokenSource();
            running = (Task.Factory.StartNew(() => RunAsync(operation, stop.Token), CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler).Unwrap(), stop);
            _running[operation.Id] = running;
        }

        return running.Work.IsCompletedSuccessfully ? running.Work.GetAwaiter().GetResult()
            : running.Work.IsCompleted ? new RepositoryOutcome(0, null, "other", running.Work.Exception?.GetBaseException().Message ?? "It was ended.")
            : null;
    }

    /// <summary>Ends work that is not wanted any more.</summary>
    public void Cancel(long operation)
    {
        if (_running.TryRemove(operation, out var running))
        {
            running.Stop.Cancel();
        }
    }

    /// <summary>Its outcome has been recorded.</summary>
    public void Forget(long operation) => _running.TryRemove(operation, out _);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        foreach (var (work, stop) in _running.Values)
        {
            await stop.CancelAsync();
            await ((Task)work).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stop.Dispose();
        }
    }

    private async Task<RepositoryOutcome> RunAsync(SnapshotOperation operation, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await RunOnceAsync(operation, cancellationToken);
            }
            catch (SnapshotEngineException failed) when (failed.Failure == SnapshotFailure.Locked && time.GetUtcNow() < operation.Document.Before)
            {
                // A machine is adding to it.
                await Task.Delay(LockedDelay, time, cancellationToken);
            }
            catch (Exception failed) when (failed is SnapshotEngineException or ObjectStoreException or IOException)
            {
                var kind = failed is SnapshotEngineException known ? known.Failure : SnapshotFailure.Store;
                return new RepositoryOutcome(0, null, kind.ToString().ToLowerInvariant(), failed.Message);
            }
        }
    }

    private async Task<RepositoryOutcome> RunOnceAsync(SnapshotOperation operation, CancellationToken cancellationToken)
    {
        var repository = await repositories.FindAsync(operation.RepositoryId, cancellationToken)
            ?? throw new SnapshotEngineException(SnapshotFailure.NotFound, "There is no such repository.");
        if (!repository.IsReady)
        {
            return new RepositoryOutcome(0, operation.Kind == OperationKind.Verify ? VerifyResult.Sound(bytesRead: 0) : null, null, null);
        }

        // A restore reads what it has found at its start.
        var isRead = (await operations.ListLiveAsync(repository.Id, cancellationToken)).Any(each => each.Kind == OperationKind.Restore);
        var engine = await repositories.EngineOfAsync(repository, isRead ? GraceWhileRead : TimeSpan.Zero, cancellationToken);
        if (operation.Kind == OperationKind.Verify)
        {
            return new RepositoryOutcome(0, await engine.VerifyAsync(RequestOf(operation.Document), cancellationToken), null, null);
        }

        // All that were ever deleted: one whose dropping failed goes with the next.
        var ids = (await snapshots.ListDeletedAsync(repository.Id, cancellationToken)).ToHashSet(StringComparer.Ordinal);
        if (operation.Kind != OperationKind.Prune)
        {
            await engine.ForgetAsync([.. ids], cancellationToken);
            return new RepositoryOutcome(0, null, null, null);
        }

        foreach (var each in await engine.ListAsync(cancellationToken))
        {
            if (await IsLeftOverAsync(each, cancellationToken))
            {
                ids.Add(each.SnapshotId);
            }
        }

        await engine.ForgetAsync([.. ids], cancellationToken);

        // Counted in the store: engines count what snapshots use.
        var before = await SizeAsync(repository, cancellationToken);
        var isDamaged = (await verifications.GetAsync(repository.Id, cancellationToken)).Damage.Count > 0;
        await engine.PruneAsync(isDamaged, cancellationToken);
        return new RepositoryOutcome(Math.Max(0, before - await SizeAsync(repository, cancellationToken)), null, null, null);
    }

    private static VerifyRequest RequestOf(OperationDocument asked) => new(asked.Verify, [.. asked.VerifyParts, .. asked.VerifyAgain], asked.VerifyPacks);

    // A machine made it and its operation came to nothing all the same: it was cancelled, or took too long.
    private async Task<bool> IsLeftOverAsync(EngineSnapshot snapshot, CancellationToken cancellationToken) =>
        snapshot.OperationTag is { } tag && tag.StartsWith(OperationTagPrefix, StringComparison.Ordinal)
        && long.TryParse(tag.AsSpan(OperationTagPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        && await operations.FindAsync(id, cancellationToken) is { State: OperationState.Failed or OperationState.Cancelled };

    private async Task<long> SizeAsync(Repository repository, CancellationToken cancellationToken)
    {
        var size = 0L;
        await foreach (var each in repositories.OpenObjects(repository).ListAsync("", cancellationToken))
        {
            size += each.SizeBytes;
        }

        return size;
    }
}
