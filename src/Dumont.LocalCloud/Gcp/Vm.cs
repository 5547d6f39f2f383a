namespace Dumont.LocalCloud.Gcp;

/// <summary>What is wanted of a VM in the end.</summary>
internal enum VmWish
{
    Running,
    Stopped,
    Deleted,
}

/// <summary>A virtual machine of Compute Engine. One file each; guarded by the gate of <see cref="VmBook"/>.</summary>
internal sealed class Vm
{
    public required ulong Id { get; init; }

    public required string Name { get; init; }

    public required string Zone { get; init; }

    public required string MachineType { get; init; }

    public required string Description { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required bool IsSpot { get; init; }

    public required bool AutomaticRestart { get; init; }

    public required string OnHostMaintenance { get; init; }

    /// <summary><c>STOP</c> or <c>DELETE</c>: what a preemption ends in.</summary>
    public required string TerminationAction { get; init; }

    public required string DiskType { get; init; }

    public required long DiskGb { get; init; }

    public required string DiskName { get; init; }

    public required bool DiskAutoDelete { get; init; }

    public required string SourceImage { get; init; }

    /// <summary>Whether it asked for an external address.</summary>
    public required bool HasExternalAddress { get; init; }

    public required string InternalAddress { get; init; }

    /// <summary>Price while it runs.</summary>
    public required long MicroUsdPerHour { get; init; }

    /// <summary>Price of its boot disk for as long as it exists.</summary>
    public required long DiskMicroUsdPerHour { get; init; }

    public List<KeyValuePair<string, string>> Metadata { get; set; } = [];

    public SortedDictionary<string, string> Labels { get; set; } = [];

    public List<string> Tags { get; set; } = [];

    /// <summary>Number of changes so far; fingerprints are made of it.</summary>
    public int Version { get; set; }

    public string Status { get; set; } = "PROVISIONING";

    public DateTimeOffset StatusSince { get; set; }

    public VmWish Wish { get; set; }

    /// <summary>Address of its sshd; given at each start and taken back at each stop, as an ephemeral address is.</summary>
    public string? Address { get; set; }

    public int Boot { get; set; }

    public DateTimeOffset BootWantedAt { get; set; }

    public TimeSpan ExtraBootDelay { get; set; }

    public DateTimeOffset? LastStartAt { get; set; }

    public DateTimeOffset? LastStopAt { get; set; }

    public string MachineKey => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"gcp-{Id}");

    public string Region => Zone[..Zone.LastIndexOf('-')];

    public string? FindMetadata(string key) => Metadata.Find(item => item.Key == key) is { Key: not null } item ? item.Value : null;
}

/// <summary>A long-running operation. One file each.</summary>
internal sealed class Operation
{
    public required ulong Id { get; init; }

    public required string Name { get; init; }

    public required string Zone { get; init; }

    /// <summary>Google's word: <c>insert</c>, <c>stop</c>, <c>compute.instances.preempted</c>…</summary>
    public required string Type { get; init; }

    public required string TargetName { get; init; }

    public required ulong TargetId { get; init; }

    public required string User { get; init; }

    public required DateTimeOffset InsertedAt { get; init; }

    /// <summary>The client's own id of the request, which makes a repeat harmless.</summary>
    public string? RequestId { get; init; }

    public DateTimeOffset? EndedAt { get; set; }

    public string? ErrorCode { get; set; }

    public string? ErrorMessage { get; set; }

    public int ErrorStatus { get; set; }
}
