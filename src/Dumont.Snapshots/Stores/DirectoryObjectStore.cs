using System.Collections.Concurrent;

namespace Dumont.Snapshots;

/// <summary>A store in a folder, one file an object.</summary>
/// <remarks>
/// An object is written under a name of its own in <c>.tmp</c>, made durable, renamed and its folder made durable:
/// <code>
/// .tmp/9f1c…  write, fdatasync ──rename──▶ packs/3a/3a7f…  fsync of packs/3a (then of the root and packs when 3a is new)
/// </code>
/// One that is made while it is written stays in <c>.tmp</c> until its last piece is there.
/// A crash leaves a file in <c>.tmp</c> that no reader looks at. A writer holds a lock on its file there, so the next writer knows
/// which are left over and deletes them, without a clock.
/// </remarks>
public sealed class DirectoryObjectStore : IObjectStore
{
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int OpenFilesMax = 32;
    private const int WritesMax = 3;

    // More than these wait for each other in the journal of the file system.
    private const int WriterThreadsMax = 16;

    private readonly string _root;
    private readonly string _temporary;
    private readonly FolderSync _folders = new();

    // Folders that were made or found, and whether their names are durable.
    private readonly ConcurrentDictionary<string, bool> _folderNames = new(StringComparer.Ordinal);
    private readonly OpenFiles _open = new(OpenFilesMax);
    private readonly WriterThreads _writers = new(WriterThreadsMax);
    private readonly Lock _preparing = new();
    private bool _prepared;

    /// <summary>Opens a store. Nothing is read or written until the first call; the first object that is put makes the folder.</summary>
    /// <param name="root">The folder.</param>
    public DirectoryObjectStore(string root)
    {
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        _temporary = Path.Combine(_root, ".tmp");
    }

    /// <inheritdoc/>
    /// <remarks>Each object ends with two waits for the disk's journal, in which it writes nothing: pieces of others must be on their way meanwhile. A
    /// disk wants some 16 MiB in its queue.</remarks>
    public StoreTraits Traits => new(PreferredPackBytes: 16 << 20, Concurrency: 4) { PieceBytes = 2 << 20, PiecesAtOnce = 8 };

    /// <inheritdoc/>
    public async ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        var path = PathOf(name);
        bool Write() => Put(name, path, content, mode, cancellationToken);
        try
        {
            return content.Length < DirectWrite.SmallestBytes
                ? await Task.Run(Write, cancellationToken)
                : await _writers.RunAsync(Write, cancellationToken);
        }
        catch (Exception e) when (DirectoryErrors.IsOfFileSystem(e))
        {
            throw DirectoryErrors.Translate(e, "write", path);
        }
    }

    /// <inheritdoc/>
    public IObjectUpload BeginUpload(long expectedBytes) => new DirectoryUpload(this, expectedBytes);

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(name);
        try
        {
            // Not handed to another thread: that costs half as much again as the read itself.
            return ValueTask.FromResult(_open.Read(path, offset, destination.Span));
        }
        catch (Exception e) when (DirectoryErrors.IsOfFileSystem(e))
        {
            throw DirectoryErrors.Translate(e, "read", path);
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoredObject?> FindAsync(string name, CancellationToken cancellationToken)
    {
        var path = PathOf(name);
        try
        {
            var file = new FileInfo(path);
            // Attributes tell "not there" from "may not look"; Exists is false for both.
            _ = File.GetAttributes(path);
            return ValueTask.FromResult<StoredObject?>(file.Exists ? Describe(name, file) : null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return ValueTask.FromResult<StoredObject?>(null);
        }
        catch (Exception e) when (DirectoryErrors.IsOfFileSystem(e))
        {
            throw DirectoryErrors.Translate(e, "read", path);
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<StoredObject> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        ObjectName.CheckPrefix(prefix);
        var folder = prefix.LastIndexOf('/') is >= 0 and var slash ? prefix[..slash] : "";
        return Enumerate(folder, prefix, new DirectoryListing(), cancellationToken).ToAsyncEnumerable();
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(string name, CancellationToken cancellationToken)
    {
        var path = PathOf(name);
        try
        {
            await Task.Run(() => Delete(path), cancellationToken);
        }
        catch (Exception e) when (DirectoryErrors.IsOfFileSystem(e))
        {
            throw DirectoryErrors.Translate(e, "delete", path);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _open.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Runs what writes long on a thread that may wait in the kernel, and tells its errors as those of a store.</summary>
    internal async Task<T> RunAsync<T>(string name, Func<T> call, CancellationToken cancellationToken)
    {
        try
        {
            return await _writers.RunAsync(call, cancellationToken);
        }
        catch (Exception e) when (DirectoryErrors.IsOfFileSystem(e))
        {
            throw DirectoryErrors.Translate(e, "write", Path.Combine(_root, name));
        }
    }

    /// <summary>A file for an object that has no name yet.</summary>
    internal TemporaryFile CreateTemporary(long expectedBytes)
    {
        Prepare();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new TemporaryFile(_temporary, expectedBytes);
            }
            catch (IOException e) when (DirectoryErrors.ErrnoOf(e) is Libc.ENOENT or Libc.EAGAIN && attempt < WritesMax)
            {
                // Another process took it for a left-over; or somebody removed the folders.
                MakeFolder(_temporary, isSure: false);
            }
        }
    }

    /// <summary>Makes a file that is written an object, durable with its name.</summary>
    internal bool Name(TemporaryFile file, string name, long lengthBytes, PutMode mode)
    {
        var path = PathOf(name);
        var folder = Path.GetDirectoryName(path)!;
        for (var attempt = 1; ; attempt++)
        {
            MakeFolder(folder, isSure: attempt == 1);
            try
            {
                var created = file.Name(path, lengthBytes, mode);
                Settle(path, folder);
                return created;
            }
            catch (IOException e) when (DirectoryErrors.ErrnoOf(e) is Libc.ENOENT && attempt < WritesMax)
            {
                // Somebody removed the folder.
            }
        }
    }

    private bool Put(string name, string path, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        if (mode == PutMode.CreateNew && File.Exists(path))
        {
            Settle(path, Path.GetDirectoryName(path)!);
            return false;
        }

        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var file = CreateTemporary(content.Length);
                file.Write(0, content, cancellationToken);
                return Name(file, name, content.Length, mode);
            }
            catch (IOException e) when (DirectoryErrors.ErrnoOf(e) is Libc.ENOENT && attempt < WritesMax)
            {
                // Somebody removed the folders, and the file with them.
            }
        }
    }

    // Also when the object was there: whoever wrote it may not have come to this point. New folders above come last: a file system with a journal has
    // made them durable with the innermost one, and the calls return at once.
    private void Settle(string path, string folder)
    {
        _folders.Run(folder);
        SyncNames(folder);
        _open.Forget(path);
    }

    private void Delete(string path)
    {
        _open.Forget(path);
        try
        {
            _ = File.GetAttributes(path);
            File.Delete(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return;
        }

        _folders.Run(Path.GetDirectoryName(path)!);
    }

    // Makes the root and its .tmp, in which nothing has to be durable, and clears what crashed writers left. Once.
    private void Prepare()
    {
        lock (_preparing)
        {
            if (_prepared)
            {
                return;
            }

            MakeFolder(_temporary, isSure: true);
            foreach (var path in Directory.EnumerateFiles(_temporary))
            {
                RemoveLeftOver(path);
            }

            _prepared = true;
        }
    }

    private static void RemoveLeftOver(string path)
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.None);
            File.Delete(path);
        }
        catch (Exception e) when (DirectoryErrors.IsOfFileSystem(e))
        {
            // In use, or another's: harmless where it lies.
        }
    }

    // Makes a folder, and those above it, unless it has been made before and nothing hints that somebody removed it.
    private void MakeFolder(string folder, bool isSure)
    {
        if ((isSure && _folderNames.ContainsKey(folder)) || (IsAboveRoot(folder) && Directory.Exists(folder)))
        {
            return;
        }

        if (Path.GetDirectoryName(folder) is { } parent)
        {
            MakeFolder(parent, isSure);
            Directory.CreateDirectory(folder, FolderMode);
            _folderNames[folder] = false;
        }
    }

    // From the root on a folder that is there may be one that another process made and has not synced yet: its name is synced once by us too.
    // The outermost first: a folder counts as durable only when those above it are.
    private void SyncNames(string folder)
    {
        if ((_folderNames.TryGetValue(folder, out var isDurable) ? isDurable : IsAboveRoot(folder)) || Path.GetDirectoryName(folder) is not { } parent)
        {
            return;
        }

        SyncNames(parent);
        SyncParent(folder, parent);
        _folderNames[folder] = true;
    }

    private bool IsAboveRoot(string folder) => folder.Length < _root.Length;

    // The folder above the root may be one that we may not even read; then the root was there before us.
    private void SyncParent(string folder, string parent)
    {
        try
        {
            _folders.Run(parent);
        }
        catch (PosixException e) when (e.Errno == Libc.EACCES && folder.Length <= _root.Length)
        {
        }
    }

    private IEnumerable<StoredObject> Enumerate(string folder, string prefix, DirectoryListing listing, CancellationToken cancellationToken)
    {
        foreach (var entry in Entries(folder, listing))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = folder.Length == 0 ? entry.Key : $"{folder}/{entry.Key}";
            if (entry.SizeBytes < 0)
            {
                if (name.StartsWith(prefix, StringComparison.Ordinal) || prefix.StartsWith(name, StringComparison.Ordinal))
                {
                    foreach (var inner in Enumerate(name[..^1], prefix, listing, cancellationToken))
                    {
                        yield return inner;
                    }
                }
            }
            else if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                yield return new StoredObject(name, entry.SizeBytes, entry.ModifiedAt);
            }
        }
    }

    private List<FolderEntries.Entry> Entries(string folder, DirectoryListing listing)
    {
        var path = Path.Combine(_root, folder);
        try
        {
            return FolderEntries.Read(path, listing);
        }
        catch (PosixException e) when (e.Errno == Libc.ENOENT)
        {
            return [];
        }
        catch (Exception e) when (DirectoryErrors.IsOfFileSystem(e))
        {
            throw DirectoryErrors.Translate(e, "list", path);
        }
    }

    private static StoredObject Describe(string name, FileInfo file) => new(name, file.Length, new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero));

    private string PathOf(string name)
    {
        ObjectName.Check(name);
        return Path.Combine(_root, name);
    }
}
