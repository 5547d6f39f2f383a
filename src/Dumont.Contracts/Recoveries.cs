namespace Dumont.Contracts;

/// <summary>Asks for the recovery of an instance whose machine is lost, from a snapshot onto a new machine.</summary>
public sealed record RecoverInstanceRequest
{
    /// <summary>Snapshot to bring back, such as <c>snap-12</c>; default the newest whole one of the instance.</summary>
    public string? SnapshotId { get; init; }

    /// <summary>Alias of <see cref="SnapshotId"/>.</summary>
    public string? Snapshot { get; init; }

    /// <summary>Most that the new machine may cost, $/h; default one and a half times the lost one's offer.</summary>
    public decimal? MaxPrice { get; init; }

    /// <summary>GPU such as <c>rtx3090</c>; default that of the lost machine.</summary>
    public string? GpuName { get; init; }

    /// <summary>US, EU or ASIA; default anywhere.</summary>
    public string? Region { get; init; }

    /// <summary>Noted in the report; default <c>requested</c>.</summary>
    public string? Reason { get; init; }
}

/// <summary>Answer to that.</summary>
public sealed record RecoverInstanceResponse
{
    /// <summary>The instance; it keeps its id, SSH host, port and host key.</summary>
    public required InstanceId InstanceId { get; init; }

    /// <summary><c>initiated</c>.</summary>
    public required string Status { get; init; }

    /// <summary><c>snapshot</c>.</summary>
    public required string RecoveryType { get; init; }

    /// <summary>Its record: <c>dumont failover get</c>.</summary>
    public required string FailoverId { get; init; }

    /// <summary>The snapshot that is brought back.</summary>
    public required string SnapshotId { get; init; }

    /// <summary>From when on changes may be missing in it, UTC.</summary>
    public required DateTimeOffset SnapshotAt { get; init; }

    /// <summary>Its age when the machine was last heard of, seconds: what is lost.</summary>
    public required double RpoSeconds { get; init; }

    /// <summary>What happens now.</summary>
    public required string Message { get; init; }
}
