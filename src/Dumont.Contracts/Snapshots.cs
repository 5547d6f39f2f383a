using System.Text.Json.Serialization;

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

/// <summary>Drops all but the newest snapshots of each instance.</summary>
public sealed record PruneSnapshotsRequest
{
    /// <summary>How many of each instance stay, 1 to 10,000; default 10. Those kept for ever stay besides.</summary>
    public int? KeepLast { get; init; }

    /// <summary>Of this instance only.</summary>
    public InstanceId? InstanceId { get; init; }
}

/// <summary>What a prune or cleanup dropped.</summary>
/// <param name="Success">It has not failed.</param>
/// <param name="Removed">Ids that are gone, or would be in a dry run.</param>
/// <param name="Kept">How many are left.</param>
/// <param name="DryRun">Nothing was changed.</param>
/// <param name="BytesFreed">Space that came back so far.</param>
/// <param name="OperationId">The operation that gives the space back; null when there is nothing to do.</param>
/// <param name="Status">Where that operation is.</param>
public sealed record PruneSnapshotsResponse(
    bool Success, IReadOnlyList<string> Removed, int Kept, bool DryRun, long BytesFreed, long? OperationId, string Status)
{
    /// <summary>How many are gone.</summary>
    public int RemovedCount => Removed.Count;
}

/// <summary>Whether a snapshot is kept whatever the rules say.</summary>
public sealed record KeepForeverRequest
{
    /// <summary>Default true.</summary>
    public bool? KeepForever { get; init; }
}

/// <summary>Which snapshots a cleanup keeps. A snapshot that any rule keeps is kept.</summary>
public sealed record RetentionPolicyRequest
{
    /// <summary>Kept for so many days, 0 to 3650.</summary>
    public int? RetentionDays { get; init; }

    /// <summary>So many of an instance are always kept, 0 to 10,000.</summary>
    public int? MinSnapshotsToKeep { get; init; }

    /// <summary>Beyond so many of an instance the oldest go even where another rule keeps them, 1 to 10,000.</summary>
    public int? MaxSnapshotsPerInstance { get; init; }

    /// <summary>Whether cleanups run by themselves, once an hour.</summary>
    public bool? CleanupEnabled { get; init; }

    /// <summary>The last of each of so many hours.</summary>
    public int? KeepHourly { get; init; }

    /// <summary>The last of each of so many days.</summary>
    public int? KeepDaily { get; init; }

    /// <summary>The last of each of so many weeks.</summary>
    public int? KeepWeekly { get; init; }

    /// <summary>The last of each of so many months.</summary>
    public int? KeepMonthly { get; init; }

    /// <summary>The last of each of so many years.</summary>
    public int? KeepYearly { get; init; }

    /// <summary>Those that bear one of these tags.</summary>
    public IReadOnlyList<string>? KeepTags { get; init; }

    /// <summary>For this instance; without, for all that have no rules of their own.</summary>
    public InstanceId? InstanceId { get; init; }
}

/// <summary>Which snapshots a cleanup keeps.</summary>
public sealed record RetentionPolicyResponse(
    int RetentionDays,
    int MinSnapshotsToKeep,
    int MaxSnapshotsPerInstance,
    bool CleanupEnabled,
    int KeepHourly,
    int KeepDaily,
    int KeepWeekly,
    int KeepMonthly,
    int KeepYearly,
    IReadOnlyList<string> KeepTags,
    InstanceId? InstanceId,
    bool IsInstancePolicy);

/// <summary>Asks for a cleanup.</summary>
public sealed record CleanupSnapshotsRequest
{
    /// <summary>Only say what would go; default false.</summary>
    public bool? DryRun { get; init; }

    /// <summary>Of this instance only.</summary>
    public InstanceId? InstanceId { get; init; }
}

/// <summary>What cleanups and prunes did.</summary>
/// <param name="Days">Over so many days.</param>
/// <param name="Runs">How many ended well.</param>
/// <param name="Failures">How many failed.</param>
/// <param name="SnapshotsDeleted">Snapshots that they dropped.</param>
/// <param name="BytesFreed">Space that they gave back.</param>
/// <param name="LastRunAt">When the last one ended.</param>
public sealed record CleanupMetricsResponse(int Days, int Runs, int Failures, int SnapshotsDeleted, long BytesFreed, DateTimeOffset? LastRunAt);

/// <summary>What a sync did.</summary>
public sealed record SyncResponse
{
    /// <summary>It is done.</summary>
    public required bool Success { get; init; }

    /// <summary>Of which instance.</summary>
    public required InstanceId InstanceId { get; init; }

    /// <summary>The snapshot that was made.</summary>
    public required string SnapshotId { get; init; }

    /// <summary>Its status.</summary>
    public required string Status { get; init; }

    /// <summary>Files that the sync before did not have.</summary>
    public required long FilesNew { get; init; }

    /// <summary>Files that it had otherwise.</summary>
    public required long FilesChanged { get; init; }

    /// <summary>Files as before.</summary>
    public required long FilesUnmodified { get; init; }

    /// <summary>What was sent, for people: <c>1.2 MB</c>.</summary>
    public required string DataAdded { get; init; }

    /// <summary>What was sent.</summary>
    public required long DataAddedBytes { get; init; }

    /// <summary>Time on the machine.</summary>
    public required double DurationSeconds { get; init; }

    /// <summary>An earlier snapshot was compared with.</summary>
    public required bool IsIncremental { get; init; }

    /// <summary>Why it failed; null when it did not.</summary>
    public required string? Error { get; init; }
}

/// <summary>Where the syncs of an instance are.</summary>
public sealed record SyncStatusResponse
{
    /// <summary>Of which instance.</summary>
    public required InstanceId InstanceId { get; init; }

    /// <summary>There has been one.</summary>
    public required bool Synced { get; init; }

    /// <summary>The same, in the words of another reader.</summary>
    public bool SyncEnabled => Synced;

    /// <summary>One is under way.</summary>
    public required bool IsSyncing { get; init; }

    /// <summary><c>never</c>, <c>syncing</c>, <c>synced</c> or <c>failed</c>.</summary>
    public required string SyncStatus { get; init; }

    /// <summary>When the last one was made.</summary>
    public required DateTimeOffset? LastSync { get; init; }

    /// <summary>Seconds since.</summary>
    public required double? LastSyncAgo { get; init; }

    /// <summary>Its snapshot.</summary>
    public required string? LastSnapshotId { get; init; }

    /// <summary>How many were made.</summary>
    public required int SyncCount { get; init; }

    /// <summary>What all of them sent.</summary>
    public required long BytesSynced { get; init; }

    /// <summary>What is kept.</summary>
    public required string SourcePath { get; init; }

    /// <summary>What the last one did.</summary>
    public required SyncResponse? LastStats { get; init; }

    /// <summary>Why the last one failed; null when it did not.</summary>
    public required string? Error { get; init; }
}

/// <summary>Syncs of all instances.</summary>
/// <param name="Syncs">One an instance.</param>
/// <param name="Count">How many.</param>
public sealed record SyncListResponse(IReadOnlyList<SyncStatusResponse> Syncs, int Count);

/// <summary>When an instance's snapshots are taken by themselves.</summary>
public sealed record SnapshotScheduleRequest
{
    /// <summary>Every so many minutes, 5 to 10,080.</summary>
    public int? EveryMinutes { get; init; }

    /// <summary>Or each day at this time, UTC: <c>03:30</c>.</summary>
    public string? DailyAt { get; init; }

    /// <summary>Off without being forgotten; default true.</summary>
    public bool? Enabled { get; init; }
}

/// <summary>When an instance's snapshots are taken by themselves.</summary>
public sealed record SnapshotScheduleResponse(
    InstanceId InstanceId, int? EveryMinutes, string? DailyAt, bool Enabled, DateTimeOffset? NextAt, string? LastStatus);

/// <summary>Where snapshots go. What is absent or null stays; masked keys that are sent back change nothing.</summary>
public sealed record UpdateStorageRequest
{
    /// <summary><c>local</c>, <c>backblaze_b2</c>, <c>aws_s3</c>, <c>google_gcs</c>, <c>cloudflare_r2</c> or <c>s3</c> for any other service of that kind.</summary>
    public string? PrimaryProvider { get; init; }

    /// <summary><c>dumont</c> or <c>restic</c>; an empty text for the server's default.</summary>
    public string? Engine { get; init; }

    /// <summary>Base URL of the service; needed for <c>s3</c> and <c>cloudflare_r2</c>.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Another word for <see cref="Endpoint"/>.</summary>
    public string? S3Endpoint { get; init; }

    /// <summary>Region of the bucket.</summary>
    public string? Region { get; init; }

    /// <summary>Another word for <see cref="Region"/>.</summary>
    public string? S3Region { get; init; }

    /// <summary>Name of the bucket.</summary>
    public string? Bucket { get; init; }

    /// <summary>Another word for <see cref="Bucket"/>.</summary>
    public string? S3BucketName { get; init; }

    /// <summary>Another word for <see cref="Bucket"/>.</summary>
    public string? B2Bucket { get; init; }

    /// <summary>Another word for <see cref="Bucket"/>.</summary>
    public string? B2BucketName { get; init; }

    /// <summary>Another word for <see cref="Bucket"/>.</summary>
    public string? GcsBucketName { get; init; }

    /// <summary>Where in the bucket; default <c>dumont</c>.</summary>
    public string? Prefix { get; init; }

    /// <summary>Id of the key.</summary>
    public string? AccessKey { get; init; }

    /// <summary>Another word for <see cref="AccessKey"/>.</summary>
    public string? S3AccessKey { get; init; }

    /// <summary>Another word for <see cref="AccessKey"/>.</summary>
    public string? B2KeyId { get; init; }

    /// <summary>The key.</summary>
    public string? SecretKey { get; init; }

    /// <summary>Another word for <see cref="SecretKey"/>.</summary>
    public string? S3SecretKey { get; init; }

    /// <summary>Another word for <see cref="SecretKey"/>.</summary>
    public string? B2AppKey { get; init; }

    /// <summary>Not supported: Google Cloud Storage is reached with an interoperability (HMAC) key.</summary>
    public string? GcsCredentialsJson { get; init; }
}

/// <summary>Where snapshots go. Keys are masked.</summary>
public sealed record StorageResponse(StorageView Settings);

/// <summary>Where snapshots go.</summary>
public sealed record StorageView(
    string PrimaryProvider, string Engine, string Endpoint, string Region, string Bucket, string Prefix, string? AccessKey, string? SecretKey, string Location);

/// <summary>What a test of the storage found.</summary>
/// <param name="Success">Every step went well.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Steps">In order; those after a failure were not tried.</param>
public sealed record StorageTestResponse(bool Success, string Message, IReadOnlyList<StorageTestStep> Steps);

/// <summary>One step of a test.</summary>
/// <param name="Step"><c>write</c>, <c>read</c> or <c>delete</c>.</param>
/// <param name="Success">It went well.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Message">Why it failed; null when it did not.</param>
public sealed record StorageTestStep(
    string Step, bool Success, [property: JsonPropertyName("duration_ms")] double Milliseconds, string? Message);
