using System.Collections.Frozen;
using Dumont.Server.Platform.Web;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Auth;

/// <summary>The sessions whose access tokens are refused though they have not expired. Known here at once, from other replicas within
/// <see cref="Interval"/>. Holds only what an unexpired access token could name, so it stays small.</summary>
internal sealed partial class RevokedSessions(
    AuthStore store,
    ApiKeyCache credentials,
    IdempotencyStore idempotency,
    IOptions<AuthOptions> options,
    TimeProvider time,
    ILogger<RevokedSessions> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PruneInterval = TimeSpan.FromHours(1);

    /// <summary>How far the clocks of replicas may differ.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    private readonly Lock _lock = new();
    private volatile FrozenSet<string> _sessions = FrozenSet<string>.Empty;
    private Dictionary<string, DateTimeOffset> _added = [];
    private DateTimeOffset _prunedAt;

    /// <summary>Whether the session was ended.</summary>
    public bool Contains(string sessionId) => _sessions.Contains(sessionId);

    /// <summary>Refuses the session from now on.</summary>
    public void Add(string sessionId)
    {
        lock (_lock)
        {
            _added[sessionId] = time.GetUtcNow();
            _sessions = _sessions.Append(sessionId).ToFrozenSet();
        }
    }

    /// <summary>Reads what all replicas have revoked.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        var since = time.GetUtcNow() - options.Value.AccessTokenLifetime - Margin;
        var revoked = await store.ListRevokedAsync(since, cancellationToken);
        lock (_lock)
        {
            // What was added here may not have been committed when the list was read.
            _added = _added.Where(entry => entry.Value >= since).ToDictionary();
            _sessions = revoked.Concat(_added.Keys).ToFrozenSet();
        }
    }

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        _prunedAt = time.GetUtcNow();
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TickAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private async Task TickAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RefreshAsync(stoppingToken);
            await credentials.FlushUsesAsync(stoppingToken);
            if (time.GetUtcNow() - _prunedAt >= PruneInterval)
            {
                _prunedAt = time.GetUtcNow();
                await store.PruneAsync(stoppingToken);
                await idempotency.PruneAsync(stoppingToken);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            RefreshFailed(logger, exception);
        }
    }

    [LoggerMessage(LogLevel.Error, "The revoked sessions could not be read; the last list stays in force")]
    private static partial void RefreshFailed(ILogger logger, Exception exception);
}
