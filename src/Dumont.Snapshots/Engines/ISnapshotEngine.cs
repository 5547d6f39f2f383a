namespace Dumont.Snapshots.Engines;

/// <summary>What makes and reads snapshots of one repository. One call at a time; a call may be repeated after a crash, and what it was asked for then
/// exists once (see <see cref="SnapshotRequest.OperationTag"/>).</summary>
public interface ISnapshotEngine
{
    /// <summary>Makes the repository unless there is one.</summary>
    /// <exception cref="SnapshotEngineException">It could not be made, or is another one than the key opens.</exception>
    Task EnsureRepositoryAsync(CancellationToken cancellationToken);

    /// <summary>Keeps a tree as it is now.</summary>
    /// <exception cref="SnapshotEngineException">Nothing was kept.</exception>
    Task<SnapshotResult> SnapshotAsync(SnapshotRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Brings a snapshot, or parts of it, into a directory. When it fails the directory is as before.</summary>
    /// <exception cref="SnapshotEngineException">Nothing was restored.</exception>
    Task<RestoreResult> RestoreAsync(RestoreRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Every snapshot in the repository, oldest first.</summary>
    Task<IReadOnlyList<EngineSnapshot>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Reads the repository for damage: its structure, and as much of its data as is asked for. Keeps no snapshot, restore or prune waiting.</summary>
    /// <exception cref="SnapshotEngineException">It could not be read.</exception>
    Task<VerifyResult> VerifyAsync(VerifyRequest request, CancellationToken cancellationToken);

    /// <summary>Drops snapshots. One that is not there any more is no error. Their space comes back with <see cref="PruneAsync"/>.</summary>
    Task ForgetAsync(IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken);

    /// <summary>Gives back the space that no snapshot uses.</summary>
    /// <param name="thorough">Leaves nothing unused behind, whatever has to be rewritten for it: so what is damaged goes with the snapshots that need it.</param>
    /// <param name="cancellationToken">Stops.</param>
    Task<PruneResult> PruneAsync(bool thorough, CancellationToken cancellationToken);

    /// <summary>How large the repository is.</summary>
    Task<RepositoryStats> StatsAsync(CancellationToken cancellationToken);
}

/// <summary>What to keep.</summary>
/// <param name="SourcePath">Absolute path of the tree.</param>
/// <param name="HostName">Groups the snapshots of one source: the newest of the same group is what the next one is compared with.</param>
/// <param name="OperationTag">Names the request. A snapshot that bears it already is the answer, and no second one is made.</param>
/// <param name="Full">Reads every file again, whatever earlier snapshots know of it.</param>
/// <param name="Exclude">Paths below the source, relative to it, that are left out.</param>
public sealed record SnapshotRequest(string SourcePath, string HostName, string OperationTag, bool Full, IReadOnlyList<string> Exclude);

/// <summary>What was kept.</summary>
/// <param name="SnapshotId">The engine's own id.</param>
/// <param name="FilesNew">Files that the snapshot before did not have.</param>
/// <param name="FilesChanged">Files that it had otherwise.</param>
/// <param name="FilesUnmodified">Files as before.</param>
/// <param name="BytesProcessed">Size of the tree.</param>
/// <param name="BytesAdded">What the repository grew by.</param>
/// <param name="Duration">From start to durable.</param>
/// <param name="IsIncremental">An earlier snapshot was compared with.</param>
/// <param name="Warnings">What could not be read; the rest is kept. At most <see cref="EngineLimits.WarningsMax"/>.</param>
public sealed record SnapshotResult(
    string SnapshotId,
    long FilesNew,
    long FilesChanged,
    long FilesUnmodified,
    long BytesProcessed,
    long BytesAdded,
    TimeSpan Duration,
    bool IsIncremental,
    IReadOnlyList<string> Warnings);

/// <summary>What to bring back.</summary>
/// <param name="SnapshotId">The engine's own id.</param>
/// <param name="SourcePath">Where the tree was when it was kept.</param>
/// <param name="TargetPath">Absolute path of the directory that gets the tree's content; made when missing.</param>
/// <param name="StagingPath">Directory on the same file system in which everything is put together first; ends empty.</param>
/// <param name="Include">Paths relative to the tree, each with everything below it; empty for all.</param>
/// <param name="Verify">Reads what was written once more and compares it.</param>
/// <param name="Delete">Removes what the target has and the snapshot has not, as far as <paramref name="Include"/> reaches.</param>
/// <param name="DryRun">Changes nothing, and says what would be removed.</param>
public sealed record RestoreRequest(
    string SnapshotId,
    string SourcePath,
    string TargetPath,
    string StagingPath,
    IReadOnlyList<string> Include,
    bool Verify,
    bool Delete = false,
    bool DryRun = false);

/// <summary>What was brought back.</summary>
/// <param name="FilesRestored">Files and links.</param>
/// <param name="BytesRestored">Their content.</param>
/// <param name="Duration">From start to durable.</param>
/// <param name="Warnings">What is not quite as it was.</param>
/// <param name="Removed">What was removed, or would be.</param>
public sealed record RestoreResult(long FilesRestored, long BytesRestored, TimeSpan Duration, IReadOnlyList<string> Warnings, RemovedEntries Removed);

/// <summary>What a restore removes because the snapshot has not got it.</summary>
/// <param name="Count">Files, links and directories.</param>
/// <param name="Bytes">Size of the files.</param>
/// <param name="Paths">The first ones, relative to the target, escaped for people; a directory stands for all it holds. At most <see cref="EngineLimits.RemovedPathsMax"/>.</param>
public sealed record RemovedEntries(long Count, long Bytes, IReadOnlyList<string> Paths)
{
    /// <summary>Nothing.</summary>
    public static RemovedEntries None { get; } = new(0, 0, []);
}

/// <summary>A snapshot as the repository lists it.</summary>
/// <param name="SnapshotId">The engine's own id.</param>
/// <param name="HostName">As requested.</param>
/// <param name="OperationTag">As requested; null for one that was made otherwise.</param>
/// <param name="TakenAt">When.</param>
/// <param name="SourcePath">What.</param>
public sealed record EngineSnapshot(string SnapshotId, string HostName, string? OperationTag, DateTimeOffset TakenAt, string SourcePath);

/// <summary>What to read of a repository, beyond its structure.</summary>
/// <param name="ReadAll">Every byte; the rest is of no account then.</param>
/// <param name="Parts">These parts of the data.</param>
/// <param name="Packs">These packs besides, as <see cref="VerifyResult.Packs"/> named them; those that are gone are left out.</param>
public sealed record VerifyRequest(bool ReadAll, IReadOnlyList<VerifyPart> Parts, IReadOnlyList<string> Packs);

/// <summary>One of <paramref name="Total"/> parts of the data of about the same size. What is in a part stays in it, so that all parts in turn are everything.</summary>
/// <param name="Number">From 1 to <paramref name="Total"/>.</param>
/// <param name="Total">1 to <see cref="EngineLimits.VerifyPartsMax"/>.</param>
public sealed record VerifyPart(int Number, int Total)
{
    /// <summary>All of the data.</summary>
    public static VerifyPart Whole { get; } = new(1, 1);
}

/// <summary>What is damaged.</summary>
/// <param name="Damage">A sentence each; empty when all is well. At most <see cref="EngineLimits.WarningsMax"/>.</param>
/// <param name="SnapshotIds">The engine's own ids of the snapshots that cannot be restored whole; null when it cannot tell.</param>
/// <param name="Packs">Names of the damaged packs, to be read again the next time; at most <see cref="EngineLimits.DamagedPacksMax"/>.</param>
/// <param name="Parts">Those in which damage was found that names no pack, to be read again the next time; what is wrong with the structure is in none.</param>
/// <param name="BytesRead">Of the data; 0 when the engine does not say.</param>
public sealed record VerifyResult(
    IReadOnlyList<string> Damage, IReadOnlyList<string>? SnapshotIds, IReadOnlyList<string> Packs, IReadOnlyList<VerifyPart> Parts, long BytesRead)
{
    /// <summary>Nothing is damaged.</summary>
    public static VerifyResult Sound(long bytesRead) => new([], [], [], [], bytesRead);
}

/// <summary>What a prune gave back.</summary>
/// <param name="BytesFreed">Space of objects that are deleted.</param>
/// <param name="BytesBefore">Size before.</param>
/// <param name="BytesAfter">Size after.</param>
public sealed record PruneResult(long BytesFreed, long BytesBefore, long BytesAfter);

/// <summary>Size of a repository.</summary>
/// <param name="BytesStored">All of its data, compressed and deduplicated.</param>
/// <param name="Snapshots">How many there are.</param>
public sealed record RepositoryStats(long BytesStored, long Snapshots);

/// <summary>How far a call is.</summary>
/// <param name="Phase">A word: <c>scanning</c>, <c>transferring</c>, <c>placing</c>, <c>verifying</c>.</param>
/// <param name="BytesDone">Of the tree.</param>
/// <param name="BytesTotal">0 while it is not known.</param>
/// <param name="FilesDone">Files done.</param>
/// <param name="FilesTotal">0 while it is not known.</param>
public sealed record EngineProgress(string Phase, long BytesDone, long BytesTotal, long FilesDone, long FilesTotal);

/// <summary>Bounds that all engines keep.</summary>
public static class EngineLimits
{
    /// <summary>Warnings of one call; the last then says how many more there were.</summary>
    public const int WarningsMax = 20;

    /// <summary>Removed paths that are named.</summary>
    public const int RemovedPathsMax = 20;

    /// <summary>Damaged packs that are named.</summary>
    public const int DamagedPacksMax = 200;

    /// <summary>Most parts that data is divided into for a verification.</summary>
    public const int VerifyPartsMax = 256;

    /// <summary>Characters of one warning.</summary>
    public const int WarningLengthMax = 300;
}

/// <summary>Why an engine could not do what it was asked.</summary>
public enum SnapshotFailure
{
    /// <summary>The engine's program is not there.</summary>
    NotInstalled,

    /// <summary>The key does not open the repository.</summary>
    WrongKey,

    /// <summary>There is no such snapshot or path in it.</summary>
    NotFound,

    /// <summary>Another holder keeps the repository locked.</summary>
    Locked,

    /// <summary>The store does not answer, refuses, or is full.</summary>
    Store,

    /// <summary>The repository is damaged.</summary>
    Damaged,

    /// <summary>The local tree could not be read or written.</summary>
    Files,

    /// <summary>Anything else.</summary>
    Other,
}

/// <summary>A call of an engine came to nothing.</summary>
public sealed class SnapshotEngineException(SnapshotFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Why.</summary>
    public SnapshotFailure Failure { get; } = failure;
}
