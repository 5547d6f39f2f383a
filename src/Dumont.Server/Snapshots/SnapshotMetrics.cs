using System.Diagnostics.Metrics;
using Dumont.Contracts;

namespace Dumont.Server.Snapshots;

/// <summary>What the operator sees of snapshots.</summary>
internal sealed class SnapshotMetrics : IDisposable
{
    private readonly Meter _meter = new("Dumont.Snapshots");
    private readonly Counter<long> _operations;
    private readonly Counter<long> _bytesProcessed;
    private readonly Counter<long> _bytesAdded;
    private readonly Counter<long> _files;
    private readonly Histogram<double> _seconds;
    private readonly Counter<long> _damages;
    private readonly Counter<long> _bytesVerified;
    private readonly Histogram<double> _syncLatency;
    private readonly Counter<long> _syncBytes;
    private readonly Counter<long> _syncFiles;

    public SnapshotMetrics()
    {
        _operations = _meter.CreateCounter<long>("dumont.snapshot.operations", description: "Operations that ended, by kind and result.");
        _bytesProcessed = _meter.CreateCounter<long>("dumont.snapshot.bytes_processed", description: "Bytes of trees that were kept or brought back.");
        _bytesAdded = _meter.CreateCounter<long>("dumont.snapshot.bytes_added", description: "Bytes that repositories grew by.");
        _files = _meter.CreateCounter<long>("dumont.snapshot.files", description: "Files that were kept or brought back.");
        _seconds = _meter.CreateHistogram<double>("dumont.snapshot.duration_seconds", description: "Time on the machine.");
        _damages = _meter.CreateCounter<long>("dumont.snapshot.damages", description: "Checks of repositories that found damage.");
        _bytesVerified = _meter.CreateCounter<long>("dumont.snapshot.bytes_verified", description: "Bytes of repositories that checks have read.");
        _syncLatency = _meter.CreateHistogram<double>("dumont.sync.latency", "s", "From the wish for a sync to its end.");
        _syncBytes = _meter.CreateCounter<long>("dumont.sync.bytes", description: "Bytes that syncs sent.");
        _syncFiles = _meter.CreateCounter<long>("dumont.sync.files", description: "Files that syncs sent: new ones and changed ones.");
    }

    /// <summary>An operation ended.</summary>
    public void Ended(OperationKind kind, OperationState state, AgentWorkResult? result)
    {
        var word = new KeyValuePair<string, object?>("kind", kind.ToString().ToLowerInvariant());
        _operations.Add(1, word, new KeyValuePair<string, object?>("result", state.ToString().ToLowerInvariant()));
        if (result is not null)
        {
            _bytesProcessed.Add(result.BytesProcessed, word);
            _bytesAdded.Add(result.BytesAdded, word);
            _files.Add(result.FilesNew + result.FilesChanged + result.FilesUnmodified, word);
            _seconds.Record(result.DurationSeconds, word);
        }
    }

    /// <summary>A check of a repository ended.</summary>
    public void Verified(bool isDamaged, long bytes)
    {
        _damages.Add(isDamaged ? 1 : 0);
        _bytesVerified.Add(bytes);
    }

    /// <summary>A sync was made.</summary>
    public void Synced(TimeSpan latency, AgentWorkResult result)
    {
        _syncLatency.Record(latency.TotalSeconds);
        _syncBytes.Add(result.BytesAdded);
        _syncFiles.Add(result.FilesNew + result.FilesChanged);
    }

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();
}
