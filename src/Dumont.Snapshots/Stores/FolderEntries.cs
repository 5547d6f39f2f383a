using System.Text;

namespace Dumont.Snapshots;

/// <summary>What is in a folder of a store. Asks the kernel for the names and then once for each, from the folder: the base library makes an object
/// with a path for each, and has the kernel walk that path.</summary>
internal static class FolderEntries
{
    /// <summary>Something with a name that an object or a folder of objects may have.</summary>
    /// <param name="Key">Its name; a folder's ends in a slash, so that the order of the keys is the order of the whole names.</param>
    /// <param name="SizeBytes">Of a file; less than 0 for a folder.</param>
    /// <param name="ModifiedAt">When it was written.</param>
    public readonly record struct Entry(string Key, long SizeBytes, DateTimeOffset ModifiedAt);

    /// <summary>In order of the keys. Links are neither objects nor folders.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="listing">Working memory.</param>
    /// <exception cref="PosixException">It cannot be listed, or is not there.</exception>
    public static List<Entry> Read(string path, DirectoryListing listing)
    {
        using var folder = Durable.OpenDirectory(path);
        var descriptor = (int)folder.DangerousGetHandle();
        listing.Read(descriptor);
        var entries = new List<Entry>(listing.Count);
        for (var i = 0; i < listing.Count; i++)
        {
            var name = Encoding.Latin1.GetString(listing.NameAt(i));
            if (ObjectName.IsSegment(name) && TryDescribe(descriptor, name, listing.NameAt(i)) is { } entry)
            {
                entries.Add(entry);
            }
        }

        entries.Sort(static (one, other) => string.CompareOrdinal(one.Key, other.Key));
        return entries;
    }

    private static Entry? TryDescribe(int folder, string name, ReadOnlySpan<byte> nameBytes)
    {
        if (!DirectoryListing.TryStat(folder, nameBytes, out var stat, out var error))
        {
            // Deleted meanwhile: as if it had never been there.
            return error == Libc.ENOENT ? null : throw new PosixException($"stat {name}", error);
        }

        return (stat.Mode & TreeRoot.FormatMask) switch
        {
            TreeRoot.FormatDirectory => new Entry(name + "/", -1, default),
            TreeRoot.FormatRegular => new Entry(name, (long)stat.Size, DateTimeOffset.UnixEpoch.AddTicks(stat.ModifiedNs / TimeSpan.NanosecondsPerTick)),
            _ => null,
        };
    }
}
