using Dumont.Server.Platform.Events;

namespace Dumont.Server.Standby;

/// <summary>What can happen to a pair of an instance and its standby.</summary>
internal static class StandbyEvents
{
    public static NewEvent Renting(string? location) => new("standby.renting", new { location });

    /// <summary>The standby takes over, with data that is so far behind; null where that is not known.</summary>
    public static NewEvent GpuLost(string reason, double? behindSeconds) => new("standby.gpu_lost", new { reason, behindSeconds });

    /// <summary>A failover was asked for, and nothing can take over any more.</summary>
    public static NewEvent RequestWithdrawn() => new("standby.request_withdrawn");

    public static NewEvent Promoted() => new("standby.promoted");

    /// <summary>One that was given up is heard of again.</summary>
    public static NewEvent Returned() => new("standby.returned");

    public static NewEvent RentingGpu(string offer) => new("standby.renting_gpu", new { offer });

    /// <summary>The new GPU machine came to nothing.</summary>
    public static NewEvent GpuDropped() => new("standby.gpu_dropped");

    /// <summary>The instance is to pause: no GPU is brought to the standby's state before it is resumed.</summary>
    public static NewEvent GpuNotNeeded() => new("standby.gpu_not_needed");

    public static NewEvent Restoring() => new("standby.restoring");

    public static NewEvent Recovered() => new("standby.recovered");

    /// <summary>The standby was lost as well.</summary>
    public static NewEvent Failed() => new("standby.failed");

    /// <summary>What a process was told is flushed is on the standby from here on.</summary>
    public static NewEvent PromiseInForce() => new("standby.promise_in_force");

    /// <summary>Flushes return without the standby.</summary>
    public static NewEvent PromiseSuspended() => new("standby.promise_suspended");

    /// <summary>The standby could take over, but may lack what was flushed.</summary>
    public static NewEvent Withheld() => new("standby.withheld");

    public static NewEvent Orphaned() => new("standby.orphaned");
}
