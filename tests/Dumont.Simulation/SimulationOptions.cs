using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Migration;
using Dumont.Server.Recovery;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;
using Dumont.Simulation.Faults;

namespace Dumont.Simulation;

/// <summary>How one run is set up; all of it follows from the seed.</summary>
internal sealed record SimulationOptions
{
    /// <summary>More faults, for longer, and a user who hardly waits and takes snapshots always.</summary>
    public required bool IsHeavy { get; init; }

    /// <summary>Faults and users stop after this.</summary>
    public required TimeSpan Turmoil { get; init; }

    public required TimeSpan Heartbeat { get; init; }

    public required int FaultsMax { get; init; }

    public required int KillsMax { get; init; }

    /// <summary>The kill point that this seed is about, each row in turn; the user then does what leads there. Null for a run without kills.</summary>
    public required KillPoint? FirstKill { get; init; }

    public required int InstancesMax { get; init; }

    public required bool WithStandby { get; init; }

    /// <summary>Flushes wait for the standby.</summary>
    public required bool WithPromise { get; init; }

    /// <summary>The user takes snapshots too.</summary>
    public required bool WithSnapshots { get; init; }

    public required MachinesOptions Machines { get; init; }

    public required InstancesOptions Instances { get; init; }

    public required DetectionOptions Detection { get; init; }

    public required StandbyOptions Standby { get; init; }

    /// <summary>The user moves instances.</summary>
    public required bool WithMigrations { get; init; }

    public MigrationOptions Migration { get; } = new()
    {
        OfferAttempts = 3,
        SearchTimeout = TimeSpan.FromSeconds(40),
        CopyTimeout = TimeSpan.FromSeconds(90),
        DrainTimeout = TimeSpan.FromSeconds(12),
        PromotionTimeout = TimeSpan.FromSeconds(20),
        TargetSilence = TimeSpan.FromSeconds(15),
    };

    public RecoveryOptions Recovery { get; } = new() { Patience = TimeSpan.FromSeconds(4), MachineAttempts = 5 };

    public SnapshotsOptions Snapshots { get; } = new()
    {
        OperationLimit = TimeSpan.FromSeconds(100),
        WatchInterval = TimeSpan.FromSeconds(1),
    };

    /// <summary>The set-up of a seed.</summary>
    public static SimulationOptions Of(int seed, bool isHeavy, Random random)
    {
        var heartbeat = TimeSpan.FromSeconds(2 + random.NextDouble());
        var kills = random.Next(3);
        var first = kills > 0 ? KillPointTable.Rows[seed % KillPointTable.Rows.Count] : null;
        return new SimulationOptions
        {
            IsHeavy = isHeavy,
            Turmoil = TimeSpan.FromSeconds((first?.IsOfSchedules == true ? 150 : first?.Flow == "recover" ? 80 : isHeavy ? 60 : first?.IsOfSnapshots == true || first?.Flow == "migrate" ? 40 : 28) + random.Next(24)),
            Heartbeat = heartbeat,
            FaultsMax = isHeavy ? 1 + random.Next(5) : random.Next(4),
            KillsMax = kills,
            FirstKill = first,
            InstancesMax = random.Next(5) == 0 ? 2 : 1,
            WithStandby = (random.Next(4) != 0 && first?.Flow != "recover") || first?.Flow is "failover" or "withdraw" || first?.Step.Contains("standby", StringComparison.Ordinal) == true,
            WithMigrations = isHeavy || first?.Flow == "migrate" || random.Next(5) == 0,
            WithPromise = seed % 3 == 0,
            WithSnapshots = isHeavy || (first?.IsOfSnapshots ?? random.Next(6) == 0),
            Machines = new MachinesOptions
            {
                BootTimeout = TimeSpan.FromSeconds(30 + random.Next(30)),
                BootPollInterval = TimeSpan.FromSeconds(1 + random.NextDouble()),
                WatchInterval = TimeSpan.FromSeconds(10 + random.Next(10)),
                AbsenceProof = TimeSpan.FromSeconds(8),
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
            Detection = new DetectionOptions { HeartbeatInterval = TimeSpan.FromSeconds(6), FailoverThreshold = 2 },
            Standby = new StandbyOptions
            {
                PromotionTimeout = TimeSpan.FromSeconds(20),
                DrainTimeout = TimeSpan.FromSeconds(10),
                PartnerSilence = TimeSpan.FromSeconds(15),
                FlushPatience = TimeSpan.FromSeconds(6),
                RestoreTimeout = TimeSpan.FromSeconds(90),
                RentRetry = TimeSpan.FromSeconds(5),
                CreditRetry = TimeSpan.FromSeconds(12),
            },
        };
    }
}
