using System.Text.Json;
using Dumont.Contracts;
using Dumont.Snapshots;
using Dumont.Snapshots.Engines;

namespace Dumont.Agent.Work;

/// <summary>Makes the engine that a piece of work is for.</summary>
/// <exception cref="SnapshotEngineException">This agent has no such engine.</exception>
internal delegate ISnapshotEngine EngineFactory(AgentWork work);

/// <summary>Does the ordered work, one piece at a time, and remembers how the last one ended until other work is ordered.</summary>
internal sealed class WorkRunner(EngineFactory newEngine, AgentLog log) : IDisposable
{
    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly Lock _lock = new();
    private AgentWork? _wanted;
    private string _workspace = "/";
    private CancellationTokenSource? _running;
    private volatile AgentWorkReport? _report;

    /// <summary>Called when work began or ended.</summary>
    public event Action? StateChanged;

    /// <summary>How far the work is; null without any.</summary>
    public AgentWorkReport? Report => _report;

    /// <summary>Takes what the newest order says. Work that is not ordered any more is ended.</summary>
    public void Accept(AgentOrder order)
    {
        lock (_lock)
        {
            if (order.Work?.OperationId == _wanted?.OperationId)
            {
                return;
            }

            (_wanted, _workspace) = (order.Work, order.Workspace);
            _running?.Cancel();
            if (_changed.CurrentCount == 0)
            {
                _changed.Release();
            }
        }
    }

    /// <summary>Does what is ordered until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _changed.WaitAsync(cancellationToken);
            using var running = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            AgentWork? work;
            lock (_lock)
            {
                (work, _running) = (_wanted, running);
            }

            try
            {
                _report = work is null ? null : Begun(work);
                StateChanged?.Invoke();
                if (work is not null)
                {
                    await RunAsync(work, running.Token);
                }
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                log.Info("work.cancelled", ("operation", work?.OperationId));
                _report = null;
            }
            finally
            {
                lock (_lock)
                {
                    _running = null;
                }
            }

            StateChanged?.Invoke();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _changed.Dispose();

    private async Task RunAsync(AgentWork work, CancellationToken cancellationToken)
    {
        log.Info("work.begin", ("operation", work.OperationId), ("kind", work.Kind), ("engine", work.Engine));
        var progress = new Progress(this, work);
        try
        {
            var engine = newEngine(work);
            var result = work.Kind == AgentWorkKind.Snapshot
                ? await SnapshotAsync(engine, work, progress, cancellationToken)
                : await RestoreAsync(engine, work, progress, cancellationToken);
            _report = Begun(work) with
            {
                State = AgentWorkState.Done,
                Phase = "done",
                BytesDone = result.BytesProcessed,
                BytesTotal = result.BytesProcessed,
                Result = result,
            };
            log.Info("work.done", ("operation", work.OperationId), ("bytes", result.BytesProcessed), ("added", result.BytesAdded));
        }
        catch (Exception failed) when (failed is SnapshotEngineException or IOException or UnauthorizedAccessException)
        {
            var kind = failed is SnapshotEngineException known ? known.Failure : SnapshotFailure.Files;
            log.Warn("work.failed", ("operation", work.OperationId), ("failure", kind), ("reason", failed.Message));
            _report = Begun(work) with
            {
                State = AgentWorkState.Failed,
                Phase = "failed",
                Failure = JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString()),
                Message = failed.Message.Length <= EngineLimits.WarningLengthMax ? failed.Message : failed.Message[..EngineLimits.WarningLengthMax],
            };
        }
    }

    private static async Task<AgentWorkResult> SnapshotAsync(
        ISnapshotEngine engine, AgentWork work, Progress progress, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(work.SourcePath))
        {
            throw new SnapshotEngineException(SnapshotFailure.Files, $"There is no directory {work.SourcePath} on the machine.");
        }

        var made = await engine.SnapshotAsync(
            new SnapshotRequest(work.SourcePath, work.HostName, $"op-{work.OperationId}", work.Full, [TreePath.StagingName]), progress, cancellationToken);
        return new AgentWorkResult(
            made.SnapshotId,
            made.FilesNew,
            made.FilesChanged,
            made.FilesUnmodified,
            made.BytesProcessed,
            made.BytesAdded,
            made.Duration.TotalSeconds,
            made.IsIncremental,
            made.Warnings);
    }

    private async Task<AgentWorkResult> RestoreAsync(
        ISnapshotEngine engine, AgentWork work, Progress progress, CancellationToken cancellationToken)
    {
        if (work is not { SnapshotId: { } snapshot, TargetPath: { } target })
        {
            throw new SnapshotEngineException(SnapshotFailure.Other, "The order names no snapshot or no target.");
        }

        // On the workspace's own file system, in a place that no sync carries.
        var staging = Path.Combine(_workspace, TreePath.StagingName, $"restore-{work.OperationId}");
        var restored = await engine.RestoreAsync(
            new RestoreRequest(
                snapshot, work.SourcePath, target, staging, work.Include, work.Verify, work.Delete, DryRun: work.Kind == AgentWorkKind.Preview),
            progress,
            cancellationToken);
        return new AgentWorkResult(
            "",
            restored.FilesRestored,
            0,
            0,
            restored.BytesRestored,
            0,
            restored.Duration.TotalSeconds,
            IsIncremental: false,
            restored.Warnings,
            work.Delete ? new AgentRemoval(restored.Removed.Count, restored.Removed.Bytes, restored.Removed.Paths) : null);
    }

    private static AgentWorkReport Begun(AgentWork work) =>
        new(work.OperationId, AgentWorkState.Running, "starting", 0, work.BytesExpected, 0, 0, null, null, null);

    private sealed class Progress(WorkRunner runner, AgentWork work) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value) =>
            runner._report = Begun(work) with
            {
                Phase = value.Phase,
                BytesDone = value.BytesDone,
                BytesTotal = value.BytesTotal == 0 ? work.BytesExpected : value.BytesTotal,
                FilesDone = value.FilesDone,
                FilesTotal = value.FilesTotal,
            };
    }
}
