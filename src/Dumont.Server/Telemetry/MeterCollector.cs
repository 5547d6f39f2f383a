using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Dumont.Server.Telemetry;

/// <summary>Listens to the meters of this process and keeps what they tell. A feature exports a metric by making an instrument on a meter whose
/// name starts with <c>Dumont.</c>; there is nothing to register.</summary>
internal sealed class MeterCollector : IDisposable
{
    // Of the framework: requests, garbage collection, threads.
    private static readonly string[] FrameworkMeters = ["Microsoft.AspNetCore.Hosting", "System.Runtime"];

    private static readonly double[] DefaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

    private readonly ConcurrentDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<MetricFamily, bool> _observed = new();
    private readonly MeterListener _listener = new();

    /// <summary>Starts to listen.</summary>
    public MeterCollector()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("Dumont.", StringComparison.Ordinal) || FrameworkMeters.Contains(instrument.Meter.Name))
            {
                listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(NameOf(instrument), name => FamilyOf(name, instrument)));
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, state) => Record(instrument, value, tags, state));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, state) => Record(instrument, value, tags, state));
        _listener.SetMeasurementEventCallback<float>((instrument, value, tags, state) => Record(instrument, value, tags, state));
        _listener.SetMeasurementEventCallback<double>(Record);
        _listener.SetMeasurementEventCallback<decimal>((instrument, value, tags, state) => Record(instrument, (double)value, tags, state));
        _listener.Start();
    }

    /// <summary>Everything, as of now, by name.</summary>
    public IReadOnlyList<MetricFamily> Collect()
    {
        // Observable instruments tell all their series at each look; one that has gone must not stay.
        foreach (var family in _observed.Keys)
        {
            family.Clear();
        }

        _listener.RecordObservableInstruments();
        return [.. _families.Values.OrderBy(family => family.Name, StringComparer.Ordinal)];
    }

    /// <inheritdoc />
    public void Dispose() => _listener.Dispose();

    /// <summary>The exported name: underscores for dots, the unit, and <c>_total</c> after a counter.</summary>
    internal static string NameOf(Instrument instrument)
    {
        var name = PrometheusText.NameOf(instrument.Name);
        var unit = instrument.Unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        var isCounter = KindOf(instrument) == MetricKind.Counter;
        if (isCounter && name.EndsWith("_total", StringComparison.Ordinal))
        {
            name = name[..^"_total".Length];
        }

        name = name.EndsWith(unit, StringComparison.Ordinal) ? name : name + unit;
        return isCounter ? name + "_total" : name;
    }

    private static MetricKind KindOf(Instrument instrument)
    {
        var type = instrument.GetType();
        var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        return definition == typeof(Counter<>) || definition == typeof(ObservableCounter<>) ? MetricKind.Counter
            : definition == typeof(Histogram<>) ? MetricKind.Histogram
            : MetricKind.Gauge;
    }

    private MetricFamily FamilyOf(string name, Instrument instrument)
    {
        var bounds = instrument switch
        {
            Histogram<double> { Advice.HistogramBucketBoundaries: { } advised } => [.. advised],
            Histogram<long> { Advice.HistogramBucketBoundaries: { } advised } => [.. advised.Select(bound => (double)bound)],
            _ => DefaultBounds,
        };
        var family = new MetricFamily(name, instrument.Description ?? "", KindOf(instrument), KindOf(instrument) == MetricKind.Histogram ? bounds : []);
        if (instrument.IsObservable)
        {
            _observed[family] = true;
        }

        return family;
    }

    private static void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        var family = (MetricFamily)state!;
        if (family.Of(PrometheusText.LabelsOf(tags)) is not { } series)
        {
            return;
        }

        switch (family.Kind)
        {
            case MetricKind.Histogram:
                series.Observe(value);
                break;
            case MetricKind.Counter when !instrument.IsObservable:
            case MetricKind.Gauge when IsUpDownCounter(instrument):
                series.Add(value);
                break;
            default:
                series.Set(value);
                break;
        }
    }

    private static bool IsUpDownCounter(Instrument instrument) =>
        instrument.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == typeof(UpDownCounter<>);
}
