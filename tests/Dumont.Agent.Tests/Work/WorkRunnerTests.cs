using System.Collections.Concurrent;
using Dumont.Agent.Work;
using Dumont.Contracts;
using Dumont.Snapshots.Engines;

namespace Dumont.Agent.Tests.Work;

public sealed class WorkRunnerTests : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TempFolder _folder = new();
    private readonly ScriptedEngine _engine = new();
    private readonly WorkRunner _runner;
    private readonly Task _running;

    public WorkRunnerTests()
    {
        _runner = new WorkRunner(work => work.Engine == "none" ? throw new SnapshotEngineException(SnapshotFailure.NotInstalled, "not here") : _engine, TestAgent.Log);
        _running = _runner.RunAsync(_stop.Token);
    }

    [Fact]
    public async Task Order_Snapshot_IsDoneOnceAndItsResultStays()
    {
        _engine.Release();
        _runner.Accept(Order(Snapshot(1)));
        await Eventually.TrueAsync(() => _runner.Report is { State: AgentWorkState.Done }, "the work is done");
        _runner.Accept(Order(Snapshot(1)));
        _runner.Accept(Order(Snapshot(1)));
        Assert.Equal((1, "engine-1", 5L), (_engine.Calls.Count, _runner.Report!.Result!.SnapshotId, _runner.Report.Result.BytesAdded));
        Assert.Equal("op-1", _engine.Calls.Single());
    }

    [Fact]
    public async Task Order_WithoutWork_EndsWhatIsDoneAndForgetsIt()
    {
        _runner.Accept(Order(Snapshot(1)));
        await Eventually.TrueAsync(() => _engine.Calls.Count == 1, "the work has begun");
        Assert.Equal(AgentWorkState.Running, _runner.Report!.State);
        _runner.Accept(Order(null));
        await Eventually.TrueAsync(() => _engine.Cancelled == 1 && _runner.Report is null, "the work is ended");
    }

    [Fact]
    public async Task Order_OtherWork_TakesThePlaceOfTheFirst()
    {
        _runner.Accept(Order(Snapshot(1)));
        await Eventually.TrueAsync(() => _engine.Calls.Count == 1, "the first has begun");
        _runner.Accept(Order(Snapshot(2)));
        await Eventually.TrueAsync(() => _engine.Calls.Count == 2, "the second has begun");
        Assert.Equal(1, _engine.Cancelled);
        _engine.Release();
        await Eventually.TrueAsync(() => _runner.Report is { OperationId: 2, State: AgentWorkState.Done }, "the second is done");
    }

    [Theory]
    [InlineData(AgentWorkKind.Preview, true)]
    [InlineData(AgentWorkKind.Restore, false)]
    public async Task Order_RestoreWithDeletion_SaysWhatIsRemovedAndAPreviewChangesNothing(AgentWorkKind kind, bool isDryRun)
    {
        _runner.Accept(Order(Snapshot(4) with { Kind = kind, SnapshotId = "engine-1", TargetPath = _folder.Path, Delete = true }));
        await Eventually.TrueAsync(() => _runner.Report is { State: AgentWorkState.Done }, "the work is done");
        Assert.Equal((true, isDryRun), (_engine.Restored!.Delete, _engine.Restored.DryRun));
        var removed = _runner.Report!.Result!.Removed!;
        Assert.Equal((2, 30, "old"), (removed.Count, removed.Bytes, Assert.Single(removed.Paths)));
    }

    [Theory]
    [InlineData("scripted", "damaged")]
    [InlineData("none", "not_installed")]
    public async Task Work_Fails_SaysWhy(string engine, string failure)
    {
        _engine.Failure = new SnapshotEngineException(SnapshotFailure.Damaged, "a pack is broken");
        _engine.Release();
        _runner.Accept(Order(Snapshot(3) with { Engine = engine }));
        await Eventually.TrueAsync(() => _runner.Report is { State: AgentWorkState.Failed }, "the work has failed");
        Assert.Equal(failure, _runner.Report!.Failure);
    }

    [Fact]
    public async Task Progress_IsReported()
    {
        _runner.Accept(Order(Snapshot(1)));
        await Eventually.TrueAsync(() => _engine.Calls.Count == 1, "the work has begun");
        _engine.Progress!.Report(new EngineProgress("transferring", 10, 40, 1, 4));
        Assert.Equal(("transferring", 10L, 40L, 1L, 4L), (_runner.Report!.Phase, _runner.Report.BytesDone, _runner.Report.BytesTotal, _runner.Report.FilesDone, _runner.Report.FilesTotal));
    }

    [Fact]
    public void Order_Saved_HasNoWorkInIt()
    {
        var store = new OrderStore(_folder.Path, TestAgent.Log);
        store.Save(Order(Snapshot(1)));
        Assert.Null(store.Find()!.Work);
        Assert.DoesNotContain("5ec2e7", File.ReadAllText(_folder.File("order")), StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _running);
        _runner.Dispose();
        _stop.Dispose();
        _folder.Dispose();
    }

    private AgentOrder Order(AgentWork? work) => new(1, AgentRole.Writer, _folder.Path, null, Drain: false, [], work);

    private AgentWork Snapshot(long id) =>
        new(id, AgentWorkKind.Snapshot, "scripted", 1, "5ec2e7", _folder.Path, "instance-1", Full: false, null, null, [], Verify: false, 0);

    private sealed class ScriptedEngine : ISnapshotEngine
    {
        private readonly TaskCompletionSource _released = new();

        public ConcurrentQueue<string> Calls { get; } = [];

        public int Cancelled { get; private set; }

        public Exception? Failure { get; set; }

        public IProgress<EngineProgress>? Progress { get; private set; }

        public void Release() => _released.TrySetResult();

        public async Task<SnapshotResult> SnapshotAsync(SnapshotRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
        {
            Progress = progress;
            Calls.Enqueue(request.OperationTag);
            try
            {
                await _released.Task.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                Cancelled++;
                throw;
            }

            return Failure is null ? new SnapshotResult("engine-1", 1, 0, 0, 10, 5, TimeSpan.FromSeconds(1), IsIncremental: false, []) : throw Failure;
        }

        public Task EnsureRepositoryAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public RestoreRequest? Restored { get; private set; }

        public Task<RestoreResult> RestoreAsync(RestoreRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
        {
            Restored = request;
            return Task.FromResult(new RestoreResult(1, 10, TimeSpan.FromSeconds(1), [], new RemovedEntries(2, 30, ["old"])));
        }

        public Task<IReadOnlyList<EngineSnapshot>> ListAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<VerifyResult> VerifyAsync(VerifyRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task ForgetAsync(IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<PruneResult> PruneAsync(bool thorough, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<RepositoryStats> StatsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
