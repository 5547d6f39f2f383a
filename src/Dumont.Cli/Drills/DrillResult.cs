using System.Text.Json.Nodes;

namespace Dumont.Cli.Drills;

/// <summary>What a drill has measured. Null is what was not seen.</summary>
internal sealed class DrillResult
{
    /// <summary>Longest detection that passes.</summary>
    public static readonly TimeSpan DetectionLimit = TimeSpan.FromSeconds(30);

    /// <summary>Largest loss of work that passes.</summary>
    public static readonly TimeSpan RpoLimit = TimeSpan.FromSeconds(2);

    public required string InstanceId { get; init; }

    public required DrillFault Fault { get; init; }

    public string? FailoverId { get; set; }

    public DateTimeOffset FaultAt { get; set; }

    /// <summary>From the fault until the server was sure.</summary>
    public TimeSpan? Detection { get; set; }

    /// <summary>From then until the address leads to the standby.</summary>
    public TimeSpan? Switch { get; set; }

    /// <summary>From the fault to the first greeting of an sshd at the same address.</summary>
    public TimeSpan? Banner { get; set; }

    /// <summary>From the fault to the first command that the standby has answered at the same address.</summary>
    public TimeSpan? Answer { get; set; }

    /// <summary>From the fault until the instance was back on a GPU.</summary>
    public TimeSpan? Recovery { get; set; }

    /// <summary>Age, at the fault, of the newest work that the standby had.</summary>
    public TimeSpan? Rpo { get; set; }

    /// <summary>Work that programs went on with after the fault on a machine that was cut off, and that was not taken over.</summary>
    public TimeSpan? LostAfterFault { get; set; }

    public JsonObject PhaseTimings { get; set; } = [];

    public int HealthChecksGood { get; set; }

    public int HealthChecksFailed { get; set; }

    public int FilesWritten { get; set; }

    /// <summary>Of those, how many the standby was seen to have before the fault.</summary>
    public int FilesSynced { get; set; }

    public int FilesOnStandby { get; set; }

    public int FilesOnNewGpu { get; set; }

    public long SyncRounds { get; set; }

    public double SyncSeconds { get; set; }

    /// <summary>False where the account's settings say not to look for a new GPU.</summary>
    public bool Recovers { get; set; } = true;

    /// <summary>What did not go as it should; empty when the drill has passed.</summary>
    public List<Text> Failures { get; } = [];

    public bool Passed => Failures.Count == 0;

    public JsonObject ToJson(DrillLog log)
    {
        var timeline = log.Events;
        return new JsonObject
        {
            ["passed"] = Passed,
            ["instance_id"] = InstanceId,
            ["fault"] = Fault.Name,
            ["is_loss"] = Fault.IsLoss,
            ["failover_id"] = FailoverId,
            ["fault_at"] = FaultAt.ToString("O", System.Globalization.CultureInfo.InvariantCulture),
            ["detection_ms"] = Milliseconds(Detection),
            ["switch_ms"] = Milliseconds(Switch),
            ["banner_ms"] = Milliseconds(Banner),
            ["answer_ms"] = Milliseconds(Answer),
            ["recovery_ms"] = Milliseconds(Recovery),
            ["rpo_seconds"] = Seconds(Rpo),
            ["lost_after_fault_seconds"] = Seconds(LostAfterFault),
            ["phase_timings_ms"] = PhaseTimings.DeepClone(),
            ["health_checks"] = new JsonObject { ["ok"] = HealthChecksGood, ["failed"] = HealthChecksFailed },
            ["files"] = new JsonObject
            {
                ["written"] = FilesWritten,
                ["synced"] = FilesSynced,
                ["on_standby"] = FilesOnStandby,
                ["on_new_gpu"] = Recovers && Fault.IsLoss ? FilesOnNewGpu : null,
            },
            ["sync_rounds"] = SyncRounds,
            ["failures"] = new JsonArray([.. Failures.Select(failure => (JsonNode)failure.English)]),
            ["timeline"] = timeline,
        };
    }

    private static double? Milliseconds(TimeSpan? time) => time is { } known ? Math.Round(known.TotalMilliseconds, 1) : null;

    private static double? Seconds(TimeSpan? time) => time is { } known ? Math.Round(known.TotalSeconds, 3) : null;
}
