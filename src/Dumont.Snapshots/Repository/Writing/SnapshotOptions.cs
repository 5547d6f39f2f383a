namespace Dumont.Snapshots;

/// <summary>How to take a snapshot.</summary>
public sealed record SnapshotOptions
{
    /// <summary>The directory to keep.</summary>
    public required string Source { get; init; }

    /// <summary>Given by the user; may be empty.</summary>
    public string Name { get; init; } = "";

    /// <summary>Given by the user.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Computer; part of what a parent is found by.</summary>
    public string Hostname { get; init; } = Environment.MachineName;

    /// <summary>What <see cref="Snapshot.Source"/> will say and a parent is found by; the absolute path of <see cref="Source"/> by default.</summary>
    public string? SourceLabel { get; init; }

    /// <summary>Patterns of what to leave out; see <see cref="PathPattern"/>.</summary>
    public IReadOnlyList<string> Excludes { get; init; } = [];

    /// <summary>Stay on the file system of <see cref="Source"/>.</summary>
    public bool OneFileSystem { get; init; }

    /// <summary>Read every file, whatever the parent says.</summary>
    public bool Force { get; init; }

    /// <summary>Id of the snapshot to compare with; by default the last one of the same computer and source.</summary>
    public string? Parent { get; init; }

    /// <summary>How hard to compress.</summary>
    public ChunkCompression Compression { get; init; } = ChunkCompression.Fast;

    /// <summary>Threads that read and encode; 0: one a core.</summary>
    public int Workers { get; init; }
}

/// <summary>How far a snapshot is. Read at any time from any thread.</summary>
public sealed class SnapshotProgress
{
    private long _bytesDone;
    private long _filesDone;

    /// <summary>Bytes of the files that have to be read; 0 until the scan has ended.</summary>
    public long BytesTotal { get; internal set; }

    /// <summary>Files that have to be read.</summary>
    public long FilesTotal { get; internal set; }

    /// <summary>Of <see cref="BytesTotal"/>, done.</summary>
    public long BytesDone => Volatile.Read(ref _bytesDone);

    /// <summary>Of <see cref="FilesTotal"/>, done.</summary>
    public long FilesDone => Volatile.Read(ref _filesDone);

    internal void AddBytes(long count) => Interlocked.Add(ref _bytesDone, count);

    internal void AddFile() => Interlocked.Increment(ref _filesDone);
}

/// <summary>A snapshot that was taken.</summary>
/// <param name="Snapshot">It.</param>
/// <param name="Warnings">Files that are missing from it, or that changed while they were read, each with the reason.</param>
/// <param name="IsIncomplete">Some file is missing from it.</param>
public sealed record SnapshotOutcome(Snapshot Snapshot, IReadOnlyList<string> Warnings, bool IsIncomplete);
