namespace Dumont.Snapshots;

/// <summary>What a tree can hold. Sockets, FIFOs and devices are never part of one.</summary>
public enum TreeEntryKind
{
    /// <summary>Regular file.</summary>
    File = 1,

    /// <summary>Directory.</summary>
    Directory = 2,

    /// <summary>Symbolic link; kept as a link, never followed.</summary>
    Link = 3,
}

/// <summary>What tells that an inode changed without reading it. Two equal stamps mean equal content, unless the second write fell into the
/// same tick of the kernel's clock as the first; see <see cref="IsRacy"/>.</summary>
/// <param name="SizeBytes">Size; of a link the length of its target.</param>
/// <param name="ModifiedNs">Last change of the content, nanoseconds since 1970. Settable by anyone.</param>
/// <param name="ChangedNs">Last change of content or metadata, nanoseconds since 1970. Set by the kernel alone.</param>
/// <param name="Inode">Number of the inode.</param>
public readonly record struct FileStamp(long SizeBytes, long ModifiedNs, long ChangedNs, ulong Inode)
{
    // The coarse clock of file times ticks every 1 to 10 ms (CONFIG_HZ); twice that, as a margin.
    private const long TickNs = 20_000_000;

    /// <summary>Whether a write just after this stamp was taken could leave it unchanged, so that the stamp proves nothing later.</summary>
    /// <param name="takenAt">When the content was read.</param>
    public bool IsRacy(DateTimeOffset takenAt) =>
        ((takenAt.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * TimeSpan.NanosecondsPerTick) - ChangedNs < TickNs;
}

/// <summary>One entry of a tree as <c>lstat</c> sees it.</summary>
/// <param name="Path">Where, below the root.</param>
/// <param name="Kind">What.</param>
/// <param name="Mode">Permission bits that travel, within <see cref="PreservedMode"/>.</param>
/// <param name="Stamp">For finding changes.</param>
/// <param name="LinkTarget">Target of a link, one char a byte; null for anything else.</param>
/// <param name="UserId">Owner.</param>
/// <param name="GroupId">Group.</param>
/// <param name="Links">Names that a file has; some may be outside the tree.</param>
public sealed record TreeEntry(
    TreePath Path, TreeEntryKind Kind, int Mode, FileStamp Stamp, string? LinkTarget, uint UserId, uint GroupId, uint Links)
{
    /// <summary>Read, write and execute for owner, group and others, and the sticky bit. Set-user-id and set-group-id never travel: a peer
    /// must not be able to plant a privileged program.</summary>
    public const int PreservedMode = 0b1_111_111_111;
}
