using Dumont.Server.Instances;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Snapshots;

/// <summary>What became of a wish.</summary>
internal abstract record SnapshotResult
{
    private SnapshotResult()
    {
    }

    /// <summary>Recorded; the operation goes on.</summary>
    public sealed record Accepted(long OperationId, SnapshotNumber? SnapshotId) : SnapshotResult;

    /// <summary>There is nothing to do.</summary>
    public sealed record Nothing : SnapshotResult;

    /// <summary>The user has no such snapshot.</summary>
    public sealed record UnknownSnapshot : SnapshotResult;

    /// <summary>The user has no such instance.</summary>
    public sealed record UnknownInstance(string Id) : SnapshotResult;

    /// <summary>The instance is not in a state for it.</summary>
    public sealed record WrongState(string Status) : SnapshotResult;

    /// <summary>The snapshot is on its way, or has failed.</summary>
    public sealed record NotUsable(string Status) : SnapshotResult;

    /// <summary>It is being made or brought back at present.</summary>
    public sealed record InUse(long OperationId) : SnapshotResult;

    /// <summary>Too soon after the last one.</summary>
    public sealed record TooSoon(TimeSpan Left) : SnapshotResult;

    /// <summary>The user has as many as allowed.</summary>
    public sealed record QuotaReached(int Quota) : SnapshotResult;

    /// <summary>The storage settings lack something.</summary>
    public sealed record StorageIncomplete(string Missing) : SnapshotResult;

    /// <summary>Something in the request is wrong.</summary>
    public sealed record Invalid(IReadOnlyList<FieldError> Errors) : SnapshotResult;

    /// <summary>No instance could be created for it.</summary>
    public sealed record NoInstance(CreateInstanceResult Why) : SnapshotResult;
}
