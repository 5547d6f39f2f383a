using System.Collections.Concurrent;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Platform.Web.Live;

/// <summary>Keeps open pages up to date. One loop reads the table of events for all of them, renders what is due, and sleeps for good while nobody
/// watches.</summary>
internal sealed partial class LiveHub(IEnumerable<ILiveView> views, Database database, TimeProvider time, ILogger<LiveHub> logger) : BackgroundService
{
    /// <summary>Open pages of one user at most.</summary>
    public const int ClientsPerUserMax = 1000;

    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan WakeInterval = TimeSpan.FromSeconds(2.5);

    // From the page to its stream: a group without watchers is kept so long.
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, ILiveView> _views = views.ToDictionary(view => view.Name);
    private readonly ConcurrentDictionary<LiveKey, LiveGroup> _groups = new();
    private readonly ConcurrentDictionary<UserId, int> _clients = new();
    private readonly SemaphoreSlim _someoneWatches = new(0, 1);

    /// <summary>Renders a view for a page, and where its stream is to go on from.</summary>
    public async Task<LivePage?> ShowAsync(LiveKey key, CancellationToken cancellationToken)
    {
        var group = GroupOf(key);
        var content = await group.RenderAsync(cancellationToken);
        return content is null
            ? null
            : new LivePage(content, $"/live?view={key.View}&of={Uri.EscapeDataString(key.Argument)}&since={group.Id}.{group.Version}");
    }

    /// <summary>Whether there is such a view.</summary>
    public bool Has(string view) => _views.ContainsKey(view);

    /// <summary>Begins to watch. Null when the user has too many pages open.</summary>
    public LiveClient? Join(LiveKey key, string? since)
    {
        if (_clients.AddOrUpdate(key.UserId, 1, (_, count) => count + 1) > ClientsPerUserMax)
        {
            Leave(key.UserId);
            return null;
        }

        var group = GroupOf(key);
        var client = group.Join(since?.Split('.') is [var id, var version] && id == group.Id && long.TryParse(version, out var seen) ? seen : 0);
        Rouse();
        return client;
    }

    /// <summary>Ends what <see cref="Join"/> began.</summary>
    public void Leave(LiveClient client)
    {
        client.Dispose();
        Leave(client.Group.Key.UserId);
    }

    /// <summary>An instance may have changed. Cheap when nobody watches it.</summary>
    public void Mark(InstanceId instance)
    {
        foreach (var (_, group) in _groups)
        {
            if (group.Shows(instance))
            {
                group.Mark();
            }
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await _someoneWatches.WaitAsync(stoppingToken);
                await WatchAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private async Task WatchAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Beat, time);
        var (lastEvent, nextWake) = (0L, time.GetUtcNow() + WakeInterval);
        while (!_groups.IsEmpty && await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                lastEvent = await ReadEventsAsync(lastEvent, stoppingToken);
                var now = time.GetUtcNow();
                var due = _groups.Values.Where(group => group.IsDue(now)).ToList();
                foreach (var group in due)
                {
                    await group.RenderAsync(stoppingToken);
                }

                if (now >= nextWake)
                {
                    nextWake = now + WakeInterval;
                    Tend(now);
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // The next beat tries again; the pages say that they are stale when it lasts.
                BeatFailed(logger, exception);
            }
        }
    }

    private async Task<long> ReadEventsAsync(long last, CancellationToken cancellationToken)
    {
        if (last == 0)
        {
            // What is older is in the pages already.
            return await database.ReadAsync(connection => connection.ExecuteScalarAsync<long?>("SELECT MAX(id) FROM events"), cancellationToken) ?? 0;
        }

        var rows = await database.ReadAsync(
            async connection => (await connection.QueryAsync<(long Id, long User)>(
                "SELECT id, user_id FROM events WHERE id > @last ORDER BY id LIMIT 1000", new { last })).AsList(),
            cancellationToken);
        foreach (var user in rows.Select(row => row.User).Distinct())
        {
            foreach (var (key, group) in _groups)
            {
                if (key.UserId.Value == user)
                {
                    group.Mark();
                }
            }
        }

        return rows.Count == 0 ? last : rows[^1].Id;
    }

    private void Tend(DateTimeOffset now)
    {
        foreach (var (key, group) in _groups)
        {
            group.WakeAll();
            if (group.ClientCount == 0 && now - group.LastUsedAt > Linger)
            {
                _groups.TryRemove(key, out _);
            }
        }
    }

    private LiveGroup GroupOf(LiveKey key)
    {
        var group = _groups.GetOrAdd(key, each => new LiveGroup(each, _views[each.View], time));
        Rouse();
        return group;
    }

    private void Rouse()
    {
        if (_someoneWatches.CurrentCount == 0)
        {
            try
            {
                _someoneWatches.Release();
            }
            catch (SemaphoreFullException)
            {
                // Somebody else did so at the same time.
            }
        }
    }

    private void Leave(UserId user)
    {
        if (_clients.AddOrUpdate(user, 0, (_, count) => count - 1) <= 0)
        {
            _clients.TryRemove(new KeyValuePair<UserId, int>(user, 0));
        }
    }

    [LoggerMessage(LogLevel.Warning, "Open pages could not be brought up to date")]
    private static partial void BeatFailed(ILogger logger, Exception exception);
}

/// <summary>A view as a page begins with it, and the address of the stream that goes on from there.</summary>
internal sealed record LivePage(LiveContent Content, string Stream);
