namespace Dumont.LocalCloud.Gcp;

/// <summary>What is wanted of a VM in the end.</summary>
internal enum VmWish
{
    Running,
    Stopped,
    Deleted,
}

/// <summary>A virtual machine of Compute Engine. One file each; guarded by the gate of <see cref="GcpBook"/>.</summary>
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

    /// <summary>The boot disk first, then data disks in the order in which they came.</summary>
    public required List<AttachedDisk> Disks { get; set; }

    /// <summary>Whether it asked for an external address.</summary>
    public required bool HasExternalAddress { get; init; }

    public required string InternalAddress { get; init; }

    /// <summary>Price while it runs.</summary>
    public required long MicroUsdPerHour { get; init; }

    public List<KeyValuePair<string, string>> Metadata { get; set; } = [];

    public SortedDictionary<string, string> Labels { get; set; } = [];

    public List<string> Tags { get; set; } = [];

    /// <summary>E-mail address of the service account that it acts as, or null; its scopes are those of every token.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>Number of changes so far; fingerprints are made of it.</summary>
    public int Version { get; set; }

    public string Status { get; set; } = "PROVISIONING";

    public DateTimeOffset StatusSince { get; set; }

    public VmWish Wish { get; set; }

    /// <summary>Address of its sshd; given at each start and taken back at each stop, as an ephemeral address is.</summary>
    public string? Address { get; set; }

    /// <summary>Where it reaches its metadata server; given and taken back with <see cref="Address"/>.</summary>
    public string? MetadataAddress { get; set; }

    /// <summary>Since when the system takes it away; null while nobody does. Its metadata server says so.</summary>
    public DateTimeOffset? PreemptedAt { get; set; }

    public int Boot { get; set; }

    public DateTimeOffset BootWantedAt { get; set; }

    public TimeSpan ExtraBootDelay { get; set; }

    public DateTimeOffset? LastStartAt { get; set; }

    public DateTimeOffset? LastStopAt { get; set; }

    /// <summary>The machine that runs from its boot disk. The files of that machine are the disk.</summary>
    public string MachineKey => Disk.KeyOf(Disks[0].DiskId);

    public string Region => Zone[..Zone.LastIndexOf('-')];

    public string? FindMetadata(string key) => Metadata.Find(item => item.Key == key) is { Key: not null } item ? item.Value : null;
}
