namespace Dumont.Snapshots;

/// <summary>What an entry of a manifest is.</summary>
public enum EntryKind : byte
{
    /// <summary>Regular file.</summary>
    File = 1,

    /// <summary>Directory.</summary>
    Directory = 2,

    /// <summary>Symbolic link.</summary>
    Link = 3,

    /// <summary>Another name of a file that comes earlier.</summary>
    HardLink = 4,

    /// <summary>Named pipe.</summary>
    Fifo = 5,
}

/// <summary>An extended attribute.</summary>
/// <param name="Name">With its name space: <c>user.comment</c>.</param>
/// <param name="Value">Any bytes.</param>
public readonly record struct ExtendedAttribute(byte[] Name, byte[] Value);

/// <summary>A stretch of a file: a chunk, or a hole.</summary>
/// <param name="Chunk">Its id; meaningless for a hole.</param>
/// <param name="LengthBytes">At least 1.</param>
/// <param name="IsHole">Zeros that were never written.</param>
public readonly record struct Extent(ContentHash Chunk, long LengthBytes, bool IsHole);

/// <summary>One file, directory or link of a snapshot.</summary>
/// <param name="Path">Where, below the root; the root itself comes first.</param>
/// <param name="Kind">What.</param>
/// <param name="Mode">The twelve permission bits.</param>
/// <param name="UserId">Owner.</param>
/// <param name="GroupId">Group.</param>
/// <param name="ModifiedNs">Modification time, nanoseconds since 1970.</param>
/// <param name="SizeBytes">Of a file, the sum of its extents; else 0.</param>
/// <param name="LinkTarget">Link: target. Hard link: path of the first name. Else null.</param>
/// <param name="Attributes">Extended attributes.</param>
/// <param name="Content">Of a file, in order.</param>
public sealed record ManifestEntry(
    TreePath Path,
    EntryKind Kind,
    int Mode,
    uint UserId,
    uint GroupId,
    long ModifiedNs,
    long SizeBytes,
    byte[]? LinkTarget,
    IReadOnlyList<ExtendedAttribute> Attributes,
    IReadOnlyList<Extent> Content);
