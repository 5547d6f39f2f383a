using Dumont.Simulation.Server;

namespace Dumont.Simulation.Engine;

/// <summary>The clock of one life of the server. Its wall clock can jump; its timers and time stamps do not. Timers stand still with whoever set them.</summary>
internal sealed class VirtualTime(Scheduler scheduler, SimServer server) : TimeProvider
{
    /// <inheritdoc />
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc />
    public override DateTimeOffset GetUtcNow() => scheduler.Wall;

    /// <inheritdoc />
    public override long GetTimestamp() => scheduler.Elapsed.Ticks;

    /// <inheritdoc />
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(scheduler, server, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(Scheduler scheduler, SimServer server, TimerCallback callback, object? state) : ITimer
    {
        private readonly Subject? _subject = Subject.Current;
        private int _setting;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var setting = ++_setting;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                scheduler.After(dueTime, () => Fire(setting, period));
            }

            return true;
        }

        public void Dispose() => _setting++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Fire(int setting, TimeSpan period)
        {
            if (setting != _setting || server.IsDead)
            {
                return;
            }

            if (server.StandsUntil(_subject) is var until && until > scheduler.Elapsed)
            {
                scheduler.After(until - scheduler.Elapsed + TimeSpan.FromSeconds(1), () => Fire(setting, period));
                return;
            }

            if (period > TimeSpan.Zero)
            {
                scheduler.After(period, () => Fire(setting, period));
            }

            callback(state);
        }
    }
}
