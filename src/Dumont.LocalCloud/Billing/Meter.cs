namespace Dumont.LocalCloud.Billing;

/// <summary>What one machine has cost so far, in whole micro-dollars.</summary>
/// <remarks>Keeps seconds, not money: the amount is computed from them, so it does not depend on how often it was asked for.</remarks>
internal sealed class Meter
{
    private const long SecondsPerHour = 3600;

    /// <summary>Price of the machine while it runs, in micro-dollars per hour.</summary>
    public long MachineMicroUsdPerHour { get; set; }

    /// <summary>Price of its disk for as long as it exists, in micro-dollars per hour.</summary>
    public long DiskMicroUsdPerHour { get; set; }

    public TimeSpan MachineTime { get; set; }

    public TimeSpan DiskTime { get; set; }

    /// <summary>Instant up to which time has been added.</summary>
    public DateTimeOffset CountedUntil { get; set; }

    /// <summary>Adds the time since the last call at the state that lasted until now.</summary>
    public void Count(DateTimeOffset now, bool machine, bool disk)
    {
        var passed = now - CountedUntil;
        if (passed <= TimeSpan.Zero)
        {
            return;
        }

        MachineTime += machine ? passed : TimeSpan.Zero;
        DiskTime += disk ? passed : TimeSpan.Zero;
        CountedUntil = now;
    }

    /// <summary>Whole seconds of each, times their price.</summary>
    public long CostMicroUsd =>
        ((long)MachineTime.TotalSeconds * MachineMicroUsdPerHour / SecondsPerHour)
        + ((long)DiskTime.TotalSeconds * DiskMicroUsdPerHour / SecondsPerHour);
}
