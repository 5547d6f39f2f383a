using Dumont.Contracts;
using Dumont.Server.Instances;

namespace Dumont.Server.Standby;

/// <summary>The strategies that there are, and which of them this server can do.</summary>
internal static class FailoverStrategies
{
    /// <summary>What is left where nothing of a strategy can take over. It stands behind all of them and is not chosen.</summary>
    public const string ColdRecovery = "cold_recovery";

    private const string NotYet = "not supported by this server";

    /// <summary>All of them, those that can be chosen first.</summary>
    public static IReadOnlyList<FailoverStrategyResponse> All { get; } =
    [
        new(
            InstanceViews.Word(FailoverStrategy.CpuStandby),
            "CPU standby",
            "A small CPU machine follows every change of the workspace. When the GPU is lost it takes over under the same address; a GPU like the lost one is then "
            + "rented, filled from the standby, and takes over from it.",
            "files and SSH: the detection time and about a second more; a GPU: the time of renting one and copying the workspace",
            "the standby: about $0.01 an hour for a spot e2-medium, and its disk; an own machine costs nothing",
            ["credentials for Google Cloud (gcp_credentials), or an own machine joined with uses=standby", "a standby that has had everything once"],
            Supported: true),
        new(
            InstanceViews.Word(FailoverStrategy.Disabled),
            "No failover",
            "Nothing happens by itself when the GPU is lost. A standby that is there goes on following. An instance whose own settings have auto_recovery on is "
            + "still recovered from its last snapshot.",
            "none",
            "nothing",
            [],
            Supported: true),
        new(
            ColdRecovery,
            "Cold recovery",
            "Behind every strategy: where nothing can take over, a new machine is rented, filled from the last whole snapshot, and takes over under the same "
            + "address. By itself where auto_recovery is on and acknowledge is async, otherwise with: dumont instance recover <id>. What was written since the "
            + "snapshot is lost; files are there when all of them are.",
            "the time of renting a machine and restoring the whole workspace",
            "the space of the snapshots",
            ["a whole snapshot of /workspace; take them by schedule: dumont snapshot schedule set <id> every_minutes=60"],
            Supported: true,
            Selectable: false),
        new(
            InstanceViews.Word(FailoverStrategy.WarmPool),
            "Warm pool",
            "A second GPU waits, on the same host or in the region.",
            NotYet,
            "a second GPU",
            ["warm pools, which this server does not have"],
            Supported: false),
        new(
            InstanceViews.Word(FailoverStrategy.Both),
            "Warm pool, then CPU standby",
            "A waiting GPU takes over; where it cannot, the CPU standby does.",
            NotYet,
            "a second GPU and a standby",
            ["warm pools, which this server does not have"],
            Supported: false),
        new(
            InstanceViews.Word(FailoverStrategy.RegionalVolume),
            "Regional volume",
            "The workspace is on a volume that another GPU of the region is given.",
            NotYet,
            "the volume",
            ["regional volumes, which this server does not have"],
            Supported: false),
        new(
            InstanceViews.Word(FailoverStrategy.All),
            "Everything",
            "Warm pool, CPU standby and regional volume, in this order.",
            NotYet,
            "a second GPU, a standby and a volume",
            ["warm pools and regional volumes, which this server does not have"],
            Supported: false),
    ];

    /// <summary>Those that can be chosen, as the API lists them.</summary>
    public static string Supported { get; } = string.Join(", ", All.Where(each => each is { Supported: true, Selectable: true }).Select(each => each.Id));

    /// <summary>The supported strategy that <paramref name="id"/> names; null for any other word.</summary>
    public static FailoverStrategy? Find(string id) =>
        All.Any(each => each.Id == id && each is { Supported: true, Selectable: true }) ? Enum.GetValues<FailoverStrategy>().First(strategy => InstanceViews.Word(strategy) == id) : null;

    /// <summary>Whether the word names a strategy at all.</summary>
    public static bool IsKnown(string id) => All.Any(each => each.Id == id);
}
