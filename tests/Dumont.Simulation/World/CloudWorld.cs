using System.Globalization;
using Dumont.Providers;
using Dumont.Simulation.Engine;

namespace Dumont.Simulation.World;

/// <summary>Every host, offer and machine of all providers, ours and other people's, and the truth about them.</summary>
internal sealed class CloudWorld(Scheduler scheduler, Random random, Trace trace)
{
    /// <summary>The accounts of the user: his own, and another one whose key he may set by mistake.</summary>
    public const string Account = "key-a";

    public const string OtherAccount = "key-b";

    private static readonly string[] Zones = ["asia-northeast3-a", "asia-northeast1-b", "europe-west1-b"];

    private int _lastMachine;
    private int _lastOffer;

    /// <summary>In order of birth, those that are gone included.</summary>
    public List<SimMachine> Machines { get; } = [];

    public List<MachineOffer> GpuOffers { get; } = [];

    public List<MachineOffer> StandbyOffers { get; } = [.. Zones.Select(StandbyOffer)];

    /// <summary>Where the user's snapshots are.</summary>
    public SimRepository Repository { get; } = new(scheduler, trace);

    /// <summary>Named by server, user and nobody: to be left alone.</summary>
    public IEnumerable<SimMachine> Foreign => Machines.Where(machine => machine.Exists && !IsOurs(machine));

    /// <summary>What exists and bears the server's tag.</summary>
    public IEnumerable<SimMachine> Ours => Machines.Where(machine => machine.Exists && IsOurs(machine));

    /// <summary>Prefix of the tags of the server.</summary>
    public required string TagPrefix { get; init; }

    /// <summary>How long boots take at most; set for a run.</summary>
    public double BootSecondsMax { get; set; } = 6;

    /// <summary>Fills shelf and book before a run.</summary>
    public void Open()
    {
        AddOffers(10);
        Add("vast", Account, tag: null, GpuOffers[0]);
        Add("vast", Account, "dumont/other9serv/1/1", GpuOffers[1]);
        Add("vast", OtherAccount, "their-own", GpuOffers[2]);
        Add("gcp", Account, tag: null, StandbyOffers[0]);
        foreach (var machine in Machines)
        {
            (machine.State, machine.IsUp) = (ProviderMachineState.Running, true);
        }
    }

    /// <summary>Replaces every offer by another one.</summary>
    public void ChangeOffers()
    {
        GpuOffers.Clear();
        AddOffers(10);
    }

    public bool IsOurs(SimMachine machine) => machine.Tag?.StartsWith(TagPrefix, StringComparison.Ordinal) == true;

    /// <summary>The machine that bears an id now; the last one that bore it when it is gone.</summary>
    public SimMachine? Find(string id) => Machines.FindLast(machine => machine.Id == id && machine.Exists) ?? Machines.FindLast(machine => machine.Id == id);

    /// <summary>A machine that begins to bill, and to boot.</summary>
    public SimMachine Make(string provider, string account, string tag, MachineOffer offer, bool neverBoots, double extraSeconds)
    {
        GpuOffers.Remove(offer);
        var machine = Add(provider, account, tag, offer);
        trace.Note($"world: {machine.Id} made for {tag}");
        if (!neverBoots)
        {
            Boot(machine, extraSeconds);
        }

        return machine;
    }

    /// <summary>Brings a machine up after a while.</summary>
    public void Boot(SimMachine machine, double extraSeconds)
    {
        machine.State = ProviderMachineState.Loading;
        var boot = ++machine.Boot;
        scheduler.After(TimeSpan.FromSeconds(0.5 + (random.NextDouble() * BootSecondsMax) + extraSeconds), () =>
        {
            if (machine.Boot == boot && machine is { Exists: true, HostIsDead: false })
            {
                (machine.State, machine.IsUp) = (ProviderMachineState.Running, true);
                machine.Agent?.Start();
                trace.Note($"world: {machine.Id} is up");
            }
        });
    }

    /// <summary>Ends its processes; the disk stays.</summary>
    public static void Halt(SimMachine machine, ProviderMachineState state)
    {
        machine.Boot++;
        machine.Agent?.Stop();
        (machine.State, machine.IsUp) = (state, false);
    }

    /// <summary>The end of a machine and its disk.</summary>
    public void Remove(SimMachine machine, string why)
    {
        Halt(machine, machine.State);
        (machine.Exists, machine.GoneAt) = (false, scheduler.Elapsed);
        trace.Note($"world: {machine.Id} is gone: {why}");
        if (machine.IsGpu)
        {
            AddOffers(1);
        }
    }

    /// <summary>Somebody else's machine gets the id of one that is gone.</summary>
    public void Reuse(SimMachine gone)
    {
        var machine = new SimMachine(gone.Id, gone.Provider, gone.Account, tag: null, gone.Offer, scheduler.Elapsed) { State = ProviderMachineState.Running, IsUp = true };
        Machines.Add(machine);
        trace.Note($"world: id {gone.Id} now belongs to somebody else");
    }

    private SimMachine Add(string provider, string account, string? tag, MachineOffer offer)
    {
        var machine = new SimMachine($"{provider}-{++_lastMachine}", provider, account, tag, offer, scheduler.Elapsed);
        Machines.Add(machine);
        return machine;
    }

    private void AddOffers(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var id = ++_lastOffer;
            GpuOffers.Add(new MachineOffer
            {
                Id = id.ToString(CultureInfo.InvariantCulture),
                Provider = "vast",
                HostMachineId = 1000 + id,
                HostId = 7,
                GpuName = "RTX 4090",
                GpuCount = 1,
                GpuMemoryMiB = 24564,
                CpuCores = 16,
                MemoryMiB = 65536,
                DiskGb = 500,
                InetDownMbps = 800,
                InetUpMbps = 400,
                UsdPerHour = 0.40m + (random.Next(8) / 100m),
                StorageUsdPerGbMonth = 0.15m,
                Geolocation = "South Korea, KR",
                Reliability = 0.99,
                Verified = true,
                CudaVersion = "12.4",
            });
        }
    }

    private static MachineOffer StandbyOffer(string zone) => new()
    {
        Id = $"{zone}/e2-medium/spot",
        Provider = "gcp",
        CpuCores = 2,
        MemoryMiB = 4096,
        DiskGb = 2000,
        UsdPerHour = 0.01m,
        Geolocation = zone,
        Interruptible = true,
    };
}
