using System.Collections.Concurrent;

namespace Dumont.Server.Telemetry;

/// <summary>Kinds of the Prometheus text format that we write.</summary>
internal enum MetricKind
{
    /// <summary>Only grows.</summary>
    Counter,

    /// <summary>Any value.</summary>
    Gauge,

    /// <summary>Counts by upper bound.</summary>
    Histogram,
}

/// <summary>All series of one name.</summary>
internal sealed class MetricFamily(string name, string help, MetricKind kind, IReadOnlyList<double> bounds)
{
    /// <summary>Most label sets of one family; further ones are dropped, so that a careless label cannot eat the memory.</summary>
    public const int SeriesMax = 2000;

    private readonly ConcurrentDictionary<string, MetricSeries> _series = new(StringComparer.Ordinal);

    public string Name { get; } = name;

    public string Help { get; } = help;

    public MetricKind Kind { get; } = kind;

    /// <summary>Upper bounds of a histogram's buckets, ascending; the last, infinite one is not among them.</summary>
    public IReadOnlyList<double> Bounds { get; } = bounds;

    /// <summary>Label text (<c>a="x",b="y"</c>) → series, in a stable order.</summary>
    public IEnumerable<KeyValuePair<string, MetricSeries>> Series => _series.OrderBy(series => series.Key, StringComparer.Ordinal);

    /// <summary>The series with <paramref name="labels"/>; null when there are too many.</summary>
    public MetricSeries? Of(string labels) =>
        _series.TryGetValue(labels, out var series) ? series
        : _series.Count >= SeriesMax ? null
        : _series.GetOrAdd(labels, _ => new MetricSeries(Bounds));

    /// <summary>Forgets the series of an instrument that tells all of them at each look.</summary>
    public void Clear() => _series.Clear();
}

/// <summary>One line, or one histogram. Thread-safe.</summary>
internal sealed class MetricSeries(IReadOnlyList<double> bounds)
{
    private readonly Lock _lock = new();
    private readonly long[] _buckets = new long[bounds.Count + 1];
    private double _sum;

    /// <summary>Sum of a counter or histogram; value of a gauge.</summary>
    public double Value
    {
        get
        {
            lock (_lock)
            {
                return _sum;
            }
        }
    }

    /// <summary>Values per bucket, the infinite one last; not yet cumulated.</summary>
    public long[] Buckets
    {
        get
        {
            lock (_lock)
            {
                return [.. _buckets];
            }
        }
    }

    /// <summary>Adds to a counter.</summary>
    public void Add(double value)
    {
        lock (_lock)
        {
            _sum += value;
        }
    }

    /// <summary>Sets a gauge, or a counter that somebody else counts.</summary>
    public void Set(double value)
    {
        lock (_lock)
        {
            _sum = value;
        }
    }

    /// <summary>Counts a value of a histogram.</summary>
    public void Observe(double value)
    {
        lock (_lock)
        {
            _sum += value;
            var bucket = 0;
            while (bucket < bounds.Count && value > bounds[bucket])
            {
                bucket++;
            }

            _buckets[bucket]++;
        }
    }
}
