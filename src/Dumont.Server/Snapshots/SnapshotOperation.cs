using Dumont.Contracts;
using Dumont.Snapshots.Engines;

namespace Dumont.Server.Snapshots;

/// <summary>What an operation does.</summary>
internal enum OperationKind
{
    /// <summary>A machine keeps its workspace.</summary>
    Snapshot,

    /// <summary>A machine brings a snapshot back.</summary>
    Restore,

    /// <summary>The server drops snapshots from a repository.</summary>
    Forget,

    /// <summary>The server drops snapshots and gives back the space that none uses.</summary>
    Prune,

    /// <summary>The server reads a repository for damage.</summary>
    Verify,
}

/// <summary>Where an operation is. The last three are for ever.</summary>
internal enum OperationState
{
    Pending,
    Running,
    Done,
    Failed,
    Cancelled,
}

/// <summary>How far it is.</summary>
internal sealed record OperationProgress(string Phase, long BytesDone, long BytesTotal, long FilesDone, long FilesTotal);

/// <summary>What was asked, and what the reconciler knows; it alone writes it after the request.</summary>
internal sealed record OperationDocument
{
    public string SourcePath { get; init; } = "/workspace";

    public bool Full { get; init; }

    /// <summary>Absolute path on the machine.</summary>
    public string? TargetPath { get; init; }

    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>What was written is read once more; of a verification: every byte is read.</summary>
    public bool Verify { get; init; }

    /// <summary>Parts that a verification reads.</summary>
    public IReadOnlyList<VerifyPart> VerifyParts { get; init; } = [];

    /// <summary>Packs that it reads besides, because they were damaged.</summary>
    public IReadOnlyList<string> VerifyPacks { get; init; } = [];

    /// <summary>Parts that it reads besides, for the same reason.</summary>
    public IReadOnlyList<VerifyPart> VerifyAgain { get; init; } = [];

    /// <summary>Nobody asked for it.</summary>
    public bool IsAutomatic { get; init; }

    /// <summary>A restore removes what the snapshot has not got.</summary>
    public bool Delete { get; init; }

    /// <summary>A restore changes nothing and says what it would remove.</summary>
    public bool DryRun { get; init; }

    public bool IsNewInstance { get; init; }

    /// <summary>A restore on this machine, which does not write yet and is to take over from one that is lost; null for the machine that writes.</summary>
    public MachineId? OnMachine { get; init; }

    /// <summary>Snapshots to drop.</summary>
    public IReadOnlyList<long> Snapshots { get; init; } = [];

    /// <summary>No later than this.</summary>
    public DateTimeOffset Before { get; init; }

    public OperationProgress? Progress { get; init; }

    public DateTimeOffset? ProgressAt { get; init; }

    public DateTimeOffset? OrderedAt { get; init; }

    public AgentWorkResult? Result { get; init; }

    public long BytesFreed { get; init; }

    public IReadOnlyList<string> Damage { get; init; } = [];

    /// <summary>Of packs, by a verification.</summary>
    public long BytesVerified { get; init; }

    /// <summary>Kind of failure as a word.</summary>
    public string? Failure { get; init; }

    public string? Message { get; init; }
}

/// <summary>A row of snapshot_operations. <c>cancel_requested</c> belongs to the API.</summary>
internal sealed record SnapshotOperation(
    long Id,
    UserId UserId,
    OperationKind Kind,
    OperationState State,
    long RepositoryId,
    SnapshotNumber? SnapshotId,
    InstanceId? InstanceId,
    MachineId? MachineId,
    bool CancelRequested,
    long Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset? FinishedAt,
    OperationDocument Document)
{
    /// <summary>Nothing will change any more.</summary>
    public bool IsOver => State is OperationState.Done or OperationState.Failed or OperationState.Cancelled;
}
