namespace Dumont.Snapshots;

/// <summary>One directory as the kernel describes it, not yet compared with anything.</summary>
/// <param name="path">Below the root, one char a byte.</param>
/// <param name="names">Bytes of the names.</param>
/// <param name="entries">In byte order of their names.</param>
internal sealed class ListedDirectory(string path, byte[] names, ListedEntry[] entries)
{
    public string Path { get; } = path;

    public ListedEntry[] Entries { get; } = entries;

    public ReadOnlySpan<byte> NameOf(in ListedEntry entry) => names.AsSpan(entry.Name.Start, entry.Name.Length);
}

/// <summary>What the kernel says of one entry of a directory, as far as a snapshot wants to know.</summary>
internal readonly struct ListedEntry(DirectoryListing.Place name, ManifestStat row, in Libc.StatxBuffer stat)
{
    public DirectoryListing.Place Name { get; } = name;

    public ManifestStat Stat { get; } = row;

    public ulong Device { get; } = stat.Device;

    public uint Links { get; } = stat.Links;

    public bool IsSparse { get; } = stat.Blocks * 512 < stat.Size;
}
