using Dumont.Providers;

namespace Dumont.Simulation.World;

/// <summary>One machine as it really is, whatever its provider says and whatever the server believes.</summary>
internal sealed class SimMachine(string id, string provider, string account, string? tag, MachineOffer offer, TimeSpan createdAt)
{
    public string Id { get; } = id;

    public string Provider { get; } = provider;

    /// <summary>The account that is billed.</summary>
    public string Account { get; } = account;

    public string? Tag { get; } = tag;

    public MachineOffer Offer { get; } = offer;

    public TimeSpan CreatedAt { get; } = createdAt;

    /// <summary>Bills. False once it is given back or has vanished.</summary>
    public bool Exists { get; set; } = true;

    public TimeSpan GoneAt { get; set; }

    /// <summary>What the provider says.</summary>
    public ProviderMachineState State { get; set; } = ProviderMachineState.Provisioning;

    /// <summary>Its processes run.</summary>
    public bool IsUp { get; set; }

    public bool HostIsDead { get; set; }

    public bool SshIsDead { get; set; }

    public bool CannotBePrepared { get; set; }

    public bool HostKeyChanged { get; set; }

    /// <summary>Stands still until then.</summary>
    public TimeSpan FrozenUntil { get; set; }

    public bool IsCutUp { get; set; }

    public bool IsCutDown { get; set; }

    public bool LosesHeartbeats { get; set; }

    public bool IsSyncCut { get; set; }

    /// <summary>Counts boots; what was begun in an earlier one is void.</summary>
    public int Boot { get; set; }

    /// <summary>Something happened to it or to its net that may cost the last changes.</summary>
    public bool WasTroubled { get; set; }

    public SimAgent? Agent { get; set; }

    /// <summary>Since when no live record claims it.</summary>
    public TimeSpan? UnclaimedSince { get; set; }

    /// <summary>Readings that said, rightly or not, that there is no such machine.</summary>
    public List<TimeSpan> Denials { get; } = [];

    public bool IsGpu => Provider == "vast";

    /// <summary>The instance that the tag names.</summary>
    public long InstanceId => long.Parse(Tag!.Split('/')[2], System.Globalization.CultureInfo.InvariantCulture);

    public override string ToString() => $"{Id} ({Tag ?? "no tag"}, {State}{(IsUp ? ", up" : "")}{(HostIsDead ? ", host dead" : "")})";
}
