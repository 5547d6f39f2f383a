using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Machines;

namespace Dumont.Server.Instances;

/// <summary>What the user wants of an instance. <c>Deleted</c> is for ever.</summary>
internal enum InstanceDesired
{
    Running,
    Paused,
    Deleted,
}

/// <summary>What the user is told.</summary>
internal enum InstanceStatus
{
    Creating,
    Running,
    Pausing,
    Paused,
    Resuming,
    Error,
    Deleting,
    Deleted,
}

/// <summary>What the instance reconciler knows; it alone writes it after the creation.</summary>
internal sealed record InstanceDocument
{
    /// <summary>The offer that was asked for; substitutes are measured against it.</summary>
    public required MachineOffer WantedOffer { get; init; }

    public required MachineSpec Spec { get; init; }

    public bool SkipStandby { get; init; }

    /// <summary>Until then the creation must have succeeded.</summary>
    public DateTimeOffset CreateBefore { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>Why the status is <see cref="InstanceStatus.Error"/>.</summary>
    public string? StatusMessage { get; init; }

    /// <summary>When the present desired state was last moved towards without success; time-outs count from here.</summary>
    public DateTimeOffset StatusSince { get; init; }
}

/// <summary>How an instance is to be deleted; written by the API together with <c>desired</c>.</summary>
internal enum DeleteReason
{
    UserRequest,
    GpuFailure,
    SpotInterruption,
}

/// <summary>What the user sees and keeps, whatever machine is behind it.</summary>
internal sealed record Instance(
    InstanceId Id,
    UserId UserId,
    string Label,
    InstanceDesired Desired,
    InstanceStatus Status,
    long Generation,
    MachineId? WriterMachineId,
    int GatewayPort,
    long Version,
    DateTimeOffset CreatedAt,
    InstanceDocument Document)
{
    /// <summary>The snapshot operation for whose time it runs although it is wanted paused; null without one.</summary>
    public long? RunsFor { get; init; }

    /// <summary>What its machines are to be now: the user's wish, which waits while a snapshot needs the workspace.</summary>
    public InstanceDesired Wanted => PausesLater ? InstanceDesired.Running : Desired;

    /// <summary>A pause waits for the end of its snapshot.</summary>
    public bool PausesLater => Desired == InstanceDesired.Paused && RunsFor is not null;

    /// <summary>Enters <paramref name="status"/> at <paramref name="now"/>; staying in it changes nothing but the message.</summary>
    public Instance Enter(InstanceStatus status, DateTimeOffset now, string? message = null) =>
        this with
        {
            Status = status,
            Document = Document with { StatusMessage = message, StatusSince = status == Status ? Document.StatusSince : now },
        };
}
