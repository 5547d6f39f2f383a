namespace Dumont.Snapshots.Sync;

/// <summary>What reading a small file gave.</summary>
/// <param name="LengthBytes">Bytes read.</param>
/// <param name="Stamp">Before it was read.</param>
/// <param name="HasChanged">It changed while it was read: the bytes may be of two moments.</param>
/// <param name="IsStable">As long as the stamp stays, so does the content.</param>
/// <param name="Metadata">Read with it.</param>
internal readonly record struct SmallFile(int LengthBytes, FileStamp Stamp, bool HasChanged, bool IsStable, EntryMetadata Metadata)
{
    /// <summary>Reads a file into a buffer that is one byte longer than a small file may be.</summary>
    /// <returns>Null when the file is gone, or is not small any more.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SmallFile? Read(TreeRoot root, TreeEntry entry, Span<byte> buffer, TimeProvider time)
    {
        using var file = root.FindFile(entry.Path);
        if (file is null)
        {
            return null;
        }

        var before = TreeRoot.StampOf(file);
        var length = FileContent.ReadFully(file, buffer, 0);
        if (length == buffer.Length)
        {
            return null;
        }

        var metadata = EntryMetadata.Read(file, entry.UserId, entry.GroupId);
        var changed = TreeRoot.StampOf(file) != before || length != before.SizeBytes;
        return new SmallFile(length, before, changed, !changed && !before.IsRacy(time.GetUtcNow()), metadata);
    }
}
