using System.Diagnostics;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;

namespace Dumont.Server.Standby;

/// <summary>What keeps a standby from taking over.</summary>
internal enum FailoverLack
{
    InstanceNotRunning,
    RunsOnStandby,
    NoStandby,
    StandbyNotPrepared,
    StandbySilent,
    NeverSynced,
    StrategyDisabled,
}

/// <summary>What a user had best do about an instance's failover.</summary>
internal enum FailoverAdvice
{
    None,
    FollowFailover,
    EnableCpuStandby,
    ProvisionStandby,
    StartSync,
    ResumeInstance,
    Wait,
}

/// <summary>Whether something can take over from an instance, by the same rules as <see cref="StandbyPolicy"/>. Pure.</summary>
/// <param name="Instance">The instance.</param>
/// <param name="Association">Its pair; null without one, or when it was given up.</param>
/// <param name="Rules">Settings that hold for it.</param>
/// <param name="Missing">What is missing; nothing when a failover that is asked for would begin.</param>
/// <param name="RpoSeconds">Age of the oldest change that the standby lacks; null when it is not known.</param>
internal sealed record FailoverReadiness(
    Instance Instance, Association? Association, FailoverRules Rules, IReadOnlyList<FailoverLack> Missing, double? RpoSeconds)
{
    /// <summary>What is left where no standby can take over.</summary>
    public ColdRecovery? Cold { get; init; }

    /// <summary>A failover that is asked for would find a target.</summary>
    public bool IsReady => Missing.Count == 0;

    /// <summary>The standby itself could take over, whatever the settings say.</summary>
    public bool IsStandbyReady => Missing.All(lack => lack == FailoverLack.StrategyDisabled);

    /// <summary>What is to be done.</summary>
    public FailoverAdvice Advice =>
        Association is { FailoverActive: true } ? FailoverAdvice.FollowFailover
            : Missing.Contains(FailoverLack.StrategyDisabled) ? FailoverAdvice.EnableCpuStandby
            : Missing.Contains(FailoverLack.NoStandby) ? FailoverAdvice.ProvisionStandby
            : Instance.Wanted == InstanceDesired.Paused ? FailoverAdvice.ResumeInstance
            : Association is { SyncEnabled: false } ? FailoverAdvice.StartSync
            : IsReady ? FailoverAdvice.None
            : FailoverAdvice.Wait;

    /// <summary>How ready an instance is.</summary>
    public static FailoverReadiness Of(
        Instance instance, Association? association, Observed? writer, Observed? standby, FailoverRules rules, StandbyOptions options)
    {
        var pair = association is { Released: false } ? association : null;
        var missing = new List<FailoverLack>();
        Add(FailoverLack.InstanceNotRunning, instance is not { Status: InstanceStatus.Running, Generation: > 0 });
        if (pair is null)
        {
            missing.Add(FailoverLack.NoStandby);
        }
        else if (pair.StandbyMachineId == instance.WriterMachineId && instance.WriterMachineId is not null)
        {
            missing.Add(FailoverLack.RunsOnStandby);
        }
        else if (standby is not { Machine: { Phase: MachinePhase.Ready, IsSpent: false } })
        {
            missing.Add(FailoverLack.StandbyNotPrepared);
        }
        else
        {
            Add(FailoverLack.StandbySilent, !standby.IsAlive(options.PartnerSilence));
            Add(FailoverLack.NeverSynced, pair.SyncCount == 0);
        }

        // Last: what is told first should be what keeps a forced one from beginning, too.
        Add(FailoverLack.StrategyDisabled, rules.Strategy == FailoverStrategy.Disabled);

        var sync = writer?.Report?.Sync;
        var rpo = pair is { SyncEnabled: true } && sync?.Peer == pair.StandbyMachineId ? sync?.OldestUnackedSeconds : null;
        return new FailoverReadiness(instance, pair, rules, missing, rpo);

        void Add(FailoverLack lack, bool isMissing)
        {
            if (isMissing)
            {
                missing.Add(lack);
            }
        }
    }

    /// <summary>What a failover that is asked for would do, in order.</summary>
    public static IReadOnlyList<string> StepsOf(FailoverReadiness readiness, StandbyOptions options)
    {
        var (generation, wanted) = (readiness.Instance.Generation, readiness.Instance.Document.WantedOffer);
        var most = wanted.UsdPerHour * (decimal)options.RecoveryPriceFactor;
        return
        [
            FormattableString.Invariant($"User processes on the GPU machine end, and it sends what is left, for at most {options.DrainTimeout.TotalSeconds} s."),
            $"It is fenced: generation {generation} ends, and the standby is promoted in generation {generation + 1}.",
            "The gateway leads to the standby: same SSH host, port and host key, same workspace, no GPU.",
            .. readiness.Rules.RecoversByItself
                ? (string[])
                [
                    FormattableString.Invariant($"A GPU like {wanted.GpuName} is rented for at most ${most:0.00##} an hour, never on the host that was left."),
                    $"It gets everything from the standby and is promoted in generation {generation + 2}; then the old GPU machine is given back.",
                ]
                : ["No GPU is looked for: auto_recovery is off."],
        ];
    }

    /// <summary>What is missing, in a sentence about instance <paramref name="id"/>.</summary>
    public static string Say(FailoverLack lack, InstanceId id) =>
        lack switch
        {
            FailoverLack.StrategyDisabled => $"Failover is disabled for the instance; enable it: dumont failover settings enable-cpu-standby {id}",
            FailoverLack.InstanceNotRunning => "The instance does not run.",
            FailoverLack.RunsOnStandby => "The instance runs on its standby already; nothing is behind that.",
            FailoverLack.NoStandby => $"The instance has no standby; give it one: dumont standby provision {id}",
            FailoverLack.StandbyNotPrepared => "The standby is not prepared yet.",
            FailoverLack.StandbySilent => "The standby is not heard of.",
            FailoverLack.NeverSynced => "The standby has not had everything once yet.",
            _ => throw new UnreachableException(),
        };

    /// <summary>The advice, in a sentence about instance <paramref name="id"/>.</summary>
    public static string Say(FailoverAdvice advice, InstanceId id) =>
        advice switch
        {
            FailoverAdvice.None => "The standby could take over now.",
            FailoverAdvice.FollowFailover => "A failover is running; follow it: dumont failover active",
            FailoverAdvice.EnableCpuStandby => Say(FailoverLack.StrategyDisabled, id),
            FailoverAdvice.ProvisionStandby => Say(FailoverLack.NoStandby, id),
            FailoverAdvice.StartSync => $"Sync is off, and the standby falls behind; switch it on: dumont standby sync-start {id}",
            FailoverAdvice.ResumeInstance => "The instance is paused; its standby takes over only while it runs.",
            FailoverAdvice.Wait => "The standby is on its way; look again in a moment.",
            _ => throw new UnreachableException(),
        };
}
