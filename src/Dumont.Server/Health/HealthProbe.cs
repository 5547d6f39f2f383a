using System.Data.Common;
using System.Diagnostics.Metrics;
using Dapper;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Health;

/// <summary>Whether the server can do its work: null, or what it lacks.</summary>
internal sealed record HealthReading(string? Reason)
{
    /// <summary>Everything answers.</summary>
    public bool IsHealthy => Reason is null;
}

/// <summary>Asks the parts that everything hangs on, at most once a second, and exports the answer as <c>dumont_health_status</c>.</summary>
internal sealed partial class HealthProbe : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CacheFor = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(800);

    private readonly Database _database;
    private readonly TimeProvider _time;
    private readonly ILogger<HealthProbe> _logger;
    private readonly Meter _meter = new("Dumont.Health");

    private volatile Measured? _last;

    /// <summary>Starts to export.</summary>
    public HealthProbe(Database database, TimeProvider time, ILogger<HealthProbe> logger)
    {
        (_database, _time, _logger) = (database, time, logger);
        _meter.CreateObservableGauge(
            "dumont_health_status",
            () => (Measurement<double>[])
            [
                new(1, new KeyValuePair<string, object?>("component", "server")),
                new(_last is { Reading.IsHealthy: false } ? 0 : 1, new KeyValuePair<string, object?>("component", "database")),
            ],
            description: "1 healthy, 0.5 degraded, 0 down.");
    }

    /// <summary>What stands, not older than a second.</summary>
    public async Task<HealthReading> ReadAsync(CancellationToken cancellationToken)
    {
        if (_last is { } last && _time.GetUtcNow() - last.At < CacheFor)
        {
            return last.Reading;
        }

        var reading = await AskAsync(cancellationToken);
        if (_last?.Reading.IsHealthy != false && !reading.IsHealthy)
        {
            Degraded(_logger, reading.Reason!);
        }

        _last = new Measured(reading, _time.GetUtcNow());
        return reading;
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            do
            {
                await ReadAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private async Task<HealthReading> AskAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Limit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await _database.ReadAsync(connection => connection.ExecuteScalarAsync<long>("SELECT 1"), either.Token);
            return new HealthReading(Reason: null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new HealthReading("The database does not answer in time.");
        }
        catch (Exception exception) when (exception is DbException or TimeoutException or InvalidOperationException or IOException)
        {
            return new HealthReading("The database cannot be reached.");
        }
    }

    [LoggerMessage(LogLevel.Error, "The server is degraded: {Reason}")]
    private static partial void Degraded(ILogger logger, string reason);

    private sealed record Measured(HealthReading Reading, DateTimeOffset At);
}
