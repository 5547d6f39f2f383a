using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>Asks the kernel what is in the directories of a tree, as far as a snapshot wants to know. Used by several threads.</summary>
internal sealed class TreeLister
{
    private readonly SourceTree _source;
    private readonly PathFilter _excludes;
    private readonly bool _oneFileSystem;
    private readonly ulong _device;
    private readonly ConcurrentQueue<string> _warnings = new();

    public TreeLister(SourceTree source, SnapshotOptions options)
    {
        _source = source;
        _excludes = new PathFilter(options.Excludes);
        _oneFileSystem = options.OneFileSystem;
        (Root, _device) = ReadRoot();
    }

    /// <summary>The root's own row.</summary>
    public DeferredRow Root { get; }

    /// <summary>What could not be looked at, or cannot be kept.</summary>
    public IReadOnlyCollection<string> Warnings => _warnings;

    private (DeferredRow Row, ulong Device) ReadRoot()
    {
        var descriptor = _source.OpenDirectory("");
        try
        {
            var stat = SourceTree.StatOf(descriptor);
            var fixedPart = ManifestStat.Of(stat) ?? throw new PosixException($"scan {_source.Location}", Libc.ENOTDIR);
            return (new DeferredRow(null, [], fixedPart, 0) { Payload = ExtendedAttributes.Read(descriptor) }, stat.Device);
        }
        finally
        {
            _ = LibcFd.Close(descriptor);
        }
    }

    /// <summary>What is in a directory. The directories in it are next.</summary>
    public ListedDirectory List(string path, DirectoryListing listing, ScanQueue next)
    {
        var descriptor = -1;
        try
        {
            descriptor = _source.OpenDirectory(path);
            listing.Read(descriptor);
            var entries = new ListedEntry[listing.Count];
            var count = 0;
            for (var i = 0; i < entries.Length; i++)
            {
                var name = listing.NameAt(i);
                if (!(path.Length == 0 && IsReserved(name)) && !IsExcluded(path, name) && TryStat(path, descriptor, name, out var stat, out var fixedPart))
                {
                    entries[count++] = new ListedEntry(listing.PlaceOf(i), fixedPart, stat);
                    EnqueueDirectory(path, name, stat, fixedPart, next);
                }
            }

            Array.Resize(ref entries, count);
            return new ListedDirectory(path, listing.CopyNames(), entries);
        }
        catch (PosixException e)
        {
            Warn(path, e.Message);
            return new ListedDirectory(path, [], []);
        }
        finally
        {
            if (descriptor >= 0)
            {
                _ = LibcFd.Close(descriptor);
            }
        }
    }

    private void EnqueueDirectory(string parent, ReadOnlySpan<byte> name, in Libc.StatxBuffer stat, in ManifestStat row, ScanQueue next)
    {
        if (row.Kind != EntryKind.Directory || IsElsewhere(stat.Device))
        {
            return;
        }

        var path = PathOf(parent, name);
        if (path.Length <= TreePath.MaximumBytes)
        {
            next.Add(path);
        }
    }

    /// <summary>Whether it is on a file system that is not to be entered.</summary>
    public bool IsElsewhere(ulong device) => _oneFileSystem && device != _device;

    /// <summary>One char a byte.</summary>
    public static string PathOf(string directory, ReadOnlySpan<byte> name)
    {
        var text = Encoding.Latin1.GetString(name);
        return directory.Length == 0 ? text : string.Concat(directory, "/", text);
    }

    public void Warn(string path, string why) => _warnings.Enqueue($"{Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(path))}: {why}");

    // What sync and restore put together at the root of a tree is no part of it.
    private static bool IsReserved(ReadOnlySpan<byte> name) => TreePath.TryCreate(name, out var path) && path.IsReserved;

    private bool TryStat(string directory, int descriptor, ReadOnlySpan<byte> name, out Libc.StatxBuffer stat, out ManifestStat fixedPart)
    {
        if (!DirectoryListing.TryStat(descriptor, name, out stat, out var error))
        {
            // Deleted since it was listed: as if it had never been there.
            if (error != Libc.ENOENT)
            {
                Warn(PathOf(directory, name), Marshal.GetPInvokeErrorMessage(error));
            }

            fixedPart = default;
            return false;
        }

        if (ManifestStat.Of(stat) is not { } kept)
        {
            fixedPart = default;
            return false;
        }

        fixedPart = kept;
        return true;
    }

    private bool IsExcluded(string directory, ReadOnlySpan<byte> name) =>
        !_excludes.IsEmpty && TreePath.TryCreate(Encoding.Latin1.GetBytes(PathOf(directory, name)), out var path) && _excludes.IsMatch(path);
}
