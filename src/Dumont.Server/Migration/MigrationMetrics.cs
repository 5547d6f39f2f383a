using System.Diagnostics.Metrics;
using Dumont.Server.Instances;

namespace Dumont.Server.Migration;

/// <summary>What the operator sees of migrations.</summary>
internal sealed class MigrationMetrics : IDisposable
{
    private readonly Meter _meter = new("Dumont.Migration");
    private readonly Counter<long> _migrations;
    private readonly Counter<long> _bytes;
    private readonly Histogram<double> _seconds;
    private readonly Histogram<double> _pause;

    public MigrationMetrics()
    {
        _migrations = _meter.CreateCounter<long>("dumont.migrations", description: "Migrations that ended, by outcome.");
        _bytes = _meter.CreateCounter<long>("dumont.migration.bytes", description: "Bytes that were sent to new machines.");
        _seconds = _meter.CreateHistogram<double>("dumont.migration.duration_seconds", description: "From the wish to the end.");
        _pause = _meter.CreateHistogram<double>("dumont.migration.pause_seconds", description: "How long nothing could be written.");
    }

    /// <summary>A migration ended.</summary>
    public void Ended(MigrationDocument document, TimeSpan took, TimeSpan? pause)
    {
        var outcome = new KeyValuePair<string, object?>("outcome", InstanceViews.Word(document.Phase));
        _migrations.Add(1, outcome);
        Sent(document);
        _seconds.Record(took.TotalSeconds, outcome);
        if (pause is { } stood)
        {
            _pause.Record(stood.TotalSeconds);
        }
    }

    /// <summary>A target is done with: it is the machine now, or was given back.</summary>
    public void Sent(MigrationDocument document) => _bytes.Add(document.BytesCopied);

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();
}
