using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>What a scan found: the manifest but for the files that have to be read.</summary>
/// <param name="Root">The root's own row.</param>
/// <param name="Directories">In byte order of their paths.</param>
/// <param name="Pending">Files to be read, in the order of the manifest.</param>
/// <param name="Warnings">What could not be looked at, or cannot be kept.</param>
/// <param name="Files">Regular files.</param>
/// <param name="UnmodifiedFiles">Of these, as in the parent.</param>
/// <param name="Bytes">Sum of their sizes.</param>
internal sealed record ScannedTree(
    DeferredRow Root,
    IReadOnlyList<ScannedDirectory> Directories,
    IReadOnlyList<PendingFile> Pending,
    IReadOnlyCollection<string> Warnings,
    long Files,
    long UnmodifiedFiles,
    long Bytes);

/// <summary>
/// Walks a tree with several threads and compares it with the manifest of its parent. A row whose fixed part is the same, byte by byte, is
/// copied with everything that belongs to it; only the rest is read.
/// </summary>
internal sealed class TreeScanner
{
    // The coarse clock of file times ticks every 1 to 10 ms; twice that, as a margin.
    private const long TickNs = 20_000_000;

    private readonly SourceTree _source;
    private readonly Manifest? _parent;
    private readonly ChunkIndex _chunks;
    private readonly PathPattern[] _excludes;
    private readonly bool _oneFileSystem;
    private readonly long _startNs;
    private readonly ulong _device;
    private readonly ScanQueue _queue = new();
    private readonly ConcurrentBag<ScannedDirectory> _directories = [];
    private readonly ConcurrentBag<PendingFile> _pending = [];
    private readonly ConcurrentBag<LinkedFile> _linked = [];
    private readonly ConcurrentQueue<string> _warnings = new();
    private long _files;
    private long _unmodified;
    private long _bytes;

    public TreeScanner(SourceTree source, Manifest? parent, ChunkIndex chunks, SnapshotOptions options, DateTimeOffset startedAt)
    {
        _chunks = chunks;
        _source = source;
        _parent = options.Force ? null : parent;
        _excludes = [.. options.Excludes.Select(PathPattern.Parse)];
        _oneFileSystem = options.OneFileSystem;
        _startNs = (startedAt.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * TimeSpan.NanosecondsPerTick;
        _device = RootStat().Device;
    }

    /// <summary>Scans with this many threads.</summary>
    public async Task<ScannedTree> ScanAsync(int threads, CancellationToken cancellationToken)
    {
        var stat = ManifestStat.Of(RootStat()) ?? throw new PosixException($"scan {_source.Location}", Libc.ENOTDIR);
        var root = new DeferredRow(null, [], stat, 0) { Payload = ExtendedAttributes.None };
        _queue.Add(new ScanJob("", root));
        await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            () => Work(cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        var directories = _directories.ToArray();
        Array.Sort(directories, (a, b) => string.CompareOrdinal(a.Path, b.Path));
        JoinHardLinks();
        var pending = _pending.ToArray();
        Array.Sort(pending, static (a, b) => InManifestOrder(a.Row, b.Row));
        return new ScannedTree(root, directories, pending, _warnings, _files, _unmodified, _bytes);
    }

    /// <summary>Whether a change of the file just after it was read could go unseen.</summary>
    public static bool IsRacy(long changedNs, long readNs) => readNs - changedNs < TickNs;

    private static int InManifestOrder(DeferredRow a, DeferredRow b) =>
        string.CompareOrdinal(a.Directory!.Path, b.Directory!.Path) is not 0 and var order ? order : a.Name.AsSpan().SequenceCompareTo(b.Name);

    private Libc.StatxBuffer RootStat()
    {
        var descriptor = _source.OpenDirectory("");
        try
        {
            return SourceTree.StatOf(descriptor);
        }
        finally
        {
            _ = LibcFd.Close(descriptor);
        }
    }

    private void Work(CancellationToken cancellationToken)
    {
        var listing = new DirectoryListing();
        try
        {
            while (_queue.TryTake(out var job))
            {
                cancellationToken.ThrowIfCancellationRequested();
                ScanDirectory(job, listing);
                _queue.Done();
            }
        }
        catch
        {
            // The other threads must not wait for directories that this one will never finish.
            _queue.Stop();
            throw;
        }
    }

    private void ScanDirectory(ScanJob job, DirectoryListing listing)
    {
        var directory = new ScannedDirectory(job.Path);
        _directories.Add(directory);
        var descriptor = -1;
        try
        {
            descriptor = _source.OpenDirectory(job.Path);
            if (job.Row is { } row)
            {
                var attributes = new ArrayBufferWriter<byte>(16);
                ExtendedAttributes.Write(descriptor, attributes);
                row.Payload = attributes.WrittenSpan.ToArray();
            }

            listing.Read(descriptor);
            ScanEntries(directory, descriptor, listing);
        }
        catch (PosixException e)
        {
            Warn(job.Path, e.Message);
            if (job.Row is { } row)
            {
                row.Payload ??= ExtendedAttributes.None;
            }
        }
        finally
        {
            if (descriptor >= 0)
            {
                _ = LibcFd.Close(descriptor);
            }
        }
    }

    private void ScanEntries(ScannedDirectory directory, int descriptor, DirectoryListing listing)
    {
        var parent = new SpanReader(_parent is { } manifest ? manifest.RowsOf(directory.Path) : [], Manifest.What);
        var parentRow = default(ManifestRow);
        var hasParentRow = TryReadRow(ref parent, ref parentRow);
        for (var i = 0; i < listing.Count; i++)
        {
            var name = listing.NameAt(i);
            if ((directory.Path.Length == 0 && IsReserved(name)) || IsExcluded(directory.Path, name) ||
                !TryStat(directory.Path, descriptor, name, out var stat, out var fixedPart))
            {
                continue;
            }

            while (hasParentRow && parentRow.Name.SequenceCompareTo(name) < 0)
            {
                hasParentRow = TryReadRow(ref parent, ref parentRow);
            }

            var known = hasParentRow && parentRow.Name.SequenceEqual(name) ? parentRow : default;
            Add(directory, descriptor, name, stat, fixedPart, known);
        }
    }

    // What sync and restore put together at the root of a tree is no part of it.
    private static bool IsReserved(ReadOnlySpan<byte> name) => TreePath.TryCreate(name, out var path) && path.IsReserved;

    private static bool TryReadRow(scoped ref SpanReader reader, ref ManifestRow row)
    {
        if (reader.Remaining == 0)
        {
            return false;
        }

        row = ManifestRow.Read(ref reader);
        return true;
    }

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

    private void Add(
        ScannedDirectory directory, int descriptor, ReadOnlySpan<byte> name, in Libc.StatxBuffer stat, ManifestStat row, ManifestRow known)
    {
        var isUnchanged = !known.Name.IsEmpty && known.Stat == row && (row.Kind != EntryKind.File || known.HasAllChunks(_chunks));
        switch (row.Kind)
        {
            case EntryKind.Directory:
                AddDirectory(directory, name, stat, row, isUnchanged ? known.Payload : []);
                return;
            case EntryKind.File:
                Interlocked.Increment(ref _files);
                Interlocked.Add(ref _bytes, row.SizeBytes);
                if (stat.Links > 1)
                {
                    _linked.Add(new LinkedFile(
                        Defer(directory, name, row), stat.Device, isUnchanged ? known.Payload.ToArray() : null, known.Name.IsEmpty, IsSparse(stat)));
                    return;
                }

                AddFile(directory, name, stat, row, known, isUnchanged);
                return;
            case EntryKind.Link when !isUnchanged:
                AddLink(directory, descriptor, name, row);
                return;
            default:
                AddKnown(directory, name, row, isUnchanged ? known.Payload : ExtendedAttributes.None);
                return;
        }
    }

    private void AddFile(
        ScannedDirectory directory, ReadOnlySpan<byte> name, in Libc.StatxBuffer stat, ManifestStat row, ManifestRow known, bool isUnchanged)
    {
        if (isUnchanged)
        {
            Interlocked.Increment(ref _unmodified);
            AddKnown(directory, name, row, known.Payload);
            return;
        }

        _pending.Add(new PendingFile(Defer(directory, name, row), known.Name.IsEmpty, IsSparse(stat)));
    }

    private void AddDirectory(ScannedDirectory directory, ReadOnlySpan<byte> name, in Libc.StatxBuffer stat, ManifestStat row, ReadOnlySpan<byte> payload)
    {
        if (_oneFileSystem && stat.Device != _device)
        {
            // The place where the other file system is mounted stays, as it looks from here.
            AddKnown(directory, name, row, ExtendedAttributes.None);
            _directories.Add(new ScannedDirectory(PathOf(directory.Path, name)));
            return;
        }

        var path = PathOf(directory.Path, name);
        if (path.Length > TreePath.MaximumBytes)
        {
            Warn(path[..80] + "…", "the path is longer than 4095 bytes");
            return;
        }

        if (!payload.IsEmpty)
        {
            AddKnown(directory, name, row, payload);
            _queue.Add(new ScanJob(path, null));
            return;
        }

        _queue.Add(new ScanJob(path, Defer(directory, name, row)));
    }

    private void AddLink(ScannedDirectory directory, int descriptor, ReadOnlySpan<byte> name, ManifestStat row)
    {
        Span<byte> target = stackalloc byte[TreePath.MaximumBytes + 1];
        var length = DirectoryListing.ReadLink(descriptor, name, target);
        if (length <= 0)
        {
            return;
        }

        var payload = new ArrayBufferWriter<byte>(length + 8);
        payload.WriteVarint(0);
        payload.WriteBytes(target[..length]);
        AddKnown(directory, name, row, payload.WrittenSpan);
    }

    private static void AddKnown(ScannedDirectory directory, ReadOnlySpan<byte> name, ManifestStat row, ReadOnlySpan<byte> payload)
    {
        ManifestBuilder.WriteRow(directory.Rows, name, row, payload);
        directory.RowCount++;
    }

    private static DeferredRow Defer(ScannedDirectory directory, ReadOnlySpan<byte> name, ManifestStat row)
    {
        var deferred = new DeferredRow(directory, name.ToArray(), row, directory.Rows.WrittenCount);
        directory.Deferred.Add(deferred);
        return deferred;
    }

    // The first name of a file, in the order of the manifest, is the file; the others point at it.
    private void JoinHardLinks()
    {
        foreach (var group in _linked.GroupBy(file => (file.Device, file.Row.Stat.Inode)))
        {
            var names = group.ToList();
            names.Sort(static (a, b) => InManifestOrder(a.Row, b.Row));
            var first = names[0];
            if (first.KnownPayload is { } payload)
            {
                _unmodified++;
                first.Row.Payload = payload;
            }
            else
            {
                _pending.Add(new PendingFile(first.Row, first.IsNew, first.IsSparse));
            }

            first.Row.OtherNames = [.. names.Skip(1).Select(other => other.Row)];
            foreach (var other in names.Skip(1))
            {
                var target = new ArrayBufferWriter<byte>(first.Row.Path.Length + 8);
                target.WriteVarint(0);
                target.WriteBytes(Encoding.Latin1.GetBytes(first.Row.Path));
                other.Row.Stat = other.Row.Stat with { Kind = EntryKind.HardLink };
                other.Row.Payload = target.WrittenSpan.ToArray();
                _unmodified += other.IsNew ? 0 : 1;
            }
        }
    }

    private bool IsExcluded(string directory, ReadOnlySpan<byte> name) =>
        _excludes.Length > 0 && TreePath.TryCreate(Encoding.Latin1.GetBytes(PathOf(directory, name)), out var path) &&
        Array.Exists(_excludes, pattern => pattern.IsMatch(path));

    private static bool IsSparse(in Libc.StatxBuffer stat) => stat.Blocks * 512 < stat.Size;

    private static string PathOf(string directory, ReadOnlySpan<byte> name)
    {
        var text = Encoding.Latin1.GetString(name);
        return directory.Length == 0 ? text : string.Concat(directory, "/", text);
    }

    private void Warn(string path, string why) => _warnings.Enqueue($"{Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(path))}: {why}");

    private sealed record LinkedFile(DeferredRow Row, ulong Device, byte[]? KnownPayload, bool IsNew, bool IsSparse);
}
