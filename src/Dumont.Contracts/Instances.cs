using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>Asks for an instance: from one offer (<see cref="OfferId"/>), or from filters (<see cref="UseWizard"/>), where the server takes the best match.</summary>
public sealed record CreateInstanceRequest
{
    /// <summary>An offer of <c>GET /instances/offers</c>. If it has been taken meanwhile, the next equivalent one is rented.</summary>
    public long? OfferId { get; init; }

    /// <summary>Choose the best offer for the filters below; then <see cref="OfferId"/> must be absent.</summary>
    public bool? UseWizard { get; init; }

    /// <summary>Wizard: GPU model in any spelling, <c>rtx4090</c>.</summary>
    public string? GpuName { get; init; }

    /// <summary>Wizard: number of GPUs, 1 to 8; default 1.</summary>
    public int? NumGpus { get; init; }

    /// <summary>Wizard: highest price, $/h.</summary>
    public decimal? MaxPrice { get; init; }

    /// <summary>Wizard: <c>US</c>, <c>EU</c> or <c>ASIA</c>.</summary>
    public string? Region { get; init; }

    /// <summary>Container image; default the server's. At most 1,024 characters.</summary>
    public string? Image { get; init; }

    /// <summary>Disk in GB, 10 to 10,000; default 100.</summary>
    public double? DiskSize { get; init; }

    /// <summary>Alias of <see cref="DiskSize"/>.</summary>
    public double? DiskSpace { get; init; }

    /// <summary>Name shown to people, at most 128 characters; default <c>instance-&lt;id&gt;</c>.</summary>
    public string? Label { get; init; }

    /// <summary>Alias of <see cref="Label"/>.</summary>
    public string? Name { get; init; }

    /// <summary>Ports to publish, 1 to 65535, at most 60.</summary>
    public IReadOnlyList<int>? Ports { get; init; }

    /// <summary>Environment variables, at most 64.</summary>
    public IReadOnlyDictionary<string, string>? Env { get; init; }

    /// <summary>Script run at each start, at most 4,000 characters.</summary>
    public string? OnstartCmd { get; init; }

    /// <summary>Do without the CPU standby even where auto-standby is on.</summary>
    public bool? SkipStandby { get; init; }

    /// <summary>Bid in $/h for an interruptible machine; absent for on demand.</summary>
    public decimal? BidPrice { get; init; }
}

/// <summary>An instance as the API shows it.</summary>
public sealed record InstanceResponse
{
    /// <summary>Stable for life.</summary>
    public required InstanceId Id { get; init; }

    /// <summary>Same as <see cref="Id"/>.</summary>
    public required InstanceId InstanceId { get; init; }

    /// <summary><c>creating, running, pausing, paused, resuming, error, deleting</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Same as <see cref="Status"/>.</summary>
    public required string ActualStatus { get; init; }

    /// <summary>Why the status is <c>error</c>, else null.</summary>
    public string? StatusMessage { get; init; }

    /// <summary>Name shown to people.</summary>
    public required string Label { get; init; }

    /// <summary>Word of the provider of the writing machine, <c>vast</c>.</summary>
    public required string Provider { get; init; }

    /// <summary>Provider's spelling, <c>RTX 4090</c>; null while a CPU standby stands in and none was rented.</summary>
    public string? GpuName { get; init; }

    /// <summary>Number of GPUs.</summary>
    public int NumGpus { get; init; }

    /// <summary>GB a GPU.</summary>
    public double GpuRam { get; init; }

    /// <summary>Cores.</summary>
    public double CpuCores { get; init; }

    /// <summary>GB.</summary>
    public double CpuRam { get; init; }

    /// <summary>GB allocated.</summary>
    public double DiskSpace { get; init; }

    /// <summary>Price of the GPU machine, $/h.</summary>
    public decimal DphTotal { get; init; }

    /// <summary>GPU machine and standby together, $/h.</summary>
    public decimal TotalDph { get; init; }

    /// <summary>Public address of the writing machine; null while unknown.</summary>
    public string? PublicIpaddr { get; init; }

    /// <summary>Host to log in at, the same for life; connections are forwarded to the machine that writes at present.</summary>
    public required string SshHost { get; init; }

    /// <summary>Port to log in at, the same for life.</summary>
    public required int SshPort { get; init; }

    /// <summary>Host key shown there, the same for life; null until the first machine is prepared.</summary>
    public string? SshHostKey { get; init; }

    /// <summary>Container port → port at <see cref="PublicIpaddr"/>.</summary>
    public IReadOnlyDictionary<string, int> Ports { get; init; } = new Dictionary<string, int>();

    /// <summary>Image asked for; null for the server's default.</summary>
    public string? Image { get; init; }

    /// <summary>As the provider writes it.</summary>
    public string? Geolocation { get; init; }

    /// <summary>The provider's physical machine.</summary>
    public long? MachineId { get; init; }

    /// <summary>When it was asked for, UTC.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it first ran, UTC; null before.</summary>
    public DateTimeOffset? StartDate { get; init; }

    /// <summary>Writing generation: grows by one each time another machine takes over.</summary>
    public long Generation { get; init; }

    /// <summary>Mean over GPUs, 0 to 100; null while the agent has not said.</summary>
    public double? GpuUtil { get; init; }

    /// <summary>°C of the hottest GPU.</summary>
    public double? GpuTemp { get; init; }

    /// <summary>0 to 100.</summary>
    public double? CpuUtil { get; init; }

    /// <summary>GB in use.</summary>
    public double? RamUsed { get; init; }

    /// <summary>GB there are.</summary>
    public double? RamTotal { get; init; }

    /// <summary>The CPU machine that follows it; null without one.</summary>
    [JsonPropertyName("cpu_standby")]
    public InstanceStandby? CpuStandby { get; init; }
}

/// <summary>The standby of an instance in short.</summary>
public sealed record InstanceStandby
{
    /// <summary>A standby belongs to the instance.</summary>
    public required bool Enabled { get; init; }

    /// <summary><c>gcp</c>.</summary>
    public string? Provider { get; init; }

    /// <summary>The provider's name for the machine; null while it is being rented.</summary>
    public string? Name { get; init; }

    /// <summary>Zone.</summary>
    public string? Zone { get; init; }

    /// <summary>Address; null while unknown.</summary>
    public string? Ip { get; init; }

    /// <summary><c>e2-medium</c>.</summary>
    public string? MachineType { get; init; }

    /// <summary>Phase of the machine: <c>intended, asking, booting, preparing, ready, stopped, …</c>.</summary>
    public string? Status { get; init; }

    /// <summary>$/h.</summary>
    public decimal DphTotal { get; init; }

    /// <summary>Changes are being sent.</summary>
    public bool SyncEnabled { get; init; }

    /// <summary>Times that the standby reached the writer's state.</summary>
    public long SyncCount { get; init; }

    /// <summary>Age of the oldest change the standby lacks, seconds; while sync is off, the time since it last had everything; null before the first pass.</summary>
    public double? RpoSeconds { get; init; }

    /// <summary><c>disabled, provisioning, syncing, ready, failover_active, recovering, error</c>.</summary>
    public required string State { get; init; }
}

/// <summary>Instances with their number.</summary>
public sealed record InstanceListResponse(IReadOnlyList<InstanceResponse> Instances, int Count);

/// <summary>Answer to an action on an instance.</summary>
/// <param name="Success">Always true: a refusal has another status code.</param>
/// <param name="InstanceId">The instance.</param>
/// <param name="Status">Its status now.</param>
/// <param name="Message">For people.</param>
public sealed record InstanceActionResponse(bool Success, InstanceId InstanceId, string Status, string Message);

/// <summary>Asks to delete several instances.</summary>
/// <param name="Ids">1 to 100 ids.</param>
public sealed record BatchDeleteRequest(IReadOnlyList<InstanceId> Ids);

/// <summary>What became of each id of a batch.</summary>
public sealed record BatchDeleteResponse(bool Success, IReadOnlyList<InstanceId> Deleted, IReadOnlyList<InstanceId> NotFound);

/// <summary>Changes what may be changed of an instance; absent members stay.</summary>
/// <param name="Label">At most 128 characters.</param>
public sealed record UpdateInstanceRequest(string? Label);

/// <summary>Something that happened to an instance.</summary>
public sealed record EventResponse(long Id, DateTimeOffset At, InstanceId? InstanceId, string Type, string Message);

/// <summary>Events, newest first.</summary>
public sealed record EventListResponse(IReadOnlyList<EventResponse> Events, int Count);
