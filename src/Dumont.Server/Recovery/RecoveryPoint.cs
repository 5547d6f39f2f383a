using Dumont.Server.Snapshots;

namespace Dumont.Server.Recovery;

/// <summary>What of snapshots an instance can be brought back to. Pure.</summary>
internal static class RecoveryPoint
{
    /// <summary>Why an instance cannot be recovered, in a sentence.</summary>
    public const string Missing =
        "Its machine is lost, and there is no whole snapshot of /workspace to recover from. It runs again when its machine comes back.";

    /// <summary>It holds the whole workspace, and everything of it could be read.</summary>
    public static bool IsWhole(Snapshot snapshot) =>
        snapshot is { IsUsable: true, Status: SnapshotStatus.Completed } && snapshot.Document.SourcePath == SnapshotRules.Workspace;

    /// <summary>The newest of <paramref name="newestFirst"/> that is whole; null without one.</summary>
    public static Snapshot? Choose(IEnumerable<Snapshot> newestFirst) => newestFirst.FirstOrDefault(IsWhole);

    /// <summary>From when on changes may be missing in it: when the machine began to read.</summary>
    public static DateTimeOffset TakenAt(Snapshot snapshot) =>
        snapshot.Document is { CompletedAt: { } completed, Result: { } result } && completed - TimeSpan.FromSeconds(result.DurationSeconds) is var began
        && began > snapshot.CreatedAt
            ? began
            : snapshot.CreatedAt;
}
