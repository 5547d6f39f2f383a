using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>An object of a repository, as a list of them tells a machine.</summary>
/// <param name="Name">Its name in the repository.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="ModifiedAt">When it was written.</param>
public sealed record AgentObject(string Name, long SizeBytes, DateTimeOffset ModifiedAt);

/// <summary>What an agent does once when it is told to.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AgentWorkKind>))]
public enum AgentWorkKind
{
    /// <summary>Keep the tree in a repository.</summary>
    [JsonStringEnumMemberName("snapshot")]
    Snapshot,

    /// <summary>Bring a snapshot back.</summary>
    [JsonStringEnumMemberName("restore")]
    Restore,

    /// <summary>Say what a restore would remove, and change nothing.</summary>
    [JsonStringEnumMemberName("preview")]
    Preview,
}

/// <summary>One piece of work. It is named by its number: an agent that has done it, or is doing it, does not begin again.</summary>
/// <param name="OperationId">The server's number of it.</param>
/// <param name="Kind">What to do.</param>
/// <param name="Engine">Which engine the repository belongs to, <c>dumont</c> or <c>restic</c>.</param>
/// <param name="RepositoryId">The server's number of the repository; its objects are below <c>/api/v1/agent/repositories/{id}/</c>.</param>
/// <param name="Secret">Opens the repository: 64 hexadecimal digits.</param>
/// <param name="SourcePath">Absolute path of the tree that a snapshot keeps, or kept.</param>
/// <param name="HostName">Groups the snapshots of one instance.</param>
/// <param name="Full">A snapshot reads every file again.</param>
/// <param name="SnapshotId">The engine's id of the snapshot to bring back.</param>
/// <param name="TargetPath">Absolute path of the directory that gets it.</param>
/// <param name="Include">Paths relative to the tree; empty for all.</param>
/// <param name="Verify">What was written is read once more.</param>
/// <param name="BytesExpected">Size of what is to be brought back; 0 when it is not known.</param>
/// <param name="Delete">What the target has and the snapshot has not is removed.</param>
public sealed record AgentWork(
    long OperationId,
    AgentWorkKind Kind,
    string Engine,
    long RepositoryId,
    string Secret,
    string SourcePath,
    string HostName,
    bool Full,
    string? SnapshotId,
    string? TargetPath,
    IReadOnlyList<string> Include,
    bool Verify,
    long BytesExpected,
    bool Delete = false)
{
    /// <inheritdoc />
    public override string ToString() => $"{Kind} {OperationId}";
}

/// <summary>Where a piece of work is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AgentWorkState>))]
public enum AgentWorkState
{
    /// <summary>Under way.</summary>
    [JsonStringEnumMemberName("running")]
    Running,

    /// <summary>Done; the result stands in the report until there is other work.</summary>
    [JsonStringEnumMemberName("done")]
    Done,

    /// <summary>Came to nothing; the message says why.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,
}

/// <summary>How far a piece of work is.</summary>
/// <param name="OperationId">Which one.</param>
/// <param name="State">Where it is.</param>
/// <param name="Phase">A word, for instance <c>transferring</c>.</param>
/// <param name="BytesDone">Of the tree.</param>
/// <param name="BytesTotal">0 while it is not known.</param>
/// <param name="FilesDone">Files done.</param>
/// <param name="FilesTotal">0 while it is not known.</param>
/// <param name="Result">What came of it; null before the end.</param>
/// <param name="Failure">Kind of failure as a word, for instance <c>not_found</c>; null without one.</param>
/// <param name="Message">Why it failed, in English.</param>
public sealed record AgentWorkReport(
    long OperationId,
    AgentWorkState State,
    string Phase,
    long BytesDone,
    long BytesTotal,
    long FilesDone,
    long FilesTotal,
    AgentWorkResult? Result,
    string? Failure,
    string? Message);

/// <summary>What came of a piece of work. Of a restore only files, bytes processed, duration and warnings count.</summary>
/// <param name="SnapshotId">The engine's id of the new snapshot; empty for a restore.</param>
/// <param name="FilesNew">Files that the snapshot before did not have; files restored.</param>
/// <param name="FilesChanged">Files that it had otherwise.</param>
/// <param name="FilesUnmodified">Files as before.</param>
/// <param name="BytesProcessed">Size of what was kept or brought back.</param>
/// <param name="BytesAdded">What the repository grew by.</param>
/// <param name="DurationSeconds">How long it took.</param>
/// <param name="IsIncremental">An earlier snapshot was compared with.</param>
/// <param name="Warnings">What could not be read or is not quite as it was; at most 20.</param>
/// <param name="Removed">What a restore removed, or would; null where nothing was to be removed.</param>
public sealed record AgentWorkResult(
    string SnapshotId,
    long FilesNew,
    long FilesChanged,
    long FilesUnmodified,
    long BytesProcessed,
    long BytesAdded,
    double DurationSeconds,
    bool IsIncremental,
    IReadOnlyList<string> Warnings,
    AgentRemoval? Removed = null);

/// <summary>What a restore removes because the snapshot has not got it.</summary>
/// <param name="Count">Files, links and directories.</param>
/// <param name="Bytes">Size of the files.</param>
/// <param name="Paths">The first ones, at most 20; a directory stands for all it holds.</param>
public sealed record AgentRemoval(long Count, long Bytes, IReadOnlyList<string> Paths);
