using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;

namespace Dumont.Simulation;

/// <summary>How one run is set up; all of it follows from the seed.</summary>
internal sealed record SimulationOptions
{
    /// <summary>Faults and users stop after this.</summary>
    public required TimeSpan Turmoil { get; init; }

    public required TimeSpan Heartbeat { get; init; }

    public required int FaultsMax { get; init; }

    public required int KillsMax { get; init; }

    public required int InstancesMax { get; init; }

    public required bool WithStandby { get; init; }

    public required MachinesOptions Machines { get; init; }

    public required InstancesOptions Instances { get; init; }

    public required StandbyOptions Standby { get; init; }

    /// <summary>The set-up of a seed.</summary>
    public static SimulationOptions Of(Random random)
    {
        var heartbeat = TimeSpan.FromSeconds(random.Next(4) == 0 ? 1 : 2);
        return new SimulationOptions
        {
            Turmoil = TimeSpan.FromSeconds(40 + random.Next(60)),
            Heartbeat = heartbeat,
            FaultsMax = random.Next(4),
            KillsMax = random.Next(3),
            InstancesMax = random.Next(5) == 0 ? 2 : 1,
            WithStandby = random.Next(4) != 0,
            Machines = new MachinesOptions
            {
                BootTimeout = TimeSpan.FromSeconds(30 + random.Next(30)),
                BootPollInterval = TimeSpan.FromSeconds(1),
                WatchInterval = TimeSpan.FromSeconds(10 + random.Next(10)),
                AbsenceProof = TimeSpan.FromSeconds(20),
                CreateAbsenceProof = TimeSpan.FromSeconds(5),
                DestroyRepeat = TimeSpan.FromSeconds(15),
                SweepInterval = TimeSpan.FromSeconds(20 + random.Next(25)),
            },
            Instances = new InstancesOptions
            {
                CreationTimeout = TimeSpan.FromSeconds(120),
                ActionWait = TimeSpan.Zero,
                PauseDrainLimit = TimeSpan.FromSeconds(15),
                QuotaPerUser = 3,
            },
            Standby = new StandbyOptions
            {
                HeartbeatInterval = heartbeat * 2.5,
                FailoverThreshold = 2 + random.Next(2),
                PromotionTimeout = TimeSpan.FromSeconds(20),
                DrainTimeout = TimeSpan.FromSeconds(10),
                PartnerSilence = TimeSpan.FromSeconds(15),
                RestoreTimeout = TimeSpan.FromSeconds(90),
                RentRetry = TimeSpan.FromSeconds(5),
            },
        };
    }
}
