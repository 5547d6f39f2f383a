using System.Diagnostics.Metrics;
using Dumont.Server.Instances;

namespace Dumont.Server.Recovery;

/// <summary>What the operator sees of recoveries from snapshots.</summary>
internal sealed class RecoveryMetrics : IDisposable
{
    private readonly Meter _meter = new("Dumont.Recovery");
    private readonly Counter<long> _recoveries;
    private readonly Histogram<double> _rto;
    private readonly Histogram<double> _rpo;

    public RecoveryMetrics()
    {
        _recoveries = _meter.CreateCounter<long>("dumont.recoveries", description: "Recoveries from a snapshot that ended, by outcome.");
        _rto = _meter.CreateHistogram<double>("dumont.recovery.rto_seconds", description: "From the last sign of life to the new machine.");
        _rpo = _meter.CreateHistogram<double>("dumont.recovery.rpo_seconds", description: "Age of the snapshot when the machine was lost.");
    }

    /// <summary>A recovery ended.</summary>
    public void Ended(RecoveryDocument document, DateTimeOffset now)
    {
        _recoveries.Add(1, new("outcome", InstanceViews.Word(document.Phase)), new("automatic", document.IsAutomatic));
        if (document is { Phase: RecoveryPhase.Complete, RpoSeconds: { } rpo })
        {
            _rto.Record((now - document.LostAt).TotalSeconds);
            _rpo.Record(rpo);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();
}
