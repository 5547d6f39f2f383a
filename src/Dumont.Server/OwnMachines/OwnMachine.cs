using Dumont.Contracts;
using Dumont.Providers.Ssh;

namespace Dumont.Server.OwnMachines;

/// <summary>What an own machine may serve as.</summary>
[Flags]
internal enum OwnMachineUses
{
    Gpu = 1,
    Standby = 2,
    Both = Gpu | Standby,
}

/// <summary>What the last checks say.</summary>
internal enum OwnMachineState
{
    Ready,

    /// <summary>Two checks in a row got no answer.</summary>
    Unreachable,

    /// <summary>It shows another host key than the pinned one.</summary>
    HostKeyChanged,

    /// <summary>It answers and cannot carry instances: the key is refused, sudo is gone, a program is missing.</summary>
    Unusable,
}

/// <summary>What checks have found; only they write it.</summary>
internal sealed record OwnMachineDocument
{
    public required OwnMachineCapacity Capacity { get; init; }

    public OwnMachineState State { get; init; }

    public string? Detail { get; init; }

    /// <summary>Owner tag of the claim on it; null when nobody has claimed it.</summary>
    public string? ClaimTag { get; init; }

    public DateTimeOffset CheckedAt { get; init; }

    public long Checks { get; init; }

    public long ChecksFailed { get; init; }

    public int FailedInRow { get; init; }

    /// <summary>Share of checks in which it answered.</summary>
    public double Reliability => Checks == 0 ? 1 : Math.Round(1 - ((double)ChecksFailed / Checks), 4);
}

/// <summary>A row of own_machines. <see cref="PrivateKey"/> is encrypted, and null where the user's own machine key is used; <see cref="Tenant"/> is who has
/// it, as far as our records say.</summary>
internal sealed record OwnMachine(
    long Id,
    UserId UserId,
    string Name,
    OwnMachineAddress Address,
    string? PrivateKey,
    OwnMachineUses Uses,
    string? Location,
    long Version,
    DateTimeOffset JoinedAt,
    DateTimeOffset? RemovedAt,
    OwnMachineDocument Document,
    OwnMachineTenant? Tenant)
{
    /// <summary>A claim that none of our records accounts for.</summary>
    public bool IsClaimedElsewhere => Document.ClaimTag is { } tag && Tenant is null && !IsOurPast;

    /// <summary>The claim that was seen last is one that our records have closed since.</summary>
    public bool IsOurPast { get; init; }

    /// <summary>Can be rented.</summary>
    public bool IsFree => RemovedAt is null && Document.State == OwnMachineState.Ready && Tenant is null && !IsClaimedElsewhere;
}

/// <summary>The live machine of ours that is on an own machine.</summary>
internal sealed record OwnMachineTenant(string Tag, InstanceId InstanceId);
