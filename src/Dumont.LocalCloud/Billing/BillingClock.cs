using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Billing;

/// <summary>The clock of bills and prices. It starts at the real time of the first start and may run faster or slower than that.</summary>
/// <remarks>Machines live in real time. The clock never goes back, and a change of its speed concerns what comes after it alone.</remarks>
internal sealed class BillingClock
{
    /// <summary>Highest speed that can be set.</summary>
    public const double SpeedMax = 100_000;

    private static readonly DateTimeOffset End = new(9000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Lock _gate = new();
    private readonly string _file;
    private readonly TimeProvider _time;
    private Anchor _anchor;
    private DateTimeOffset _last;

    public BillingClock(string dataFolder, TimeProvider time)
    {
        _time = time;
        _file = Path.Combine(dataFolder, "clock.json");
        var now = time.GetUtcNow();
        if (JsonFile.Find<Anchor>(_file) is { } kept)
        {
            _anchor = kept;
        }
        else
        {
            _anchor = new Anchor(1, now, now, now);
            JsonFile.Write(_file, _anchor);
        }

        _last = _anchor.BilledAt;
    }

    /// <summary>When this cloud first started.</summary>
    public DateTimeOffset Birth => _anchor.Birth;

    /// <summary>Billed seconds per real second.</summary>
    public double Speed
    {
        get
        {
            lock (_gate)
            {
                return (double)_anchor.Speed;
            }
        }
    }

    public DateTimeOffset Now
    {
        get
        {
            lock (_gate)
            {
                return Read();
            }
        }
    }

    /// <summary>Changes the speed from now on.</summary>
    public void SetSpeed(double speed)
    {
        lock (_gate)
        {
            _anchor = _anchor with { BilledAt = Read(), RealAt = _time.GetUtcNow(), Speed = (decimal)speed };
            JsonFile.Write(_file, _anchor);
        }
    }

    /// <summary>Notes how far the clock has come, so that a computer whose own clock is set back does not take it back at the next start.</summary>
    public void Save()
    {
        lock (_gate)
        {
            _anchor = _anchor with { BilledAt = Read(), RealAt = _time.GetUtcNow() };
            JsonFile.Write(_file, _anchor, durable: false);
        }
    }

    private DateTimeOffset Read()
    {
        var passed = _time.GetUtcNow() - _anchor.RealAt;
        // At full speed the calendar comes to its end within weeks; the clock stops there.
        var ticks = Math.Min(passed.Ticks * _anchor.Speed, (End - _anchor.BilledAt).Ticks);
        var billed = _anchor.BilledAt + TimeSpan.FromTicks((long)ticks);
        return _last = billed > _last ? billed : _last;
    }

    private sealed record Anchor(decimal Speed, DateTimeOffset RealAt, DateTimeOffset BilledAt, DateTimeOffset Birth);
}
