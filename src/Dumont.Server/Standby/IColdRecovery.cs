using Dumont.Server.Instances;

namespace Dumont.Server.Standby;

/// <summary>What an instance could be brought back to where no standby can take over.</summary>
/// <param name="SnapshotId">Its last whole snapshot; null without one.</param>
/// <param name="SnapshotAt">From when on changes may be missing in it.</param>
/// <param name="AgeSeconds">How long ago that is.</param>
/// <param name="IsAutomatic">It would happen without being asked.</param>
/// <param name="Message">In a sentence.</param>
internal sealed record ColdRecovery(string? SnapshotId, DateTimeOffset? SnapshotAt, double? AgeSeconds, bool IsAutomatic, string Message);

/// <summary>Knows that. Implemented by the feature that recovers instances from snapshots.</summary>
internal interface IColdRecovery
{
    /// <summary>What there is for <paramref name="instance"/> now.</summary>
    Task<ColdRecovery> FindAsync(Instance instance, FailoverRules rules, CancellationToken cancellationToken);
}
