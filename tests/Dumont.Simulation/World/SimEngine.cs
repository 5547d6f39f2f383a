using Dumont.Server.Snapshots;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Faults;
using Dumont.Simulation.Server;
using Dumont.Snapshots;
using Dumont.Snapshots.Engines;
using Repository = Dumont.Server.Snapshots.Repository;
using RestoreResult = Dumont.Snapshots.Engines.RestoreResult;
using SnapshotResult = Dumont.Snapshots.Engines.SnapshotResult;

namespace Dumont.Simulation.World;

/// <summary>The repository as one incarnation of the server reaches it.</summary>
internal sealed class SimEngine(SimServer server, CloudWorld world, Scheduler scheduler, Random random, Checks checks) : IRepositoryOpener, ISnapshotEngine, IObjectStore
{
    /// <summary>How long a prune leaves marked data where it is.</summary>
    private TimeSpan Grace { get; init; }

    /// <inheritdoc />
    public StoreTraits Traits => new(1, 1);

    /// <inheritdoc />
    public IObjectStore OpenObjects(Repository repository) => this;

    /// <inheritdoc />
    public ISnapshotEngine OpenEngine(Repository repository, string secret, TimeSpan graceOfPrune) =>
        new SimEngine(server, world, scheduler, random, checks) { Grace = graceOfPrune };

    /// <inheritdoc />
    public async Task EnsureRepositoryAsync(CancellationToken cancellationToken)
    {
        await SendAsync("make", cancellationToken);
        await AnswerAsync("make", cancellationToken);
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<EngineSnapshot>> ListAsync(CancellationToken cancellationToken)
    {
        await SendAsync("list", cancellationToken);
        IReadOnlyList<EngineSnapshot> found =
        [
            .. world.Repository.Snapshots.Select(each => new EngineSnapshot(each.Id, each.HostName, each.OperationTag, DateTimeOffset.UnixEpoch + each.TakenAt, "/workspace")),
        ];
        await AnswerAsync("list", cancellationToken);
        return found;
    }

    /// <inheritdoc />
    public async Task ForgetAsync(IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken)
    {
        await SendAsync("forget", cancellationToken);
        foreach (var snapshot in snapshotIds.Select(world.Repository.Find).OfType<SimSnapshot>())
        {
            await checks.Snapshots.OnForgetAsync(snapshot);
            world.Repository.Forget(snapshot);
        }

        await AnswerAsync("forget", cancellationToken);
    }

    /// <inheritdoc />
    public async Task<PruneResult> PruneAsync(bool thorough, CancellationToken cancellationToken)
    {
        await SendAsync("prune", cancellationToken);
        var lease = new object();
        if (!world.Repository.TryLease(lease))
        {
            throw new SnapshotEngineException(SnapshotFailure.Locked, "Another prune holds the lease.");
        }

        try
        {
            world.Repository.Mark();
            await scheduler.DelayAsync(TimeSpan.FromSeconds(0.5 + (3 * random.NextDouble())), cancellationToken);
            await server.GateAsync(mayHold: false);
            world.Repository.Sweep(Grace);
            await AnswerAsync("prune", cancellationToken);
        }
        finally
        {
            world.Repository.EndLease(lease);
        }

        return new PruneResult(0, 0, 0);
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<StoredObject> ListAsync(string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var each in world.Repository.Snapshots.ToList())
        {
            yield return new StoredObject(each.Id, 1, DateTimeOffset.UnixEpoch + each.TakenAt);
        }

        await Task.CompletedTask;
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc />
    public Task<VerifyResult> VerifyAsync(VerifyRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <inheritdoc />
    public Task<RepositoryStats> StatsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <inheritdoc />
    public Task<SnapshotResult> SnapshotAsync(SnapshotRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <inheritdoc />
    public Task<RestoreResult> RestoreAsync(RestoreRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <inheritdoc />
    public ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <inheritdoc />
    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <inheritdoc />
    public ValueTask<StoredObject?> FindAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <inheritdoc />
    public ValueTask DeleteAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException();

    private async Task SendAsync(string operation, CancellationToken cancellationToken)
    {
        await server.PassAsync(Seam.BeforeSend, $"repository {operation}");
        await scheduler.DelayAsync(TimeSpan.FromMilliseconds(10 + random.Next(100)), cancellationToken);
        await server.GateAsync(mayHold: false);
        if (server.Faults.Draw("store", FaultSite.Work) is { } fault)
        {
            throw new SnapshotEngineException(SnapshotFailure.Store, fault.Name);
        }
    }

    private async Task AnswerAsync(string operation, CancellationToken cancellationToken)
    {
        await server.PassAsync(Seam.InFlight, $"repository {operation}");
        await scheduler.DelayAsync(TimeSpan.FromMilliseconds(10 + random.Next(100)), cancellationToken);
        await server.PassAsync(Seam.Answered, $"repository {operation}");
    }
}
