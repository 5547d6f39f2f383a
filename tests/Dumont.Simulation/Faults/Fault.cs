namespace Dumont.Simulation.Faults;

/// <summary>What a fault does. A new behaviour is code; a new fault of an old behaviour is a row of <see cref="FaultTable"/>.</summary>
internal enum FaultEffect
{
    /// <summary>The call never arrives.</summary>
    CallLost,

    /// <summary>It takes effect, and the answer is lost.</summary>
    AnswerLost,

    /// <summary>Refused for good, without effect.</summary>
    Refused,

    /// <summary>Refused, and yet a machine is left that the answer names.</summary>
    LeavesMachine,

    /// <summary>Refused, and yet a machine is left that only a listing shows.</summary>
    HidesMachine,

    OfferGone,
    NoCredit,

    /// <summary>The answer takes very long.</summary>
    Slow,

    /// <summary>The provider denies a machine that exists.</summary>
    Denied,

    /// <summary>A listing is empty, and calls itself complete.</summary>
    EmptyListing,

    /// <summary>New machines are missing from listings, dead ones still in them.</summary>
    ListingLag,

    /// <summary>One machine falls between two pages.</summary>
    ListingGap,

    /// <summary>The state told changes to and fro.</summary>
    Flaps,

    /// <summary>Said to run; its sshd is dead.</summary>
    LyingRunning,

    /// <summary>Said to be stopped; it runs and bills.</summary>
    LyingStopped,

    /// <summary>New machines never come up.</summary>
    StuckLoading,

    /// <summary>New machines come up late.</summary>
    SlowBoot,

    /// <summary>The provider takes a machine back.</summary>
    Preempt,

    /// <summary>The provider has a machine no more, and says so.</summary>
    Vanish,

    /// <summary>The id of a machine that is gone is given to somebody else's.</summary>
    IdReuse,

    /// <summary>Every offer there was is replaced by another at another price.</summary>
    OffersChange,

    /// <summary>The account's key is replaced by another account's.</summary>
    ForeignKey,

    /// <summary>The host loses its power; the provider says so later, or never.</summary>
    HostDies,

    /// <summary>A machine stands still for a while and goes on.</summary>
    MachineFreezes,

    /// <summary>Keys and agent cannot be installed.</summary>
    PrepareFails,

    /// <summary>Reports are lost at random.</summary>
    HeartbeatLoss,

    /// <summary>Nothing of a machine arrives; everything arrives there.</summary>
    CutUp,

    /// <summary>Nothing arrives at a machine; everything from it does.</summary>
    CutDown,

    /// <summary>A machine and the server cannot reach one another.</summary>
    Partition,

    /// <summary>Machines cannot reach one another.</summary>
    SyncCut,

    /// <summary>The store of snapshots refuses.</summary>
    StoreFails,

    /// <summary>The agent's process ends and starts again.</summary>
    AgentRestarts,

    /// <summary>The server is killed and started again.</summary>
    ServerDies,

    /// <summary>The server's process stands still for a while and goes on.</summary>
    ServerFreezes,

    /// <summary>One tick stands still until long after its lease, while others go on: a stale holder.</summary>
    StaleHolder,

    ClockForward,
    ClockBack,
}

/// <summary>Where a fault sits.</summary>
internal enum FaultSite
{
    /// <summary>Calls of a provider, while it lasts.</summary>
    Provider,

    /// <summary>One machine, for its length or for ever.</summary>
    Machine,

    /// <summary>The net, while it lasts.</summary>
    Network,

    /// <summary>Snapshots and restores under way, while it lasts.</summary>
    Work,

    /// <summary>The server's process or clock.</summary>
    Server,
}

/// <summary>A row of the fault table.</summary>
/// <param name="Name">Kebab-case.</param>
/// <param name="Matrix">Row of the fault matrix, F1 to F30; 0 for faults of machines, networks and processes.</param>
/// <param name="Site">Where it sits.</param>
/// <param name="Effect">What it does.</param>
/// <param name="Operations">Of the provider: create, get, list, start, stop, destroy, search, balance. Empty for all. Of snapshots: work, work done, store, put.</param>
/// <param name="Longest">How long it lasts at most.</param>
internal sealed record Fault(string Name, int Matrix, FaultSite Site, FaultEffect Effect, string[] Operations, TimeSpan Longest);

/// <summary>Every kind of fault that a run may meet. A row is all that a new one of a known behaviour needs.</summary>
internal static class FaultTable
{
    private static readonly string[] Any = [];

    public static readonly IReadOnlyList<Fault> Rows =
    [
        Calls("connect-refused", 1, FaultEffect.CallLost, 20),
        Calls("dns-failure", 2, FaultEffect.CallLost, 20),
        Calls("tls-error", 3, FaultEffect.CallLost, 20),
        Calls("timeout-before-effect", 4, FaultEffect.CallLost, 30, "create", "start", "stop", "destroy"),
        Calls("answer-lost-after-effect", 5, FaultEffect.AnswerLost, 30, "create", "start", "stop", "destroy"),
        Calls("too-many-requests", 6, FaultEffect.CallLost, 10),
        Calls("too-many-requests-burst", 7, FaultEffect.CallLost, 60),
        Calls("server-error-before", 8, FaultEffect.CallLost, 20),
        Calls("server-error-after", 8, FaultEffect.AnswerLost, 20),
        Calls("success-false", 9, FaultEffect.Refused, 20, "create", "start", "stop"),
        Calls("create-fails-leaves-contract", 9, FaultEffect.LeavesMachine, 20, "create"),
        Calls("create-fails-hides-machine", 9, FaultEffect.HidesMachine, 20, "create"),
        Calls("truncated-body", 10, FaultEffect.AnswerLost, 20),
        Calls("slow", 11, FaultEffect.Slow, 40),
        Calls("reset-mid-body", 12, FaultEffect.AnswerLost, 20, "create", "destroy", "stop", "start"),
        Machine("lying-running", 14, FaultEffect.LyingRunning, 0),
        Calls("lying-stopped", 15, FaultEffect.LyingStopped, 30, "stop"),
        Calls("status-flaps", 16, FaultEffect.Flaps, 30, "get"),
        Calls("stuck-loading", 17, FaultEffect.StuckLoading, 30, "create"),
        Calls("slow-boot", 17, FaultEffect.SlowBoot, 40, "create", "start"),
        Machine("preempt", 18, FaultEffect.Preempt, 0),
        Machine("vanish", 18, FaultEffect.Vanish, 0),
        // Shorter than the proof of absence takes: what a provider denies for longer is gone for everybody.
        Calls("denied", 19, FaultEffect.Denied, 4, "get"),
        Machine("id-reuse", 20, FaultEffect.IdReuse, 0),
        Calls("listing-lag", 21, FaultEffect.ListingLag, 60, "list"),
        Calls("empty-listing", 21, FaultEffect.EmptyListing, 60, "list"),
        Calls("listing-gap", 22, FaultEffect.ListingGap, 60, "list"),
        Calls("offer-gone", 23, FaultEffect.OfferGone, 20, "create"),
        Machine("offers-change", 23, FaultEffect.OffersChange, 0),
        Calls("insufficient-credit", 24, FaultEffect.NoCredit, 15, "create"),
        Calls("key-revoked", 25, FaultEffect.CallLost, 40),
        Machine("key-of-another-account", 25, FaultEffect.ForeignKey, 60),
        Calls("quota", 27, FaultEffect.Refused, 20, "create"),
        Machine("host-key-changed", 28, FaultEffect.PrepareFails, 40),
        Machine("disk-full", 29, FaultEffect.PrepareFails, 40),
        Network("one-way-cut-up", 30, FaultEffect.CutUp, 60),
        Network("one-way-cut-down", 30, FaultEffect.CutDown, 60),
        Network("partition", 0, FaultEffect.Partition, 60),
        Network("sync-cut", 0, FaultEffect.SyncCut, 40),
        Network("heartbeat-loss", 0, FaultEffect.HeartbeatLoss, 40),
        Machine("host-dies", 0, FaultEffect.HostDies, 0),
        Machine("machine-freezes", 0, FaultEffect.MachineFreezes, 60),
        Machine("agent-restarts", 0, FaultEffect.AgentRestarts, 0),
        Work("agent-restarts-in-work", FaultEffect.AgentRestarts, 30, "work"),
        Work("machine-dies-in-work", FaultEffect.HostDies, 30, "work"),
        Work("link-cut-in-work", FaultEffect.Partition, 30, "work"),
        Work("answer-of-work-lost", FaultEffect.AgentRestarts, 30, "work done"),
        Work("store-full", FaultEffect.StoreFails, 30, "put"),
        Work("store-denied", FaultEffect.StoreFails, 30, "put", "store"),
        Server("server-dies", FaultEffect.ServerDies, 5),
        Server("server-freezes", FaultEffect.ServerFreezes, 90),
        Server("stale-holder", FaultEffect.StaleHolder, 90),
        Server("clock-forward", FaultEffect.ClockForward, 0),
        Server("clock-back", FaultEffect.ClockBack, 0),
    ];

    /// <summary>Those that a run may draw from: faults of work mean nothing where there is none, and would hardly ever be drawn where there is.</summary>
    public static IReadOnlyList<Fault> DrawnFrom(bool isOfWork) => isOfWork ? Works : Others;

    private static readonly IReadOnlyList<Fault> Works = [.. Rows.Where(row => row.Site == FaultSite.Work)];

    private static readonly IReadOnlyList<Fault> Others = [.. Rows.Where(row => row.Site != FaultSite.Work)];

    private static Fault Calls(string name, int matrix, FaultEffect effect, int seconds, params string[] operations) =>
        new(name, matrix, FaultSite.Provider, effect, operations.Length == 0 ? Any : operations, TimeSpan.FromSeconds(seconds));

    private static Fault Machine(string name, int matrix, FaultEffect effect, int seconds) =>
        new(name, matrix, FaultSite.Machine, effect, Any, TimeSpan.FromSeconds(seconds));

    private static Fault Network(string name, int matrix, FaultEffect effect, int seconds) =>
        new(name, matrix, FaultSite.Network, effect, Any, TimeSpan.FromSeconds(seconds));

    private static Fault Work(string name, FaultEffect effect, int seconds, params string[] operations) =>
        new(name, 0, FaultSite.Work, effect, operations, TimeSpan.FromSeconds(seconds));

    private static Fault Server(string name, FaultEffect effect, int seconds) =>
        new(name, 0, FaultSite.Server, effect, Any, TimeSpan.FromSeconds(seconds));
}
