using System.Globalization;
using Dumont.Contracts;

namespace Dumont.Server.Snapshots;

/// <summary>Number of a snapshot in our records; users see <c>snap-12</c>.</summary>
internal readonly record struct SnapshotNumber(long Value)
{
    private const string Prefix = "snap-";

    /// <summary>Reads what users write; null for anything else.</summary>
    public static SnapshotNumber? TryParse(string? text) =>
        text is not null && text.StartsWith(Prefix, StringComparison.Ordinal)
        && long.TryParse(text.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0
            ? new SnapshotNumber(value)
            : null;

    /// <inheritdoc />
    public override string ToString() => $"{Prefix}{Value.ToString(CultureInfo.InvariantCulture)}";
}

/// <summary>Where a snapshot is.</summary>
internal enum SnapshotStatus
{
    /// <summary>On its way.</summary>
    Creating,

    /// <summary>Whole and durable.</summary>
    Completed,

    /// <summary>Durable, without what could not be read.</summary>
    Partial,

    /// <summary>Came to nothing.</summary>
    Failed,
}

/// <summary>What came of a snapshot, and what it was asked for.</summary>
internal sealed record SnapshotDocument
{
    public required string SourcePath { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    public bool Full { get; init; }

    public required string Engine { get; init; }

    public string InstanceLabel { get; init; } = "";

    public AgentWorkResult? Result { get; init; }

    public string? Error { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }
}

/// <summary>A row of snapshots.</summary>
internal sealed record Snapshot(
    SnapshotNumber Id,
    UserId UserId,
    InstanceId InstanceId,
    long RepositoryId,
    string Name,
    SnapshotStatus Status,
    bool KeepForever,
    bool IsSync,
    string? EngineSnapshotId,
    DateTimeOffset CreatedAt,
    SnapshotDocument Document)
{
    /// <summary>Something can be restored from it.</summary>
    public bool IsUsable => Status is SnapshotStatus.Completed or SnapshotStatus.Partial && EngineSnapshotId is not null;
}

/// <summary>A snapshot that is asked for.</summary>
internal sealed record NewSnapshot(UserId UserId, InstanceId InstanceId, long RepositoryId, string Name, bool IsSync, SnapshotDocument Document);

/// <summary>A row of repositories; storage is encrypted.</summary>
internal sealed record Repository(long Id, UserId UserId, string Engine, string Location, string Storage, bool IsReady, DateTimeOffset CreatedAt);
