namespace Dumont.LocalCloud.Billing;

/// <summary>What a charge is for.</summary>
internal enum ChargeKind
{
    /// <summary>GPUs of a Vast.ai contract while it runs.</summary>
    Gpu,

    /// <summary>A disk for as long as it exists.</summary>
    Disk,

    /// <summary>Bytes received.</summary>
    Bwd,

    /// <summary>Bytes sent.</summary>
    Bwu,

    /// <summary>A Vast.ai volume for as long as it exists.</summary>
    Volume,

    /// <summary>A Compute Engine VM while it runs.</summary>
    Vm,
}

/// <summary>A stretch of time at one price, or a number of bytes at one price.</summary>
internal sealed class Charge
{
    public required ChargeKind Kind { get; init; }

    public required DateTimeOffset From { get; init; }

    /// <summary>End of the stretch, or null while it lasts. Bytes are charged at an instant: begin and end are one.</summary>
    public DateTimeOffset? To { get; set; }

    /// <summary>Micro-dollars per hour, or per GB (10⁹ bytes) for bytes.</summary>
    public required long MicroUsdPerUnit { get; init; }

    /// <summary>Bytes, or null for time.</summary>
    public long? Bytes { get; init; }

    /// <summary>Seconds charged up to an instant: those that begin inside the stretch and before the instant.</summary>
    /// <remarks>
    /// Time is cut into whole seconds of the clock and each is charged at the price that holds at its beginning. So a cut of the
    /// stretch at any instant changes no sum, and it does not matter when or how often somebody asks.
    /// </remarks>
    public long SecondsUntil(DateTimeOffset instant)
    {
        var end = To is { } to && to < instant ? to : instant;
        return Math.Max(0, FirstSecondAfter(end) - FirstSecondAfter(From));
    }

    /// <summary>Parts charged up to an instant: seconds, or bytes that have moved by then.</summary>
    public long PartsUntil(DateTimeOffset instant) =>
        Bytes is not { } bytes ? SecondsUntil(instant) : From <= instant ? bytes : 0;

    // The first whole second that begins at the instant or after it.
    private static long FirstSecondAfter(DateTimeOffset instant)
    {
        var ticks = (instant - DateTimeOffset.UnixEpoch).Ticks;
        return (ticks / TimeSpan.TicksPerSecond) + (ticks % TimeSpan.TicksPerSecond > 0 ? 1 : 0);
    }
}
