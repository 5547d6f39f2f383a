using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Dumont.Server.Platform.Reconcile;

/// <summary>Closes the gap between what should be and what is, for all things of one kind. Takes no input but the key: it re-reads everything, so a
/// repeated, late or lost call changes nothing, and the process may die between any two of its steps.</summary>
internal interface IReconciler
{
    /// <summary>Kind of the work items it looks after.</summary>
    string Kind { get; }

    /// <summary>One tick.</summary>
    /// <exception cref="StaleWriteException">Somebody else has moved on; the tick is dropped and run again.</exception>
    Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken);
}

/// <summary>When a thing wants to be looked at again.</summary>
internal readonly record struct Next
{
    private readonly TimeSpan? _delay;

    private Next(TimeSpan? delay) => _delay = delay;

    /// <summary>At once: there is more to do.</summary>
    public static Next Now => new(TimeSpan.Zero);

    /// <summary>Only when woken.</summary>
    public static Next WhenWoken => new(null);

    /// <summary>After <paramref name="delay"/>, or earlier when woken.</summary>
    public static Next After(TimeSpan delay) => new(delay);

    /// <summary>The instant, or null for <see cref="WhenWoken"/>.</summary>
    public DateTimeOffset? From(DateTimeOffset now) => now + _delay;
}

/// <summary>Claims due work and runs its reconcilers, a bounded number at a time. A tick that throws is logged once and tried again with backoff.</summary>
internal sealed partial class ReconcileRunner(
    WorkQueue queue, IEnumerable<IReconciler> reconcilers, TimeProvider time, ILogger<ReconcileRunner> logger) : BackgroundService
{
    /// <summary>Ticks at the same time. They mostly wait for the network.</summary>
    private const int Slots = 64;

    /// <summary>How long a claim lasts; a tick is cancelled a little earlier.</summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan TickLimit = TimeSpan.FromSeconds(50);

    /// <summary>Longest sleep without a pulse: how late a wake-up by another process is seen.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Before a tick that lost a race is run again.</summary>
    private static readonly TimeSpan StaleDelay = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan MaxBackoff = TimeSpan.FromSeconds(30);

    private static readonly Meter Meter = new("Dumont.Reconcile");
    private static readonly Histogram<double> TickSeconds = Meter.CreateHistogram<double>("dumont.reconcile.tick_seconds", "s");
    private static readonly Counter<long> TickFailures = Meter.CreateCounter<long>("dumont.reconcile.tick_failures");

    private static readonly ClaimOwner Self = ClaimOwner.OfThisProcess();

    private readonly string _owner = Self.ToString();
    private readonly Dictionary<string, IReconciler> _reconcilers = reconcilers.ToDictionary(reconciler => reconciler.Kind);
    private readonly ConcurrentDictionary<Task, bool> _running = new();

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await ReleaseDeadAsync(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await StartDueAsync(stoppingToken))
                {
                    await SleepAsync(stoppingToken);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                LoopFailed(logger, exception);
                await Task.Delay(PollInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        // A claim whose tick is cut here ends by its lease; every tick may be cut anywhere.
        await Task.WhenAll(_running.Keys);
    }

    // A server that was killed is often started again at once, on the same computer; its claims would otherwise stand until their leases end.
    private async Task ReleaseDeadAsync(CancellationToken stoppingToken)
    {
        try
        {
            var released = await queue.ReleaseAsync(owner => ClaimOwner.TryParse(owner) is { } claimer && claimer.IsDead(Self), stoppingToken);
            if (released > 0)
            {
                ClaimsReleased(logger, released);
            }
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            LoopFailed(logger, exception);
        }
    }

    private async Task<bool> StartDueAsync(CancellationToken stoppingToken)
    {
        var free = Slots - _running.Count;
        if (free <= 0)
        {
            await Task.WhenAny(_running.Keys);
            return true;
        }

        var leaseUntil = time.GetUtcNow() + Lease;
        var claims = await queue.ClaimAsync(_owner, Lease, free, stoppingToken);
        foreach (var fence in claims)
        {
            var tick = TickAsync(fence, leaseUntil, stoppingToken);
            _running[tick] = true;
            _ = tick.ContinueWith(done => _running.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        return claims.Count > 0;
    }

    private async Task SleepAsync(CancellationToken stoppingToken)
    {
        var next = await queue.NextDueAsync(stoppingToken) - time.GetUtcNow() ?? PollInterval;
        if (next > TimeSpan.Zero)
        {
            await queue.WaitAsync(next < PollInterval ? next : PollInterval, stoppingToken);
        }
    }

    /// <summary>Runs one claimed tick to its end and says when the item is due again.</summary>
    internal async Task TickAsync(Fence fence, DateTimeOffset leaseUntil, CancellationToken stoppingToken)
    {
        await Task.Yield();
        var started = time.GetTimestamp();
        using var limit = new CancellationTokenSource(TickLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stoppingToken);
        Next next;
        var failed = false;
        try
        {
            next = await _reconcilers[fence.Kind].ReconcileAsync(fence, either.Token);
        }
        catch (StaleWriteException)
        {
            next = Next.After(StaleDelay);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            next = Next.Now;
        }
        catch (Exception exception)
        {
            failed = true;
            TickFailures.Add(1, new KeyValuePair<string, object?>("kind", fence.Kind));
            TickFailed(logger, exception, fence.Kind, fence.Key);
            next = Next.After(Backoff(await queue.FailuresAsync(fence, CancellationToken.None)));
        }

        await CompleteAsync(fence, leaseUntil, next, failed);
        TickSeconds.Record(time.GetElapsedTime(started).TotalSeconds, new KeyValuePair<string, object?>("kind", fence.Kind));
    }

    private async Task CompleteAsync(Fence fence, DateTimeOffset leaseUntil, Next next, bool failed)
    {
        try
        {
            await queue.CompleteAsync(fence, leaseUntil, next.From(time.GetUtcNow()), failed, CancellationToken.None);
            queue.Pulse();
        }
        catch (Exception exception)
        {
            // The claim ends by its lease.
            TickFailed(logger, exception, fence.Kind, fence.Key);
        }
    }

    private static TimeSpan Backoff(long failures)
    {
        var delay = TimeSpan.FromMilliseconds(250 * Math.Pow(2, Math.Min(failures, 10)));
        return delay < MaxBackoff ? delay : MaxBackoff;
    }

    [LoggerMessage(LogLevel.Error, "Tick of {Kind} {Key} failed")]
    private static partial void TickFailed(ILogger logger, Exception exception, string kind, long key);

    [LoggerMessage(LogLevel.Information, "Took over {Count} claims of a process of this computer that has ended")]
    private static partial void ClaimsReleased(ILogger logger, int count);

    [LoggerMessage(LogLevel.Error, "The reconcile loop failed and goes on")]
    private static partial void LoopFailed(ILogger logger, Exception exception);
}
