using System.Text;

namespace Dumont.Snapshots;

/// <summary>
/// What a restore will do, decided before anything is written. New content is put together in the staging directory as <em>units</em>: the
/// largest subtrees, or single entries, that are not in the target yet. Each unit is then renamed to its place in one step.
/// </summary>
internal sealed class RestorePlan
{
    /// <summary>Directories to make in staging, each after its parent; the first is the staging directory itself.</summary>
    public List<StagedDirectory> Directories { get; } = [new StagedDirectory("", null)];

    /// <summary>Regular files to write.</summary>
    public List<RestoreItem> Files { get; } = [];

    /// <summary>Links, hard links and FIFOs: made after all files, so that nothing is ever written through one.</summary>
    public List<RestoreItem> Links { get; } = [];

    /// <summary>Units, in the order in which they go into place.</summary>
    public List<PlannedSwap> Swaps { get; } = [];

    /// <summary>Entries of the target to be put aside.</summary>
    public List<TreePath> Removals { get; } = [];

    /// <summary>The first entries that go for good, each without what is below it.</summary>
    public List<TreePath> FirstRemoved { get; } = [];

    /// <summary>Entries that go for good, those below others too.</summary>
    public long RemovedEntries { get; private set; }

    /// <summary>Size of the files among them.</summary>
    public long RemovedBytes { get; private set; }

    /// <summary>Entries of the target that stay and get other attributes.</summary>
    public List<ManifestEntry> Stamps { get; } = [];

    /// <summary>Directories of the target that stay; they get their times back when something in them has changed.</summary>
    public Dictionary<TreePath, ManifestEntry> KeptDirectories { get; } = [];

    /// <summary>Counts an entry of the target that goes for good.</summary>
    /// <param name="path">Which.</param>
    /// <param name="bytes">Its size, if it is a file.</param>
    /// <param name="isTop">What holds it stays.</param>
    public void CountRemoved(TreePath path, long bytes, bool isTop)
    {
        RemovedEntries++;
        RemovedBytes += bytes;
        if (isTop && FirstRemoved.Count < RestoreResult.RemovedPathsMax)
        {
            FirstRemoved.Add(path);
        }
    }

    /// <summary>Files that are there already.</summary>
    public long FilesSkipped { get; set; }

    /// <summary>Bytes to be written, without holes.</summary>
    public long BytesToWrite => Files.Sum(static file => file.IsKept ? 0 : file.DataBytes);

    /// <summary>Whether the target is as the snapshot says.</summary>
    public bool IsEmpty => Swaps.Count == 0 && Removals.Count == 0 && Stamps.Count == 0;
}

/// <summary>A directory to be made in staging.</summary>
/// <param name="StagedPath">Below the staging directory, one char a byte.</param>
/// <param name="Entry">Its attributes; null for the staging directory.</param>
internal sealed record StagedDirectory(string StagedPath, ManifestEntry? Entry)
{
    public bool IsUnit => StagedPath.Length > 0 && !StagedPath.Contains('/');
}

/// <summary>A unit and its place.</summary>
/// <param name="StagedName">In the staging directory. Made of the path, so that another run gives the same one.</param>
/// <param name="Path">In the target.</param>
/// <param name="Entry">What it is.</param>
internal sealed record PlannedSwap(string StagedName, TreePath Path, ManifestEntry Entry)
{
    private const int NameLength = 32;

    /// <summary>Name in staging of the unit that goes to <paramref name="path"/>.</summary>
    public static string NameOf(TreePath path) => ContentHash.Of(path.ToBytes()).ToString()[..NameLength];
}

/// <summary>A file or link to be made in staging.</summary>
internal sealed class RestoreItem(ManifestEntry entry, StagedDirectory directory, string name)
{
    /// <summary>What it is to be.</summary>
    public ManifestEntry Entry { get; } = entry;

    /// <summary>Where it is made.</summary>
    public StagedDirectory Directory { get; } = directory;

    /// <summary>Its name there, one char a byte.</summary>
    public string Name { get; } = name;

    /// <summary>An older content is at its place in the target; what is equal there need not be fetched.</summary>
    public bool HasBasis { get; init; }

    /// <summary>Of a hard link: the file that it is another name of.</summary>
    public FirstName? First { get; init; }

    /// <summary>Not written after all: the content that is in the target is the one wanted.</summary>
    public bool IsKept { get; set; }

    /// <summary>Already finished by an earlier run.</summary>
    public bool IsFinished { get; set; }

    /// <summary>For each extent, whether the basis has the same bytes at the same place; null when nothing is equal.</summary>
    public bool[]? EqualExtents { get; set; }

    /// <summary>Extents still to be written. Counted down by all workers.</summary>
    public int Remaining;

    /// <summary>Descriptor while it is being written, and how many workers use it; guarded by <see cref="OpenFiles"/>.</summary>
    public int Descriptor { get; set; } = -1;

    /// <inheritdoc cref="Descriptor"/>
    public int Users { get; set; }

    /// <summary>As <see cref="Descriptor"/>, for writes that go past the page cache; -1 when there are none.</summary>
    public int DirectDescriptor { get; set; } = -1;

    /// <summary>Whether it exists in staging.</summary>
    public bool IsCreated { get; set; }

    /// <summary>Bytes that are not holes.</summary>
    public long DataBytes => Entry.Content.Sum(static extent => extent.IsHole ? 0 : extent.LengthBytes);

    /// <summary>Bytes of the name in staging, with the final zero.</summary>
    public void TerminateName(Span<byte> destination)
    {
        var length = Encoding.Latin1.GetBytes(Name, destination);
        destination[length] = 0;
    }
}

/// <summary>The first of several names of one inode, as far as this restore has it.</summary>
internal sealed class FirstName
{
    /// <summary>Where it is in the target, in the end.</summary>
    public required TreePath Path { get; init; }

    /// <summary>The file in staging; null when the one in the target stays.</summary>
    public RestoreItem? Item { get; init; }

    /// <summary>Inode of the one in the target that stays; 0 when there is none.</summary>
    public ulong Inode { get; init; }
}
