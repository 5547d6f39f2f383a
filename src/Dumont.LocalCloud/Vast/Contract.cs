using System.Text.Json.Serialization;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>A public key as Vast.ai stores it.</summary>
internal sealed record SshKey(long Id, string PublicKey, DateTimeOffset CreatedAt);

/// <summary>What a host reports about the GPUs of one contract; set through the control endpoints.</summary>
/// <param name="Utilization">Percent.</param>
/// <param name="MemoryUsedMiB">Per GPU.</param>
/// <param name="Temperature">Degrees Celsius.</param>
internal sealed record GpuLoad(double Utilization, int MemoryUsedMiB, double Temperature)
{
    public static GpuLoad Idle { get; } = new(0, 0, 34);
}

/// <summary>One rented slice of a host: what Vast.ai calls an instance and its billing calls a contract. One file each.</summary>
/// <remarks>Guarded by the gate of <see cref="ContractBook"/>.</remarks>
internal sealed class Contract
{
    public required long Id { get; init; }

    /// <summary>The offer as it was when rented.</summary>
    public required Offer Offer { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Until then the host has promised to stay.</summary>
    public required DateTimeOffset EndsAt { get; init; }

    public required string Image { get; init; }

    public required double DiskGb { get; init; }

    /// <summary>Whether it was rented for a bid and gives way to others.</summary>
    public required bool IsBid { get; init; }

    public required string Runtype { get; init; }

    public required string OnStart { get; init; }

    /// <summary>Variables and docker options in the order given; an option's name starts with a dash.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Env { get; init; }

    /// <summary>Restricted key that the container sees.</summary>
    public required string ApiKey { get; init; }

    public required string JupyterToken { get; init; }

    public required string Address { get; init; }

    /// <summary>Port of the machine's sshd.</summary>
    public required int SshPort { get; init; }

    /// <summary>Price while it runs: what an on-demand contract was rented at, or the bid.</summary>
    public required long MicroUsdPerHour { get; set; }

    /// <summary>Price of its disk for as long as it exists.</summary>
    public required long DiskMicroUsdPerHour { get; init; }

    /// <summary>Volumes that it mounts.</summary>
    public IReadOnlyList<VolumeUse> Volumes { get; init; } = [];

    public string? Label { get; set; }

    public List<SshKey> Keys { get; init; } = [];

    public string? ActualStatus { get; set; }

    public string IntendedStatus { get; set; } = "running";

    public string CurState { get; set; } = "running";

    public string NextState { get; set; } = "running";

    public string? StatusMessage { get; set; }

    /// <summary>What is to be said about a copy from or to it.</summary>
    [JsonIgnore]
    public string? CopyMessage { get; set; }

    /// <summary>Whether its GPUs are kept for it. A stopped contract keeps its disk only.</summary>
    public bool HoldsGpus { get; set; }

    /// <summary>Interrupted by somebody who pays more; resumes when the GPUs are free.</summary>
    public bool Outbid { get; set; }

    /// <summary>Until then the one who paid more holds the GPUs.</summary>
    public DateTimeOffset? OutbidUntil { get; set; }

    /// <summary>The host is dead to the world until the contract is destroyed.</summary>
    public bool HostDead { get; set; }

    /// <summary>Whether the next boot makes a new disk.</summary>
    public bool FreshDisk { get; set; }

    /// <summary>Status shown while it comes up again, <c>loading</c> or <c>rebooting</c>.</summary>
    public string ComingUpStatus { get; set; } = "loading";

    /// <summary>Number of the wanted boot; 0 before the first.</summary>
    public int Boot { get; set; }

    public DateTimeOffset BootWantedAt { get; set; }

    /// <summary>Added to the usual delay of that boot.</summary>
    public TimeSpan ExtraBootDelay { get; set; }

    public DateTimeOffset StatusSince { get; set; }

    public GpuLoad Load { get; set; } = GpuLoad.Idle;

    /// <summary>Name of its machine on this computer.</summary>
    public string MachineKey => KeyOf(Id);

    public static string KeyOf(long id) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"vast-{id}");

    public bool UsesJupyter => Runtype.Contains("jupyter", StringComparison.Ordinal);

    public bool WantsToRun => IntendedStatus == "running" && HoldsGpus && !HostDead;

    public double UsdPerHour => MicroUsdPerHour / 1e6;
}
