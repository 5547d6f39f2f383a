using System.Text.Json.Serialization;

namespace Dumont.Contracts;

// The link between server and agent. The agent dials out to GET /api/v1/agent/link (WebSocket, bearer = machine token) and
//
//   agent  ──▶  AgentReport   at once after connecting, then every second or as ordered: heartbeat, metrics and what it observes
//   agent  ◀──  AgentOrder    at once after connecting, then whenever it changes: the state the machine should be in
//
// Both are whole states, not events: a lost or repeated message changes nothing. Text frames of UTF-8 JSON, snake_case, one
// message a frame, at most 256 KiB. Unknown members are ignored by both sides.

/// <summary>What a machine does for its instance.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AgentRole>))]
public enum AgentRole
{
    /// <summary>No order received yet: the workspace is left alone and no sync is accepted or sent.</summary>
    [JsonStringEnumMemberName("idle")]
    Idle,

    /// <summary>The one machine whose workspace the user writes; it sends its changes to the sync target, when it has one.</summary>
    [JsonStringEnumMemberName("writer")]
    Writer,

    /// <summary>Receives changes from the writer and applies them to its own workspace.</summary>
    [JsonStringEnumMemberName("follower")]
    Follower,

    /// <summary>Lost its right to write: sends nothing, accepts nothing, user processes are stopped.</summary>
    [JsonStringEnumMemberName("fenced")]
    Fenced,
}

/// <summary>When a flush (<c>fsync</c> and its like) of a user's process returns.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AgentAcknowledge>))]
public enum AgentAcknowledge
{
    /// <summary>When the machine's own disk has it. Sessions are not supervised.</summary>
    [JsonStringEnumMemberName("async")]
    Async,

    /// <summary>The same, but new sessions are supervised, so that <see cref="Sync"/> can come into force for them.</summary>
    [JsonStringEnumMemberName("suspended")]
    Suspended,

    /// <summary>When the follower has it, too.</summary>
    [JsonStringEnumMemberName("sync")]
    Sync,
}

/// <summary>The state the server wants a machine's agent to reach. The newest <see cref="Generation"/> wins for ever.</summary>
/// <param name="Generation">Writing generation this order belongs to. The agent keeps the highest it has seen on disk and ignores an
/// order, and refuses a sync connection, that carries a lower one.</param>
/// <param name="Role">What to be.</param>
/// <param name="Workspace">Absolute path of the tree that is kept, <c>/workspace</c>.</param>
/// <param name="SyncTarget">Where a writer sends its changes; null stops sending.</param>
/// <param name="Drain">A writer that drains stops user processes, sends what is left, then reports <see cref="AgentSyncReport.Drained"/>.</param>
/// <param name="AuthorizedKeys">The user's public keys, one OpenSSH line each, to be let in as root besides the server's own.</param>
/// <param name="Work">What to do once, besides; null ends what is being done. Holds a secret: it stays in memory, on both sides.</param>
/// <param name="ReportInterval">Time between two reports; null for the one of <see cref="AgentConfig.HeartbeatInterval"/>.</param>
/// <param name="MigrationTarget">Where a writer sends its changes besides, because the instance is to move there; null when it is not.</param>
/// <param name="Check">Number of the comparison by content that is wanted; 0 for none. A follower that is given another number forgets what it knows of its
/// files, and so reads all of them from its disk when the writer connects next; a writer does so for the migration target, and connects to it anew.</param>
/// <param name="Acknowledge">When flushes of the user's processes return, on a writer.</param>
/// <param name="PromiseNumber">Which of the times it is that <see cref="AgentAcknowledge.Sync"/> is ordered; the agent says when that one holds.</param>
/// <param name="Services">What a writer keeps running; null for nothing.</param>
/// <param name="Hook">What a writer runs before the services, unless it has; null for nothing.</param>
/// <param name="SyncExcludes">Patterns of what is neither sent to the sync target nor deleted there; null for none. They do not hold for the migration target.</param>
/// <param name="SyncBytesPerSecond">How much a writer may send, to all it sends to together; null for no limit.</param>
public sealed record AgentOrder(
    long Generation,
    AgentRole Role,
    string Workspace,
    AgentSyncTarget? SyncTarget,
    bool Drain,
    IReadOnlyList<string> AuthorizedKeys,
    AgentWork? Work = null,
    TimeSpan? ReportInterval = null,
    AgentSyncTarget? MigrationTarget = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] long Check = 0,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] AgentAcknowledge Acknowledge = AgentAcknowledge.Async,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] long PromiseNumber = 0,
    IReadOnlyList<AgentService>? Services = null,
    AgentHook? Hook = null,
    IReadOnlyList<string>? SyncExcludes = null,
    long? SyncBytesPerSecond = null);

/// <summary>How a writer reaches the follower: <c>ssh</c> to <c>root@Host:Port</c> with the instance's sync key, whose forced command is
/// <c>dumont-agent sink</c>. The host key is pinned.</summary>
/// <param name="Host">Address or DNS name.</param>
/// <param name="Port">1 to 65535.</param>
/// <param name="HostKey">The follower's host key as <c>ssh-ed25519 AAAA…</c>.</param>
/// <param name="MachineId">The follower's machine, for the report.</param>
public sealed record AgentSyncTarget(string Host, int Port, string HostKey, MachineId MachineId);

/// <summary>Heartbeat of one agent.</summary>
/// <param name="MachineId">The machine it runs on, as its configuration says.</param>
/// <param name="Sequence">Counts reports since the agent's start, from 1.</param>
/// <param name="BootId">Changes whenever the agent process starts.</param>
/// <param name="Version">Agent version, for instance <c>0.1.0</c>.</param>
/// <param name="Generation">Highest generation seen.</param>
/// <param name="Role">Role it is in now.</param>
/// <param name="UptimeSeconds">Since the agent's start.</param>
/// <param name="Metrics">Measurements; never older than the report interval by more than a second.</param>
/// <param name="Sync">The sending or receiving side of the sync; null when neither.</param>
/// <param name="Message">Last trouble worth showing, in English; null when all is well.</param>
/// <param name="Work">How far the ordered work is, or how it ended; null without any.</param>
/// <param name="Migration">A writer's sync with its migration target; null without one.</param>
/// <param name="Promised">Number of the promise that holds: flushes wait since it was ordered, and everything flushed before is on the follower, too.</param>
/// <param name="Services">One entry a service that was ordered or still runs; null without any.</param>
/// <param name="Hook">The last hook; null when there was none.</param>
public sealed record AgentReport(
    MachineId MachineId,
    long Sequence,
    string BootId,
    string Version,
    long Generation,
    AgentRole Role,
    double UptimeSeconds,
    AgentMetrics Metrics,
    AgentSyncReport? Sync,
    string? Message,
    AgentWorkReport? Work = null,
    AgentSyncReport? Migration = null,
    long? Promised = null,
    IReadOnlyList<AgentServiceReport>? Services = null,
    AgentHookReport? Hook = null);

/// <summary>What the agent measures; null where the machine does not tell.</summary>
/// <param name="CpuPercent">0 to 100 over all cores, since the last report.</param>
/// <param name="CpuCores">Usable cores.</param>
/// <param name="MemoryUsedBytes">Of the machine's limit where it has one, else of the host.</param>
/// <param name="MemoryTotalBytes">As above.</param>
/// <param name="DiskUsedBytes">Of the file system that holds the workspace.</param>
/// <param name="DiskTotalBytes">As above.</param>
/// <param name="NetworkReceivedBytes">Counter since boot, over all interfaces but loopback.</param>
/// <param name="NetworkSentBytes">As above.</param>
/// <param name="SshSessions">Open SSH logins, the server's own and sync connections not counted.</param>
/// <param name="Gpus">One entry a GPU, from <c>nvidia-smi</c>; empty without GPUs.</param>
/// <param name="WorkspaceBytes">Sizes of all files of the workspace, added up some seconds to minutes ago; null before that was done once.</param>
public sealed record AgentMetrics(
    double? CpuPercent,
    double? CpuCores,
    long? MemoryUsedBytes,
    long? MemoryTotalBytes,
    long? DiskUsedBytes,
    long? DiskTotalBytes,
    long? NetworkReceivedBytes,
    long? NetworkSentBytes,
    int? SshSessions,
    IReadOnlyList<AgentGpu> Gpus,
    long? WorkspaceBytes = null);

/// <summary>One GPU.</summary>
/// <param name="Name">As the driver spells it, <c>NVIDIA GeForce RTX 4090</c>.</param>
/// <param name="UtilizationPercent">0 to 100.</param>
/// <param name="MemoryUsedMiB">In MiB.</param>
/// <param name="MemoryTotalMiB">In MiB.</param>
/// <param name="TemperatureCelsius">Core temperature.</param>
/// <param name="PowerWatts">Draw now.</param>
public sealed record AgentGpu(
    string Name,
    double? UtilizationPercent,
    [property: JsonPropertyName("memory_used_mib")] double? MemoryUsedMiB,
    [property: JsonPropertyName("memory_total_mib")] double? MemoryTotalMiB,
    double? TemperatureCelsius,
    double? PowerWatts);

/// <summary>State of the sync as one side sees it.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AgentSyncState>))]
public enum AgentSyncState
{
    /// <summary>No connection to the other side; retried with backoff.</summary>
    [JsonStringEnumMemberName("connecting")]
    Connecting,

    /// <summary>First pass: the two trees are being compared and evened out.</summary>
    [JsonStringEnumMemberName("initial")]
    Initial,

    /// <summary>The first pass is acknowledged; changes are sent as they happen.</summary>
    [JsonStringEnumMemberName("live")]
    Live,
}

/// <summary>Progress of the sync.</summary>
/// <param name="State">Where it is.</param>
/// <param name="Peer">The other machine; null when a follower has no connection.</param>
/// <param name="SentSequence">Last change sent (writer) or received (follower).</param>
/// <param name="AckedSequence">Last change that is durable on the follower.</param>
/// <param name="PendingChanges">Paths known to differ and not acknowledged.</param>
/// <param name="OldestUnackedSeconds">Age of the oldest change not acknowledged: the RPO. 0 when all is acknowledged; null before the first pass ends.</param>
/// <param name="Drained">Order said drain, user processes are stopped, and every change is acknowledged.</param>
/// <param name="RoundsCompleted">Times that the follower reached the writer's state since the agent's start.</param>
/// <param name="FilesTotal">Files sent or received since the agent's start.</param>
/// <param name="BytesTotal">Payload bytes sent or received since the agent's start.</param>
/// <param name="LastSuccessAt">When everything was last acknowledged.</param>
/// <param name="Check">The order's number of the comparison by content that this sync began with; live means that it is done.</param>
/// <param name="BytesPerSecond">Measured in the last first pass that was long enough to tell; null before one was.</param>
public sealed record AgentSyncReport(
    AgentSyncState State,
    MachineId? Peer,
    long SentSequence,
    long AckedSequence,
    int PendingChanges,
    double? OldestUnackedSeconds,
    bool Drained,
    long RoundsCompleted,
    long FilesTotal,
    long BytesTotal,
    DateTimeOffset? LastSuccessAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] long Check = 0,
    double? BytesPerSecond = null);

/// <summary>Serialiser of the agent link; source generated, because the agent is trimmed.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AgentOrder))]
[JsonSerializable(typeof(AgentReport))]
[JsonSerializable(typeof(AgentConfig))]
[JsonSerializable(typeof(AgentObject))]
[JsonSerializable(typeof(IAsyncEnumerable<AgentObject>))]
public sealed partial class AgentLinkJson : JsonSerializerContext;

/// <summary>The agent's configuration file, <c>/opt/dumont/agent.json</c>, mode 0600, written by the server when it prepares a machine.</summary>
/// <param name="ServerUrl">Base URL that the machine can reach, <c>http://host:port</c> or <c>https://…</c>.</param>
/// <param name="MachineId">Our id of the machine.</param>
/// <param name="Token">Bearer token of this machine alone; opens the agent link and nothing else.</param>
/// <param name="StateDirectory">Where the agent keeps its generation and sync state, <c>/var/lib/dumont</c>.</param>
/// <param name="SyncKeyFile">Private key for syncing, mode 0600, <c>/opt/dumont/sync_key</c>.</param>
/// <param name="HeartbeatInterval">Time between reports until an order says otherwise; default one second.</param>
public sealed record AgentConfig(
    string ServerUrl,
    MachineId MachineId,
    string Token,
    string StateDirectory,
    string SyncKeyFile,
    TimeSpan HeartbeatInterval);
