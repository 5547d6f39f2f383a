namespace Dumont.Simulation.Faults;

/// <summary>On which side of a step a kill strikes.</summary>
internal enum Seam
{
    /// <summary>Inside the transaction, before its commit: nothing of it stays.</summary>
    BeforeCommit,

    /// <summary>The commit is durable; nothing after it has happened.</summary>
    AfterCommit,

    /// <summary>The call has not left.</summary>
    BeforeSend,

    /// <summary>The other side has done it; the answer is on its way.</summary>
    InFlight,

    /// <summary>The answer has come; nothing of it is recorded.</summary>
    Answered,
}

/// <summary>A moment at which the server's process may be killed.</summary>
/// <param name="Flow">create, pause, resume, destroy, failover, migrate, recover, sweep, or one of snapshots: snapshot, snapshot of paused, restore, restore to new,
/// forget, prune, cleanup, schedule, cancel.</param>
/// <param name="Seam">On which side of the step.</param>
/// <param name="Step">The step as production code passes it: what a transaction changes (<c>gpu Intended>Asking</c>), what is called
/// (<c>gpu create</c>), what an agent is ordered (<c>order writer</c>), what a user asked for (<c>api pause</c>).</param>
/// <param name="With">Names of faults without which the step is hardly ever passed; a run that is about this point begins with them.</param>
internal sealed record KillPoint(string Flow, Seam Seam, string Step, params string[] With)
{
    /// <summary>The user must take snapshots to get there.</summary>
    public bool IsOfSnapshots => IsOfSchedules || Flow is "recover" or "snapshot" or "snapshot of paused" or "restore" or "restore to new" or "forget" or "prune" or "cleanup" or "cancel";

    /// <summary>And wait for the next turn.</summary>
    public bool IsOfSchedules => Flow == "schedule";

    public override string ToString() => $"{Flow}: {Step}, {Seam}";
}

/// <summary>Every kill point. Production code knows nothing of them: the decorators around database, providers, SSH and agent links tell which step is
/// being passed, and a row that names that step is all that a new point needs.</summary>
internal static class KillPointTable
{
    public static readonly IReadOnlyList<KillPoint> Rows =
    [
        .. Commit("create", "api create"),
        .. Commit("create", "gpu Intended>Asking"),
        .. Call("create", "gpu create"),
        .. Commit("create", "gpu Asking>Booting"),
        .. Call("create", "gpu tag look-up", "answer-lost-after-effect"),
        .. Call("create", "gpu boot look"),
        .. Call("create", "gpu ssh greeting"),
        .. Call("create", "gpu host key"),
        .. Commit("create", "gpu Booting>Preparing"),
        .. Call("create", "gpu prepare"),
        .. Commit("create", "gpu Preparing>Ready"),
        .. Call("create", "order writer"),
        .. Commit("create", "generation 0>1"),
        .. Commit("create", "instance Creating>Error", "insufficient-credit"),
        .. Commit("create", "gpu Asking>Failed", "offer-gone"),
        .. Commit("create", "gpu Asking>Releasing", "create-fails-leaves-contract"),
        .. Commit("create", "pair standby placed"),
        .. Commit("create", "standby Intended>Asking"),
        .. Call("create", "standby create"),
        .. Commit("create", "standby Asking>Booting"),
        .. Call("create", "standby prepare"),
        .. Commit("create", "standby Preparing>Ready"),
        .. Call("create", "order follower"),

        .. Commit("pause", "api pause"),
        .. Commit("pause", "instance Running>Pausing"),
        .. Call("pause", "order drain"),
        .. Commit("pause", "machines told to stop"),
        .. Commit("pause", "gpu Ready>Stopping"),
        .. Call("pause", "gpu stop"),
        .. Commit("pause", "gpu Stopping>Stopped"),
        .. Commit("pause", "standby Ready>Stopping"),
        .. Call("pause", "standby stop"),
        .. Commit("pause", "instance Pausing>Paused"),

        .. Commit("resume", "api resume"),
        .. Commit("resume", "instance Paused>Resuming"),
        .. Call("resume", "gpu start"),
        .. Commit("resume", "gpu Stopped>Starting"),
        .. Commit("resume", "gpu Starting>Preparing"),
        .. Commit("resume", "standby Stopped>Starting"),
        .. Call("resume", "standby start"),
        .. Commit("resume", "instance Resuming>Running"),

        .. Call("failover", "pair ssh greeting", "host-dies"),
        .. Call("failover", "pair writer look", "heartbeat-loss"),
        .. Commit("failover", "api failover"),
        .. Commit("failover", "pair draining"),
        .. Commit("failover", "pair watching>GpuLost"),
        .. Call("failover", "order fenced"),
        .. Call("failover", "order writer again"),
        .. Commit("failover", "pair GpuLost>FailoverToCpu"),
        .. Commit("failover", "pair FailoverToCpu>SearchingGpu"),
        .. Call("failover", "pair search"),
        .. Commit("failover", "pair SearchingGpu>Provisioning"),
        .. Commit("failover", "candidate Intended>Asking"),
        .. Call("failover", "candidate create"),
        .. Commit("failover", "candidate Asking>Booting"),
        .. Call("failover", "candidate prepare"),
        .. Commit("failover", "candidate Preparing>Ready"),
        .. Commit("failover", "pair Provisioning>Restoring"),
        .. Commit("failover", "pair Provisioning>SearchingGpu", "offer-gone"),
        .. Commit("failover", "pair promoting"),
        .. Commit("failover", "pair Restoring>watching"),
        .. Commit("failover", "lost Ready>Releasing"),
        .. Call("failover", "lost destroy"),
        .. Commit("failover", "lost Releasing>Gone"),

        .. Commit("migrate", "api migrate"),
        .. Call("migrate", "migration search"),
        .. Commit("migrate", "migration Searching>Provisioning"),
        .. Commit("migrate", "migration Provisioning>Copying"),
        .. Commit("migrate", "migration Provisioning>Searching", "offer-gone"),
        .. Call("migrate", "order copy"),
        .. Commit("migrate", "migration Copying>Verifying"),
        .. Call("migrate", "order target compare"),
        .. Commit("migrate", "migration compares"),
        .. Call("migrate", "order compare"),
        .. Commit("migrate", "migration Verifying>Draining"),
        .. Commit("migrate", "migration Draining>Switching"),
        .. Commit("migrate", "migration Switching>Complete"),
        .. Commit("migrate", "api cancel migration"),
        .. Commit("migrate", "migration cancelled"),
        .. Commit("migrate", "migration failed", "host-dies"),
        .. Commit("migrate", "api release source"),
        .. Commit("migrate", "migration releases source"),
        .. Commit("settings", "api settings"),
        .. Commit("withdraw", "pair request withdrawn"),

        .. Commit("recover", "recovery begins", "host-dies"),
        .. Call("recover", "recovery ssh greeting", "host-dies"),
        .. Call("recover", "recovery search", "host-dies"),
        .. Commit("recover", "recovery Searching>Provisioning", "host-dies"),
        .. Commit("recover", "recovery Provisioning>Searching", "host-dies", "offer-gone"),
        .. Commit("recover", "recovery Provisioning>Restoring", "host-dies"),
        .. Call("recover", "order fill", "host-dies"),
        .. Commit("recover", "recovery Restoring>Searching", "host-dies", "store-denied"),
        .. Commit("recover", "recovery Restoring>Switching", "host-dies"),
        .. Commit("recover", "recovery Switching>Complete", "host-dies"),
        .. Commit("recover", "recovery cancelled", "partition"),
        .. Commit("recover", "recovery failed", "vanish"),
        .. Commit("recover", "api recover", "host-dies"),

        .. Commit("destroy", "api delete"),
        .. Commit("destroy", "instance Running>Deleting"),
        .. Commit("destroy", "gpu Ready>Releasing"),
        .. Call("destroy", "gpu destroy"),
        .. Commit("destroy", "gpu destroy asked"),
        .. Call("destroy", "gpu proof"),
        .. Commit("destroy", "gpu first proof"),
        .. Commit("destroy", "gpu Releasing>Gone"),
        .. Commit("destroy", "standby Ready>Releasing"),
        .. Call("destroy", "standby destroy"),
        .. Commit("destroy", "standby Releasing>Gone"),
        .. Commit("destroy", "instance Deleting>Deleted"),

        .. Commit("snapshot", "api snapshot"),
        .. Call("snapshot", "repository make"),
        .. Commit("snapshot", "snapshot Pending>Running"),
        .. Call("snapshot", "order snapshot"),
        .. Commit("snapshot", "snapshot noted"),
        .. Commit("snapshot", "snapshot Running>Done"),
        .. Commit("snapshot", "snapshot Pending>Failed", "store-denied"),
        .. Commit("snapshot", "snapshot Running>Failed", "store-full"),
        .. Commit("snapshot of paused", "instance runs for the snapshot"),
        .. Commit("snapshot of paused", "instance runs for it no more"),
        .. Commit("restore", "api restore"),
        .. Commit("restore", "restore Pending>Running"),
        .. Call("restore", "order restore"),
        .. Commit("restore", "restore Running>Done"),
        .. Commit("restore to new", "api restore to new"),
        .. Commit("forget", "api delete snapshot"),
        .. Commit("forget", "forget Pending>Running"),
        .. Call("forget", "repository forget"),
        .. Commit("forget", "forget Running>Done"),
        .. Commit("prune", "api prune"),
        .. Commit("prune", "prune Pending>Running"),
        .. Call("prune", "repository list"),
        .. Call("prune", "repository prune"),
        .. Commit("prune", "prune Running>Done"),
        .. Commit("cleanup", "api retention"),
        .. Commit("cleanup", "cleanup drops"),
        .. Commit("schedule", "api schedule"),
        .. Commit("schedule", "schedule takes its turn"),
        .. Commit("schedule", "schedule drops"),
        .. Commit("cancel", "api cancel"),
        .. Commit("cancel", "snapshot Running>Cancelled"),

        .. Call("sweep", "sweep listing"),
        .. Commit("sweep", "sweep reopens", "answer-lost-after-effect", "listing-lag"),
    ];

    private static IEnumerable<KillPoint> Commit(string flow, string step, params string[] with) =>
        [new(flow, Seam.BeforeCommit, step, with), new(flow, Seam.AfterCommit, step, with)];

    private static IEnumerable<KillPoint> Call(string flow, string step, params string[] with) =>
        [new(flow, Seam.BeforeSend, step, with), new(flow, Seam.InFlight, step, with), new(flow, Seam.Answered, step, with)];
}
