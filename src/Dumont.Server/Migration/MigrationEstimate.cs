using System.Diagnostics;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Instances;

namespace Dumont.Server.Migration;

/// <summary>What is known before a migration.</summary>
/// <param name="Goal">Where to.</param>
/// <param name="Source">Offer of the machine that writes.</param>
/// <param name="SourceUsdPerHour">What it costs.</param>
/// <param name="Target">The offer that would be taken.</param>
/// <param name="WorkspaceBytes">Null when unknown.</param>
/// <param name="MeasuredBytesPerSecond">By a sync of the instance; null when none has measured.</param>
/// <param name="BootTime">From the wish for a machine to its readiness.</param>
internal sealed record EstimateBasis(
    MigrationGoal Goal,
    MachineOffer Source,
    decimal SourceUsdPerHour,
    MachineOffer Target,
    long? WorkspaceBytes,
    double? MeasuredBytesPerSecond,
    TimeSpan BootTime);

/// <summary>How long a migration takes, and what it costs. Pure.</summary>
internal sealed record MigrationEstimate(
    MigrationBandwidth Bandwidth, IReadOnlyList<MigrationPlanStep> Plan, TimeSpan Total, TimeSpan Pause, MigrationCost Cost)
{
    private const double BytesPerMegabit = 1e6 / 8;
    private const decimal BytesPerGb = 1_000_000_000;

    /// <summary>Where neither side says how fast it is. Assumed.</summary>
    private const double AssumedMbps = 100;

    /// <summary>Slower lines are not told from one another, and none is infinitely slow.</summary>
    private const double LeastMbps = 0.1;

    /// <summary>Both sides read and hash their files, from disks that are not fast. Assumed.</summary>
    private const double AssumedHashBytesPerSecond = 200e6;

    /// <summary>To search and to ask for the machine. Assumed.</summary>
    private static readonly TimeSpan AssumedSearchTime = TimeSpan.FromSeconds(1);

    /// <summary>Connecting, comparing names, the last changes. Assumed.</summary>
    private static readonly TimeSpan AssumedCopySetUp = TimeSpan.FromSeconds(2);

    /// <summary>End of processes, last changes, two orders and the answers to them. Assumed.</summary>
    private static readonly TimeSpan AssumedSwitchTime = TimeSpan.FromSeconds(1);

    /// <summary>Assumed.</summary>
    private static readonly TimeSpan AssumedReleaseTime = TimeSpan.FromSeconds(5);

    /// <summary>Works it out.</summary>
    public static MigrationEstimate Of(EstimateBasis basis)
    {
        var ((mbps, from), bytes) = (LineOf(basis), basis.WorkspaceBytes ?? 0);
        var copy = AssumedCopySetUp + TimeSpan.FromSeconds(bytes / (mbps * BytesPerMegabit));
        var verify = AssumedCopySetUp + TimeSpan.FromSeconds(bytes / AssumedHashBytesPerSecond);
        var plan = new List<MigrationPlanStep>
        {
            Step(MigrationPhase.Searching, AssumedSearchTime, $"Rent offer {basis.Target.Id} at {basis.Target.Provider}."),
            Step(MigrationPhase.Provisioning, basis.BootTime, "The machine boots and is prepared; you go on working."),
            Step(MigrationPhase.Copying, copy, "It gets the workspace and follows each change; you go on working."),
            Step(MigrationPhase.Verifying, verify, "Both machines read all files and compare them by hash; you go on working."),
            Step(MigrationPhase.Switching, AssumedSwitchTime, "Processes are ended, the last changes are sent, and the new machine writes; the address stays."),
            Step(
                MigrationPhase.Complete,
                AssumedReleaseTime,
                basis.Goal.KeepSource ? "The old machine is stopped and kept; its disk is billed until you release it." : "The old machine is given back.",
                basis.Goal.KeepSource),
        };
        var total = TimeSpan.FromSeconds(plan.Sum(step => step.Seconds));
        return new MigrationEstimate(new MigrationBandwidth(Math.Round(mbps, 1), from), plan, total, AssumedSwitchTime, CostOf(basis, total, bytes));
    }

    /// <summary>A rate as lines are named.</summary>
    public static double MbpsOf(double bytesPerSecond) => bytesPerSecond / BytesPerMegabit;

    /// <summary>The word of a phase, in plans and among the steps that are completed: those on the way to the end have one.</summary>
    public static string WordOf(MigrationPhase phase, bool keepsSource) =>
        phase switch
        {
            MigrationPhase.Searching => "search_offers",
            MigrationPhase.Provisioning => "create_machine",
            MigrationPhase.Copying => "copy_workspace",
            MigrationPhase.Verifying => "verify_content",
            MigrationPhase.Draining => "pause_writes",
            MigrationPhase.Switching => "switch",
            MigrationPhase.Complete => keepsSource ? "stop_source" : "destroy_source",
            MigrationPhase.Returning or MigrationPhase.Failed or MigrationPhase.Cancelled => throw new UnreachableException(),
        };

    private static MigrationPlanStep Step(MigrationPhase phase, TimeSpan time, string description, bool keepsSource = false) =>
        new(WordOf(phase, keepsSource), Math.Round(time.TotalSeconds, 1), description);

    private static (double Mbps, string Basis) LineOf(EstimateBasis basis)
    {
        if (basis.MeasuredBytesPerSecond is { } measured)
        {
            return (Math.Max(LeastMbps, MbpsOf(measured)), "measured");
        }

        // An own machine says nothing of its line.
        var told = new[] { basis.Source.InetUpMbps, basis.Target.InetDownMbps }.Where(mbps => mbps > 0).ToList();
        return told.Count > 0 ? (Math.Max(LeastMbps, told.Min()), "advertised") : (AssumedMbps, "assumed");
    }

    private static MigrationCost CostOf(EstimateBasis basis, TimeSpan total, long bytes)
    {
        var hours = (decimal)total.TotalHours;
        var (source, target) = (Math.Round(basis.SourceUsdPerHour * hours, 4), Math.Round(basis.Target.UsdPerHour * hours, 4));
        var egress = Math.Round(bytes / BytesPerGb * (basis.Source.InetUpUsdPerGb + basis.Target.InetDownUsdPerGb), 4);
        return new MigrationCost(source, target, egress, source + target + egress, Math.Round(basis.Target.UsdPerHour - basis.SourceUsdPerHour, 4));
    }
}
