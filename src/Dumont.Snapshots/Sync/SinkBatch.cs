using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots.Sync;

/// <summary>
/// Changes that the sink makes durable together. Adding only writes private files; <see cref="Commit"/> flushes them with one
/// call, carries the changes out in order, and flushes the names. A crash anywhere leaves a prefix of the changes, each whole.
/// </summary>
internal sealed class SinkBatch(TreeRoot root, TreeWriter writer, TreeIndex index) : IDisposable
{
    private readonly List<(SyncChange Change, string? StagedName, IReadOnlyList<FileChunk> Chunks, ContentHash Digest)> _changes = [];
    private readonly List<SafeFileHandle> _files = [];

    /// <summary>Changes in it.</summary>
    public int Count => _changes.Count;

    /// <summary>Payload of small files in it.</summary>
    public long Bytes { get; private set; }

    /// <summary>Number of its last change.</summary>
    public ulong LastSequence => _changes[^1].Change.Sequence;

    /// <summary>Files among the changes.</summary>
    public int Files { get; private set; }

    /// <summary>Whether it ends with a mark: then the trees are equal once it is applied.</summary>
    public bool EndsWithMark => _changes[^1].Change is MarkMessage;

    /// <summary>Takes a change; its content may be overwritten afterwards.</summary>
    public void Add(SyncChange change)
    {
        if (change is not FileMessage file)
        {
            _changes.Add((change, null, [], default));
            return;
        }

        var (handle, name) = writer.CreateFile();
        RandomAccess.Write(handle, file.Content.Span, 0);
        writer.SetAttributes(handle, file.Path, file.Mode, file.ModifiedNs, file.Metadata);
        Keep(handle);
        Bytes += file.Content.Length;

        // Without the content: the frame's buffer goes back before the batch is committed.
        _changes.Add((file with { Content = default }, name, [], FileContent.DigestOf(FileContent.ChunksOfWhole(file.Content.Span))));
    }

    /// <summary>Takes a finished stage; the batch owns it now.</summary>
    public void Add(CommitMessage commit, StagedFile staged)
    {
        staged.Finish();
        writer.SetAttributes(staged.File, commit.Path, commit.Mode, commit.ModifiedNs, commit.Metadata);
        Keep(staged.File);
        _changes.Add((commit, staged.Name, staged.Chunks, commit.Digest));
    }

    /// <summary>Makes everything durable and visible.</summary>
    /// <exception cref="IOException">Some of the changes may be applied; nothing may be acknowledged.</exception>
    public void Commit()
    {
        writer.SyncContent(Files, _files);
        foreach (var (change, stagedName, chunks, digest) in _changes)
        {
            Apply(change, stagedName, chunks, digest);
        }

        writer.SyncNames();
        writer.EmptyTrash();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    // Handles are a scarce resource, and above the limit the flush needs none.
    private void Keep(SafeFileHandle file)
    {
        Files++;
        if (_files.Count < TreeWriter.SyncEachLimit)
        {
            _files.Add(file);
        }
        else
        {
            file.Dispose();
        }
    }

    private void Apply(SyncChange change, string? stagedName, IReadOnlyList<FileChunk> chunks, ContentHash digest)
    {
        switch (change)
        {
            case FileMessage file:
                Place(stagedName!, file.Path, chunks, digest);
                break;
            case CommitMessage commit:
                Place(stagedName!, commit.Path, chunks, digest);
                break;
            case DirectoryMessage directory:
                writer.MakeDirectory(directory.Path, directory.Mode, directory.ModifiedNs, directory.Metadata);
                index.Remove(directory.Path);
                break;
            case LinkMessage link:
                writer.PlaceLink(link.Path, link.Target, link.ModifiedNs, link.Metadata);
                index.Remove(link.Path);
                break;
            case AttributesMessage attributes:
                SetAttributes(attributes);
                break;
            case HardLinkMessage link:
                PlaceHardLink(link);
                break;
            case DeleteMessage delete:
                writer.Delete(delete.Path);
                index.Remove(delete.Path);
                break;
        }
    }

    private void Place(string stagedName, TreePath path, IReadOnlyList<FileChunk> chunks, ContentHash digest)
    {
        writer.Place(stagedName, path);

        // After the rename, which sets the change time.
        if (root.Find(path) is { Kind: TreeEntryKind.File } entry)
        {
            index.Set(new IndexedFile(path, entry.Stamp, digest, chunks));
        }
    }

    private void SetAttributes(AttributesMessage change)
    {
        var known = FindKnown(change.Path);
        writer.SetFileAttributes(change.Path, change.Mode, change.ModifiedNs, change.Metadata);
        Restamp(known, change.Path);
    }

    private void PlaceHardLink(HardLinkMessage change)
    {
        var known = FindKnown(change.Target);
        writer.PlaceHardLink(change.Path, change.Target);
        index.Remove(change.Path);
        Restamp(known, change.Path);
        Restamp(known, change.Target);
    }

    private IndexedFile? FindKnown(TreePath path) => root.Find(path) is { Kind: TreeEntryKind.File } entry ? index.Find(path, entry.Stamp) : null;

    // The content is what it was; the change time is not.
    private void Restamp(IndexedFile? known, TreePath path)
    {
        if (known is not null && root.Find(path) is { Kind: TreeEntryKind.File } after)
        {
            index.Set(known with { Path = path, Stamp = after.Stamp });
        }
    }
}
