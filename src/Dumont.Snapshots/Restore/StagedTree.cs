using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>Makes what is neither content nor renaming: the directories that files go into, before them, and links and the directories'
/// attributes after them.</summary>
internal sealed class StagedTree(RestorePlan plan, RestoreStaging staging, AttributeWriter attributes)
{
    /// <summary>Makes all directories, private until they are filled; those that an earlier run has made are as good.</summary>
    public void MakeDirectories()
    {
        using var directories = new DirectoryCache(staging.New);
        Span<byte> name = stackalloc byte[Posix.NameBytes];
        for (var i = 1; i < plan.Directories.Count; i++)
        {
            var directory = plan.Directories[i];
            Split(directory, out var parent, name);
            var handle = directories.Get(parent);
            if (Posix.MakeDirectory(handle, name, AttributeWriter.PrivateDirectory) == 0)
            {
                continue;
            }

            var error = Marshal.GetLastPInvokeError();
            if (error != Libc.EEXIST || !Posix.TryStat(handle, name, out var stat) || stat.Format != TreeRoot.FormatDirectory)
            {
                throw Failed(directory.Entry!, error);
            }

            var opened = Posix.Open(handle, name, Libc.O_RDONLY | Libc.O_DIRECTORY);
            if (opened < 0 || LibcFd.FChmod(opened, AttributeWriter.PrivateDirectory) < 0)
            {
                throw Posix.LastError($"open {RestoreWarnings.Escape(directory.Entry!.Path)}");
            }

            Posix.Close(opened);
        }
    }

    /// <summary>Makes links, hard links and FIFOs.</summary>
    /// <param name="target">Root of the target, open; -1 for a new tree.</param>
    public void MakeLinks(int target)
    {
        using var directories = new DirectoryCache(staging.New);
        using var targetDirectories = new DirectoryCache(target);
        Span<byte> name = stackalloc byte[Posix.NameBytes];
        foreach (var item in plan.Links)
        {
            item.TerminateName(name);
            var directory = directories.Get(item.Directory.StagedPath);
            var made = Make(item, directory, name, directories, targetDirectories);
            if (made < 0 && Marshal.GetLastPInvokeError() == Libc.EEXIST)
            {
                Posix.Unlink(directory, name);
                made = Make(item, directory, name, directories, targetDirectories);
            }

            if (made < 0)
            {
                throw Failed(item.Entry, Marshal.GetLastPInvokeError());
            }

            if (item.Entry.Kind != EntryKind.HardLink)
            {
                attributes.FinishName(directory, name, item.Entry);
            }
        }
    }

    /// <summary>Gives the directories their attributes, the innermost first: what is made in one changes its time. Units keep a mode in
    /// which they can be moved.</summary>
    public void FinishDirectories()
    {
        using var directories = new DirectoryCache(staging.New);
        for (var i = plan.Directories.Count - 1; i > 0; i--)
        {
            var directory = plan.Directories[i];
            var entry = directory.IsUnit && !attributes.IsRoot
                ? directory.Entry! with { Mode = directory.Entry!.Mode | (int)AttributeWriter.PrivateDirectory }
                : directory.Entry!;
            attributes.Finish(directories.Get(directory.StagedPath), entry, AttributeWriter.PrivateDirectory);
        }
    }

    private static unsafe int Make(RestoreItem item, int directory, ReadOnlySpan<byte> name, DirectoryCache staged, DirectoryCache target)
    {
        switch (item.Entry.Kind)
        {
            case EntryKind.Link:
                var zeroEnded = new byte[item.Entry.LinkTarget!.Length + 1];
                item.Entry.LinkTarget.CopyTo(zeroEnded, 0);
                fixed (byte* targetPointer = zeroEnded, namePointer = name)
                {
                    return LibcFd.SymlinkAt(targetPointer, directory, namePointer);
                }

            case EntryKind.HardLink:
                var first = item.First!;
                if (first.Item is { IsKept: false } file)
                {
                    Span<byte> fileName = stackalloc byte[Posix.NameBytes];
                    file.TerminateName(fileName);
                    return Posix.Link(staged.Get(file.Directory.StagedPath), fileName, directory, name);
                }

                return Posix.Link(target.Get(first.Path.Parent.Raw), Posix.Terminated(first.Path.RawName), directory, name);
            case EntryKind.Fifo:
                fixed (byte* namePointer = name)
                {
                    return LibcFd.MknodAt(directory, namePointer, LibcFd.FifoFormat | (uint)(item.Entry.Mode & 0b111_111_111), 0);
                }

            case EntryKind.File:
            case EntryKind.Directory:
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private static void Split(StagedDirectory directory, out string parent, Span<byte> name)
    {
        var slash = directory.StagedPath.LastIndexOf('/');
        parent = slash < 0 ? "" : directory.StagedPath[..slash];
        TreeRoot.Terminate(directory.StagedPath.AsSpan(slash + 1), name);
    }

    private static Exception Failed(ManifestEntry entry, int error)
    {
        if (error == Libc.EEXIST)
        {
            return ManifestCheck.Refuse(entry.Path, "is for this file system the same name as another one");
        }

        var failure = new PosixException($"create {RestoreWarnings.Escape(entry.Path)}", error);
        return failure.IsNoSpace
            ? new RestoreException($"{RestoreWarnings.Escape(entry.Path)}: the disk of the target is full; make room, or restore elsewhere", failure)
            : failure;
    }
}
