using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Providers.Ssh;

namespace Dumont.Server.Machines;

/// <summary>What a machine is for.</summary>
internal enum MachineRole
{
    /// <summary>Runs the user's work: on GPUs, unless the instance was moved to a CPU machine.</summary>
    Gpu,

    /// <summary>The cheap CPU machine that follows it.</summary>
    Standby,
}

/// <summary>What the reconcilers above want of a machine.</summary>
internal enum MachineDesired
{
    Running,
    Stopped,
    Gone,
}

/// <summary>Where a machine is.</summary>
/// <remarks>
/// <code>
/// Intended ─▶ Asking ─▶ Booting ─▶ Preparing ─▶ Ready ─▶ Stopping ─▶ Stopped
///                │         ▲                                           │
///                │         └──────────────── Starting ◀────────────────┘
///                ▼  any of them with a machine that bills
///              Failed        └──▶ Releasing ─▶ Gone
/// </code>
/// </remarks>
internal enum MachinePhase
{
    /// <summary>Recorded; the provider has never been asked.</summary>
    Intended,

    /// <summary>The provider may have been asked: only its own answer about the tag tells.</summary>
    Asking,

    /// <summary>Rented; not reachable yet.</summary>
    Booting,

    /// <summary>SSH answers; keys and agent are being installed.</summary>
    Preparing,

    /// <summary>Prepared.</summary>
    Ready,

    /// <summary>Asked to stop.</summary>
    Stopping,

    /// <summary>Stopped; the disk is kept.</summary>
    Stopped,

    /// <summary>Asked to start again.</summary>
    Starting,

    /// <summary>Came to nothing and bills nothing. Final.</summary>
    Failed,

    /// <summary>Being given back; still bills until proven gone.</summary>
    Releasing,

    /// <summary>Proven gone. Final.</summary>
    Gone,
}

/// <summary>Why a machine can no longer be used.</summary>
internal enum MachineFailure
{
    OfferGone,
    InsufficientCredit,
    Rejected,

    /// <summary>The create call's answer was lost and no machine with the tag has turned up.</summary>
    Abandoned,

    /// <summary>Not reachable within the boot timeout.</summary>
    BootTimeout,

    /// <summary>Keys or agent could not be installed.</summary>
    PrepareFailed,

    /// <summary>The provider says the machine or its host is dead, or no longer knows it.</summary>
    Lost,
}

/// <summary>What the user asked the machine to be.</summary>
internal sealed record MachineSpec(
    string? Image, double DiskGb, string? OnStart, IReadOnlyDictionary<string, string> Environment, IReadOnlyList<int> Ports, decimal? BidUsdPerHour);

/// <summary>What the machine reconciler knows about a machine; it alone writes it.</summary>
internal sealed record MachineDocument
{
    public required MachineOffer Offer { get; init; }

    public required MachineSpec Spec { get; init; }

    public MachineFailure? Failure { get; init; }

    public string? FailureReason { get; init; }

    /// <summary>Mark of the credentials under which it was rented or last seen; null while it was never asked for.</summary>
    public string? AccountMark { get; init; }

    public string? SshHost { get; init; }

    public int? SshPort { get; init; }

    public string? PublicIp { get; init; }

    /// <summary>Host key pinned at the first contact, <c>ssh-ed25519 AAAA…</c>; replaced by the instance's own when the machine is prepared.</summary>
    public string? BootHostKey { get; init; }

    public ProviderMachineState? ProviderState { get; init; }

    public string? StatusMessage { get; init; }

    public decimal? UsdPerHour { get; init; }

    /// <summary>When the present phase began; time-outs count from here.</summary>
    public DateTimeOffset PhaseSince { get; init; }

    public DateTimeOffset? ReadyAt { get; init; }

    public DateTimeOffset? DestroyAskedAt { get; init; }

    /// <summary>First of an unbroken row of readings that found no such machine.</summary>
    public DateTimeOffset? AbsentSince { get; init; }

    public int AbsentReadings { get; init; }

    public int PrepareAttempts { get; init; }
}

/// <summary>One machine that a provider bills, has billed or is about to be asked for.</summary>
internal sealed record Machine(
    MachineId Id,
    InstanceId InstanceId,
    UserId UserId,
    MachineRole Role,
    long Ordinal,
    string Tag,
    string Provider,
    long Account,
    string? ProviderMachineId,
    MachineDesired Desired,
    MachinePhase Phase,
    long Version,
    DateTimeOffset CreatedAt,
    MachineDocument Document)
{
    /// <summary>Has failed or is on its way out: something else must take its place.</summary>
    public bool IsSpent => Document.Failure is not null || Desired == MachineDesired.Gone
        || Phase is MachinePhase.Failed or MachinePhase.Releasing or MachinePhase.Gone;

    /// <summary>Was in use, so its disk may hold what is nowhere else: it is destroyed only when it is told to go.</summary>
    public bool MayHoldWork => Document.ReadyAt is not null;

    /// <summary>Failed, but it is still there with its disk: it may be stopped and started once more.</summary>
    public bool CanBeRetried => Document.Failure is not null && MayHoldWork && Desired != MachineDesired.Gone
        && Phase is not (MachinePhase.Failed or MachinePhase.Releasing or MachinePhase.Gone);

    /// <summary>That has been asked for.</summary>
    public bool IsBeingRetried => CanBeRetried && Desired == MachineDesired.Stopped;

    /// <summary>What became of it is a reason not to try its offer again. That the account could not pay is none.</summary>
    public bool SpeaksAgainstItsOffer => Document.Failure is not (null or MachineFailure.InsufficientCredit);

    /// <summary>Nothing more will happen to it.</summary>
    public bool IsFinal => Phase is MachinePhase.Failed or MachinePhase.Gone;

    /// <summary>Where its sshd answers; null while unknown.</summary>
    public SshEndpoint? Ssh => Document is { SshHost: { } host, SshPort: { } port } ? new SshEndpoint(host, port) : null;

    /// <summary>Enters <paramref name="phase"/> at <paramref name="now"/>.</summary>
    public Machine Enter(MachinePhase phase, DateTimeOffset now) =>
        this with { Phase = phase, Document = Document with { PhaseSince = now, AbsentSince = null, AbsentReadings = 0 } };

    /// <summary>Notes why it cannot be used. The first reason stays.</summary>
    public Machine Fail(MachineFailure failure, string reason) =>
        Document.Failure is null ? this with { Document = Document with { Failure = failure, FailureReason = reason } } : this;
}

/// <summary>Address of an sshd.</summary>
internal readonly record struct SshEndpoint(string Host, int Port)
{
    /// <summary>As people write it.</summary>
    public override string ToString() => $"{Host}:{Port}";

    /// <summary>As known_hosts has it: the port is named unless it is 22.</summary>
    public string KnownHostsName => SshProcess.KnownHostsName(Host, Port);
}

/// <summary>Owner tags: <c>dumont/&lt;server&gt;/&lt;instance&gt;/&lt;ordinal&gt;</c>. The ordinal counts all machines an instance has ever asked for, so a
/// tag names one intent for ever, and a machine that appears late is recognised as superseded.</summary>
internal static class OwnerTag
{
    private const string Product = "dumont";

    /// <summary>The tag of one intent.</summary>
    public static string Of(string server, InstanceId instance, long ordinal) => $"{Product}/{server}/{instance}/{ordinal}";

    /// <summary>Whether <paramref name="tag"/> says that <paramref name="server"/> owns the machine. Machines of others are never touched.</summary>
    public static bool IsOf(string? tag, string server) => tag?.StartsWith($"{Product}/{server}/", StringComparison.Ordinal) == true;
}
