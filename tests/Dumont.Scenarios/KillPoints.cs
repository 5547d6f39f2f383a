using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>What the cloud is made to do so that the server stays at a kill point until it is killed there.</summary>
internal sealed record Hold(string Kind, string Operation, string Provider, int? Count = null)
{
    private const int SecondsMax = 60;

    public JsonObject ToJson()
    {
        var fault = new JsonObject { ["kind"] = Kind, ["operation"] = Operation, ["provider"] = Provider };
        fault[Count is null ? "seconds" : "count"] = Count ?? SecondsMax;
        return fault;
    }
}

/// <summary>A state of the server in which it is to be killed.</summary>
/// <param name="Flow">create, pause, resume, failover or destroy.</param>
/// <param name="Name">For people.</param>
/// <param name="IsNow">Whether the records show it, given the time since the act began.</param>
/// <param name="Holds">What keeps the server there. A point with a hold cannot be passed unseen, and one that is not hit fails the test.</param>
internal sealed record KillPoint(string Flow, string Name, Func<ServerState, TimeSpan, bool> IsNow, params Hold[] Holds)
{
    public KillPoint(string flow, string name, Func<ServerState, bool> isNow, params Hold[] holds)
        : this(flow, name, (state, _) => isNow(state), holds)
    {
    }
}

/// <summary>The kill points of real processes, in the order in which a life passes them. A row is all that a new one needs. Those inside a transaction or on
/// one side of a call are the simulator's: <c>KillPointTable</c>.</summary>
internal static class KillPoints
{
    private static readonly Hold GpuIsNotDescribed = new("too-many-requests", "get", "vast");
    private static readonly Hold StandbyIsNotDescribed = new("too-many-requests", "get", "gcp");

    public static readonly IReadOnlyList<KillPoint> Rows =
    [
        // The machine exists, the answer is lost, and no listing tells.
        new("create", "GPU machine asked for, answer lost", state => state.FirstGpu?.Phase == "Asking",
            new Hold("answer-lost-after-effect", "create", "vast", Count: 1), new Hold("too-many-requests", "list", "vast")),
        new("create", "GPU machine boots", state => state.FirstGpu?.Phase == "Booting", GpuIsNotDescribed),
        new("create", "GPU machine being prepared", state => state.FirstGpu?.Phase == "Preparing"),
        new("create", "GPU machine ready, nobody writes", state => state.FirstGpu?.Phase == "Ready"),
        new("create", "standby boots", state => state.Standby?.Phase == "Booting", StandbyIsNotDescribed),
        new("create", "standby being prepared", state => state.Standby?.Phase == "Preparing"),

        new("pause", "pause recorded", state => state.Status == "Pausing"),
        new("pause", "GPU machine asked to stop", state => state.IsGpuIn("Stopping"), GpuIsNotDescribed),
        new("pause", "standby asked to stop", state => state.Standby?.Phase == "Stopping", StandbyIsNotDescribed),

        new("resume", "GPU machine asked to start", state => state.IsGpuIn("Starting"), GpuIsNotDescribed),
        new("resume", "GPU machine being prepared again", state => state.IsGpuIn("Preparing")),

        new("failover", "GPU lost, standby not yet writing", state => state is { FailoverPhase: "GpuLost", HasPendingWriter: true }),
        new("failover", "standby writes, GPU being searched", state => state.FailoverPhase is "FailoverToCpu" or "SearchingGpu"),
        new("failover", "new GPU asked for, answer lost", state => state.Candidate?.Phase == "Asking",
            new Hold("answer-lost-after-effect", "create", "vast", Count: 1), new Hold("too-many-requests", "list", "vast")),
        new("failover", "new GPU boots", state => state.Candidate?.Phase == "Booting", GpuIsNotDescribed),
        new("failover", "new GPU being prepared", state => state.Candidate?.Phase == "Preparing"),
        new("failover", "workspace on the way back", state => state is { FailoverPhase: "Restoring", IsDraining: false }),
        new("failover", "standby sends the rest", state => state is { FailoverPhase: "Restoring", IsDraining: true, HasPendingWriter: false }),
        new("failover", "new GPU about to write", state => state is { FailoverPhase: "Restoring", HasPendingWriter: true }),

        new("destroy", "deletion recorded", state => state.Status == "Deleting"),
        new("destroy", "GPU machine being given back", state => state.IsGpuIn("Releasing"), GpuIsNotDescribed),
        new("destroy", "standby being given back", state => state.Standby?.Phase == "Releasing", StandbyIsNotDescribed),
    ];
}
