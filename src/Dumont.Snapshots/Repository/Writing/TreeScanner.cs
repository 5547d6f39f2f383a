using System.Buffers;
using System.Collections.Concurrent;
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
/// <remarks>The walk begins at once and does not wait for the parent: what it finds meanwhile is kept and compared as soon as that is known.
/// Opening a repository takes about as long as walking 20,000 files.</remarks>
internal sealed class TreeScanner : IAsyncDisposable
{
    // The coarse clock of file times ticks every 1 to 10 ms; twice that, as a margin.
    private const long TickNs = 20_000_000;

    // Entries that may wait for the parent: some 100 bytes each.
    private const int MaximumWaiting = 1 << 17;

    private readonly SourceTree _source;
    private readonly TreeLister _lister;
    private readonly bool _force;
    private readonly ScanQueue _queue = new();
    private readonly ManualResetEventSlim _decided = new();
    private readonly ConcurrentQueue<ListedDirectory> _waiting = new();
    private readonly ConcurrentBag<ScannedDirectory> _directories = [];
    private readonly ConcurrentBag<PendingFile> _pending = [];
    private readonly ConcurrentBag<LinkedFile> _linked = [];
    private readonly Task[] _threads;
    private volatile Parent? _parent;
    private int _waitingEntries;
    private long _files;
    private long _unmodified;
    private long _bytes;

    /// <summary>Begins to walk.</summary>
    /// <param name="source">The tree; not disposed of before this.</param>
    /// <param name="options">What to leave out, and how.</param>
    /// <param name="threads">So many.</param>
    /// <param name="cancellationToken">Stops.</param>
    public TreeScanner(SourceTree source, SnapshotOptions options, int threads, CancellationToken cancellationToken)
    {
        _source = source;
        _lister = new TreeLister(source, options);
        _force = options.Force;
        _queue.Add("");
        _threads = new Task[threads];
        for (var i = 0; i < threads; i++)
        {
            _threads[i] = Task.Factory.StartNew(() => Work(cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    /// <summary>Compares with the parent and waits for the end of the walk.</summary>
    /// <param name="manifest">Of the parent; null: everything is new.</param>
    /// <param name="chunks">What the repository has.</param>
    public async Task<ScannedTree> CompareAsync(Manifest? manifest, ChunkIndex chunks)
    {
        _parent = new Parent(_force ? null : manifest, chunks);
        _decided.Set();
        await Task.WhenAll(_threads);
        var directories = _directories.ToArray();
        Array.Sort(directories, (a, b) => string.CompareOrdinal(a.Path, b.Path));
        JoinHardLinks();
        var pending = _pending.ToArray();
        Array.Sort(pending, static (a, b) => InManifestOrder(a.Row, b.Row));
        return new ScannedTree(_lister.Root, directories, pending, _lister.Warnings, _files, _unmodified, _bytes);
    }

    /// <summary>Ends a walk whose result nobody will ask for, and waits for its threads: they use the tree.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Stop();
        _decided.Set();
        await Task.WhenAll(_threads).ContinueWith(static _ => { }, TaskScheduler.Default);
        _decided.Dispose();
    }

    /// <summary>Whether a change of the file just after it was read could go unseen.</summary>
    public static bool IsRacy(long changedNs, long readNs) => readNs - changedNs < TickNs;

    private static int InManifestOrder(DeferredRow a, DeferredRow b) =>
        string.CompareOrdinal(a.Directory!.Path, b.Directory!.Path) is not 0 and var order ? order : a.Name.AsSpan().SequenceCompareTo(b.Name);

    private void Work(CancellationToken cancellationToken)
    {
        var listing = new DirectoryListing();
        try
        {
            while (_queue.TryTake(out var path))
            {
                cancellationToken.ThrowIfCancellationRequested();
                var listed = _lister.List(path, listing, _queue);
                if (_parent is { } parent)
                {
                    Compare(listed, parent);
                }
                else
                {
                    Keep(listed);
                }

                _queue.Done();
            }

            while (_waiting.TryDequeue(out var listed))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Compare(listed, AwaitParent());
            }
        }
        catch
        {
            // The other threads must not wait for directories that this one will never finish.
            _queue.Stop();
            throw;
        }
    }

    private void Keep(ListedDirectory listed)
    {
        if (Interlocked.Add(ref _waitingEntries, listed.Entries.Length) > MaximumWaiting)
        {
            // Far enough ahead: this thread, and soon each, waits until the parent is known.
            Compare(listed, AwaitParent());
            return;
        }

        _waiting.Enqueue(listed);
    }

    private Parent AwaitParent()
    {
        _decided.Wait();
        return _parent ?? throw new OperationCanceledException("Nobody waits for the result of this walk any more.");
    }

    private void Compare(ListedDirectory listed, Parent known)
    {
        var before = known.Manifest is { } manifest ? manifest.RowsOf(listed.Path) : [];
        var directory = new ScannedDirectory(listed.Path, before.Length);
        _directories.Add(directory);
        var parent = new SpanReader(before, Manifest.What);
        var parentRow = default(ManifestRow);
        var hasParentRow = TryReadRow(ref parent, ref parentRow);
        foreach (ref readonly var entry in listed.Entries.AsSpan())
        {
            var name = listed.NameOf(entry);
            while (hasParentRow && parentRow.Name.SequenceCompareTo(name) < 0)
            {
                hasParentRow = TryReadRow(ref parent, ref parentRow);
            }

            Add(directory, name, entry, hasParentRow && parentRow.Name.SequenceEqual(name) ? parentRow : default, known.Chunks);
        }
    }

    private static bool TryReadRow(scoped ref SpanReader reader, ref ManifestRow row)
    {
        if (reader.Remaining == 0)
        {
            return false;
        }

        row = ManifestRow.Read(ref reader);
        return true;
    }

    private void Add(ScannedDirectory directory, ReadOnlySpan<byte> name, in ListedEntry entry, ManifestRow known, ChunkIndex chunks)
    {
        var row = entry.Stat;
        var isUnchanged = !known.Name.IsEmpty && known.Stat == row && (row.Kind != EntryKind.File || known.HasAllChunks(chunks));
        switch (row.Kind)
        {
            case EntryKind.Directory:
                AddDirectory(directory, name, entry, isUnchanged ? known.Payload : []);
                return;
            case EntryKind.File:
                Interlocked.Increment(ref _files);
                Interlocked.Add(ref _bytes, row.SizeBytes);
                AddFile(directory, name, entry, known, isUnchanged);
                return;
            case EntryKind.Link when !isUnchanged:
                AddLink(directory, name, row);
                return;
            default:
                AddKnown(directory, name, row, isUnchanged ? known.Payload : ExtendedAttributes.None);
                return;
        }
    }

    private void AddFile(ScannedDirectory directory, ReadOnlySpan<byte> name, in ListedEntry entry, ManifestRow known, bool isUnchanged)
    {
        if (entry.Links > 1)
        {
            var payload = isUnchanged ? known.Payload.ToArray() : null;
            _linked.Add(new LinkedFile(Defer(directory, name, entry.Stat), entry.Device, payload, known.Name.IsEmpty, entry.IsSparse));
            return;
        }

        if (isUnchanged)
        {
            Interlocked.Increment(ref _unmodified);
            AddKnown(directory, name, entry.Stat, known.Payload);
            return;
        }

        _pending.Add(new PendingFile(Defer(directory, name, entry.Stat), known.Name.IsEmpty, entry.IsSparse));
    }

    private void AddDirectory(ScannedDirectory directory, ReadOnlySpan<byte> name, in ListedEntry entry, ReadOnlySpan<byte> payload)
    {
        var path = TreeLister.PathOf(directory.Path, name);
        if (_lister.IsElsewhere(entry.Device))
        {
            // The place where the other file system is mounted stays, as it looks from here.
            AddKnown(directory, name, entry.Stat, ExtendedAttributes.None);
            _directories.Add(new ScannedDirectory(path, 0));
            return;
        }

        if (path.Length > TreePath.MaximumBytes)
        {
            _lister.Warn(path[..80] + "…", "the path is longer than 4095 bytes");
            return;
        }

        AddKnown(directory, name, entry.Stat, payload.IsEmpty ? AttributesOf(path) : payload);
    }

    private byte[] AttributesOf(string path)
    {
        int descriptor;
        try
        {
            descriptor = _source.OpenDirectory(path);
        }
        catch (PosixException)
        {
            // Its listing tells why.
            return ExtendedAttributes.None;
        }

        try
        {
            return ExtendedAttributes.Read(descriptor);
        }
        catch (PosixException e)
        {
            _lister.Warn(path, e.Message);
            return ExtendedAttributes.None;
        }
        finally
        {
            _ = LibcFd.Close(descriptor);
        }
    }

    private void AddLink(ScannedDirectory directory, ReadOnlySpan<byte> name, ManifestStat row)
    {
        Span<byte> target = stackalloc byte[TreePath.MaximumBytes + 1];
        var length = ReadLink(directory.Path, name, target);
        if (length <= 0)
        {
            return;
        }

        var payload = new ArrayBufferWriter<byte>(length + 8);
        payload.WriteVarint(0);
        payload.WriteBytes(target[..length]);
        AddKnown(directory, name, row, payload.WrittenSpan);
    }

    // 0 or less: it is gone, or is no link any more.
    private int ReadLink(string directory, ReadOnlySpan<byte> name, Span<byte> target)
    {
        try
        {
            return _source.ReadLink(directory, name, target);
        }
        catch (PosixException e)
        {
            if (e.Errno != Libc.ENOENT)
            {
                _lister.Warn(TreeLister.PathOf(directory, name), e.Message);
            }

            return 0;
        }
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
        if (_linked.IsEmpty)
        {
            return;
        }

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

    private sealed record Parent(Manifest? Manifest, ChunkIndex Chunks);

    private sealed record LinkedFile(DeferredRow Row, ulong Device, byte[]? KnownPayload, bool IsNew, bool IsSparse);
}
