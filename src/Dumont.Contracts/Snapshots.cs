namespace Dumont.Contracts;

/// <summary>Asks for a snapshot of an instance's workspace.</summary>
public sealed record CreateSnapshotRequest
{
    /// <summary>Which instance; one that is paused runs for the time of the snapshot.</summary>
    public InstanceId? InstanceId { get; init; }

    /// <summary>For the user's own overview; at most 100 characters. By default the date and time.</summary>
    public string? Name { get; init; }

    /// <summary>Another word for <see cref="Name"/>.</summary>
    public string? Label { get; init; }

    /// <summary><c>incremental</c> compares with the snapshot before, which is the default; <c>full</c> reads every file again.</summary>
    public string? Type { get; init; }

    /// <summary>The directory to keep, <c>/workspace</c> or below it; that is the default.</summary>
    public string? SourcePath { get; init; }

    /// <summary>The same as a list of one.</summary>
    public IReadOnlyList<string>? Paths { get; init; }

    /// <summary>At most 20 words of at most 100 characters.</summary>
    public IReadOnlyList<string>? Tags { get; init; }
}

/// <summary>How far an operation is.</summary>
/// <param name="Phase">A word: <c>starting</c>, <c>scanning</c>, <c>transferring</c>, <c>placing</c>.</param>
/// <param name="BytesDone">Of the tree.</param>
/// <param name="BytesTotal">0 while it is not known.</param>
/// <param name="FilesDone">Files done.</param>
/// <param name="FilesTotal">0 while it is not known.</param>
/// <param name="Percent">0 to 100; null while it is not known.</param>
public sealed record SnapshotProgress(string Phase, long BytesDone, long BytesTotal, long FilesDone, long FilesTotal, double? Percent);

/// <summary>A snapshot.</summary>
public sealed record SnapshotResponse
{
    /// <summary>Always true: a refusal has another form.</summary>
    public bool Success { get; init; } = true;

    /// <summary>For instance <c>snap-12</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The same.</summary>
    public string SnapshotId => Id;

    /// <summary>The first eight digits of the engine's own id, else the same.</summary>
    public required string ShortId { get; init; }

    /// <summary>As asked for.</summary>
    public required string Name { get; init; }

    /// <summary>The same.</summary>
    public string Label => Name;

    /// <summary>Whose workspace.</summary>
    public required InstanceId InstanceId { get; init; }

    /// <summary>The instance's label at that time.</summary>
    public required string Hostname { get; init; }

    /// <summary><c>creating</c>, <c>completed</c>, <c>partial</c> (some files could not be read) or <c>failed</c>.</summary>
    public required string Status { get; init; }

    /// <summary><c>full</c> or <c>incremental</c>.</summary>
    public required string Type { get; init; }

    /// <summary><c>dumont</c> or <c>restic</c>.</summary>
    public required string Engine { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The same.</summary>
    public DateTimeOffset Time => CreatedAt;

    /// <summary>As asked for.</summary>
    public required IReadOnlyList<string> Tags { get; init; }

    /// <summary>The one directory.</summary>
    public required IReadOnlyList<string> Paths { get; init; }

    /// <summary>Size of the tree.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Files that the snapshot before did not have.</summary>
    public required long FilesNew { get; init; }

    /// <summary>Files that it had otherwise.</summary>
    public required long FilesChanged { get; init; }

    /// <summary>Files as before.</summary>
    public required long FilesUnmodified { get; init; }

    /// <summary>All of them.</summary>
    public long TotalFilesProcessed => FilesNew + FilesChanged + FilesUnmodified;

    /// <summary>Size of the tree once more.</summary>
    public long TotalBytesProcessed => SizeBytes;

    /// <summary>Bytes that the repository grew by: what was sent.</summary>
    public required long DataAdded { get; init; }

    /// <summary>Size of the tree over what was sent; null when nothing was.</summary>
    public required double? Ratio { get; init; }

    /// <summary>Time on the machine.</summary>
    public required double DurationSeconds { get; init; }

    /// <summary>An earlier snapshot was compared with.</summary>
    public required bool IsIncremental { get; init; }

    /// <summary>Kept whatever the rules say.</summary>
    public required bool KeepForever { get; init; }

    /// <summary>What could not be read.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Why it failed; null when it did not.</summary>
    public required string? Error { get; init; }

    /// <summary>The operation that makes it.</summary>
    public required long? OperationId { get; init; }

    /// <summary>How far it is; null when it is over.</summary>
    public required SnapshotProgress? Progress { get; init; }
}

/// <summary>Snapshots, newest first.</summary>
/// <param name="Snapshots">Those of this page.</param>
/// <param name="Count">How many are listed.</param>
/// <param name="Total">How many match.</param>
public sealed record SnapshotListResponse(IReadOnlyList<SnapshotResponse> Snapshots, int Count, int Total);

/// <summary>Brings a snapshot back.</summary>
public sealed record RestoreSnapshotRequest
{
    /// <summary>Which one.</summary>
    public string? SnapshotId { get; init; }

    /// <summary>Into which instance; it must run. By default the one that it was taken of.</summary>
    public InstanceId? InstanceId { get; init; }

    /// <summary>Into a new instance with this GPU instead.</summary>
    public string? GpuName { get; init; }

    /// <summary>Most to pay for the new instance, $/h.</summary>
    public decimal? MaxPrice { get; init; }

    /// <summary><c>US</c>, <c>EU</c> or <c>ASIA</c>, for the new instance.</summary>
    public string? Region { get; init; }

    /// <summary>Disk of the new instance, GB.</summary>
    public double? DiskSize { get; init; }

    /// <summary>Label of the new instance.</summary>
    public string? Label { get; init; }

    /// <summary><c>/</c>, the default, where it was; or a directory in <c>/workspace</c>.</summary>
    public string? TargetPath { get; init; }

    /// <summary>Only these paths of the snapshot, each with everything below it; relative to it, or absolute. At most 1,000.</summary>
    public IReadOnlyList<string>? Include { get; init; }

    /// <summary>Another word for <see cref="Include"/>.</summary>
    public IReadOnlyList<string>? Paths { get; init; }

    /// <summary>Reads what was written once more.</summary>
    public bool? Verify { get; init; }

    /// <summary>Removes what the target has and the snapshot has not, as far as <see cref="Include"/> reaches; default false. If the restore fails, all of it is back.</summary>
    public bool? Delete { get; init; }

    /// <summary>Changes nothing and says what would be removed; default false.</summary>
    public bool? DryRun { get; init; }
}

/// <summary>An operation: a restore, a snapshot on its way, a prune.</summary>
public sealed record SnapshotOperationResponse
{
    /// <summary>It has not failed.</summary>
    public required bool Success { get; init; }

    /// <summary>Number of the operation.</summary>
    public required long OperationId { get; init; }

    /// <summary><c>snapshot</c>, <c>restore</c>, <c>forget</c>, <c>prune</c> or <c>verify</c>.</summary>
    public required string Kind { get; init; }

    /// <summary><c>pending</c>, <c>running</c>, <c>done</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The snapshot that is made or brought back.</summary>
    public required string? SnapshotId { get; init; }

    /// <summary>Where it is done.</summary>
    public required InstanceId? InstanceId { get; init; }

    /// <summary>The instance that was rented for it; null when none was.</summary>
    public required InstanceId? NewInstanceId { get; init; }

    /// <summary>Where the restored files are.</summary>
    public required string? TargetPath { get; init; }

    /// <summary>Files and links that were brought back.</summary>
    public required long FilesRestored { get; init; }

    /// <summary>Their content.</summary>
    public required long BytesRestored { get; init; }

    /// <summary>Nothing was to be changed.</summary>
    public required bool DryRun { get; init; }

    /// <summary>Files, links and directories that a restore with deletion removed, or would remove.</summary>
    public required long RemovedCount { get; init; }

    /// <summary>Size of the files among them.</summary>
    public required long RemovedBytes { get; init; }

    /// <summary>The first of them, at most 20; a directory stands for all it holds.</summary>
    public required IReadOnlyList<string> RemovedPaths { get; init; }

    /// <summary>Bytes of the repository that a verification has read.</summary>
    public required long BytesVerified { get; init; }

    /// <summary>Space that a prune gave back.</summary>
    public required long BytesFreed { get; init; }

    /// <summary>Time on the machine.</summary>
    public required double DurationSeconds { get; init; }

    /// <summary>What is wrong: damage that was found, files that are not as they were, why it failed.</summary>
    public required IReadOnlyList<string> Errors { get; init; }

    /// <summary>Why it failed; null when it did not.</summary>
    public required string? Error { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ended.</summary>
    public required DateTimeOffset? FinishedAt { get; init; }

    /// <summary>How far it is; null when it is over.</summary>
    public required SnapshotProgress? Progress { get; init; }
}

/// <summary>Operations, newest first.</summary>
/// <param name="Operations">At most 100.</param>
/// <param name="Count">How many.</param>
public sealed record SnapshotOperationListResponse(IReadOnlyList<SnapshotOperationResponse> Operations, int Count);
