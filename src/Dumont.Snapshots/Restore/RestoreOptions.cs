namespace Dumont.Snapshots;

/// <summary>Where a restore may write.</summary>
public enum RestoreMode
{
    /// <summary>A tree that is not there yet, or an empty directory: everything is put together beside it and renamed in one step.</summary>
    NewTree = 1,

    /// <summary>An existing tree: only what differs is changed, and changed back when the restore fails.</summary>
    InPlace = 2,
}

/// <summary>How a snapshot is restored. The defaults are the safe ones.</summary>
public sealed record RestoreOptions
{
    /// <summary>New tree or in place.</summary>
    public RestoreMode Mode { get; init; } = RestoreMode.NewTree;

    /// <summary>In place: remove what the snapshot does not hold. Only what the patterns select.</summary>
    public bool Delete { get; init; }

    /// <summary>Only these; all when empty. See <see cref="RestoreSelection"/>.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>Not these.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>Restored first, and in place before the rest is begun. Makes the restore one in place.</summary>
    public IReadOnlyList<string> First { get; init; } = [];

    /// <summary>Read everything back and compare it with its hashes before it is put in place.</summary>
    public bool Verify { get; init; }

    /// <summary>Return only when everything would survive a power cut. Large files then go to the disk past the page cache.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Keep set-user-id, set-group-id, file capabilities and <c>trusted.*</c> attributes.</summary>
    public bool PreservePrivileged { get; init; }

    /// <summary>Restore FIFOs too.</summary>
    public bool Fifos { get; init; }

    /// <summary>Say what would be done and do nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>Keep what has been prepared when the restore fails or is cancelled, so that the same call goes on from there.</summary>
    public bool KeepPartial { get; init; }

    /// <summary>Threads that decode and write; 0 for as many as keep cores and disk busy.</summary>
    public int Workers { get; init; }

    /// <summary>Told how far it is, from any thread and often: the receiver limits the rate.</summary>
    public Action<RestoreProgress>? OnProgress { get; init; }
}

/// <summary>What a restore is doing.</summary>
public enum RestorePhase
{
    /// <summary>Comparing the snapshot with what is there.</summary>
    Planning = 1,

    /// <summary>Reading, decoding and writing.</summary>
    Restoring = 2,

    /// <summary>Reading back.</summary>
    Verifying = 3,

    /// <summary>Waiting for the disk.</summary>
    Syncing = 4,

    /// <summary>Renaming into place.</summary>
    Placing = 5,
}

/// <summary>How far a restore is.</summary>
/// <param name="Phase">What it is doing.</param>
/// <param name="FilesDone">Files finished.</param>
/// <param name="FilesTotal">Files to write.</param>
/// <param name="BytesDone">Bytes written, or read back in <see cref="RestorePhase.Verifying"/>.</param>
/// <param name="BytesTotal">Bytes to write or read back.</param>
public readonly record struct RestoreProgress(RestorePhase Phase, long FilesDone, long FilesTotal, long BytesDone, long BytesTotal);

/// <summary>Something that could not be restored as it was; everything else was.</summary>
/// <param name="Path">Escaped for people.</param>
/// <param name="Message">What was left out.</param>
public readonly record struct RestoreWarning(string Path, string Message);

/// <summary>What a restore has done.</summary>
public sealed record RestoreResult
{
    /// <summary>Most that <see cref="RemovedPaths"/> names.</summary>
    public const int RemovedPathsMax = 100;

    /// <summary>Files whose content was written.</summary>
    public required long FilesRestored { get; init; }

    /// <summary>Files that were there already.</summary>
    public required long FilesSkipped { get; init; }

    /// <summary>Directories made.</summary>
    public required long DirectoriesMade { get; init; }

    /// <summary>Links, hard links and FIFOs made.</summary>
    public required long LinksMade { get; init; }

    /// <summary>Entries removed because the snapshot does not hold them; a directory with all it held counts once.</summary>
    public required long Removed { get; init; }

    /// <summary>The same, what is in removed and replaced directories counted too.</summary>
    public required long RemovedEntries { get; init; }

    /// <summary>Size of the files among these.</summary>
    public required long RemovedBytes { get; init; }

    /// <summary>The first of them, escaped for people; a directory stands for all it held.</summary>
    public required IReadOnlyList<string> RemovedPaths { get; init; }

    /// <summary>Size of the files written, holes included.</summary>
    public required long BytesRestored { get; init; }

    /// <summary>Bytes fetched from the repository, stored form.</summary>
    public required long BytesFetched { get; init; }

    /// <summary>Bytes taken from what was there instead of fetched.</summary>
    public required long BytesReused { get; init; }

    /// <summary>Entries whose owner could not be set because that takes root.</summary>
    public required long OwnersSkipped { get; init; }

    /// <summary>How many warnings there were; <see cref="Warnings"/> holds the first ones.</summary>
    public required long WarningCount { get; init; }

    /// <summary>The first warnings.</summary>
    public required IReadOnlyList<RestoreWarning> Warnings { get; init; }
}

/// <summary>A restore was refused or could not be finished, with the path and what to do about it. The target is as it was before, unless
/// the message says otherwise.</summary>
/// <param name="message">For the user.</param>
/// <param name="cause">What happened, where there was something.</param>
public sealed class RestoreException(string message, Exception? cause = null) : IOException(message, cause);
