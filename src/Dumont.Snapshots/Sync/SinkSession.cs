using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots.Sync;

/// <summary>What the sink keeps for one connection: the next sequence number and the large files that are being put together.</summary>
internal sealed class SinkSession(TreeRoot root, TreeWriter writer, TreeIndex index, SyncOptions options) : IDisposable
{
    private readonly Dictionary<uint, StagedFile> _stages = [];
    private ulong _lastSequence;
    private long _changes;
    private long _files;
    private long _bytes;

    /// <summary>What of the last owner or extended attribute could not be set, and why.</summary>
    public string? Trouble => writer.Trouble;

    /// <summary>An empty batch.</summary>
    public SinkBatch BeginBatch() => new(root, writer, index);

    /// <summary>Handles one message of the source; a change joins <paramref name="batch"/>, an answer joins <paramref name="needs"/>.</summary>
    /// <exception cref="SyncProtocolException">Out of order, out of bounds, or not for a sink.</exception>
    public void Take(SinkBatch batch, SyncMessage message, List<NeedMessage> needs)
    {
        switch (message)
        {
            case SyncChange change:
                TakeChange(batch, change);
                break;
            case StageMessage stage:
                needs.Add(Stage(stage));
                break;
            case ChunkMessage chunk:
                Stage(chunk.StageId).FillSent(chunk.Chunk, chunk.Content.Span);
                _bytes += chunk.Content.Length;
                break;
            case RepeatMessage repeat:
                Stage(repeat.StageId).FillRepeated(repeat.Chunk, repeat.EarlierChunk);
                break;
            case DropMessage drop:
                Drop(drop.StageId);
                break;
            default:
                throw new SyncProtocolException($"A source may not send {message.Type}.");
        }
    }

    /// <summary>Changes, files and payload bytes since the last call.</summary>
    public (long Changes, long Files, long Bytes) TakeCounts()
    {
        var counts = (_changes, _files, _bytes);
        (_changes, _files, _bytes) = (0, 0, 0);
        return counts;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var stage in _stages.Values)
        {
            stage.Dispose();
        }
    }

    private void TakeChange(SinkBatch batch, SyncChange change)
    {
        if (change.Sequence != _lastSequence + 1)
        {
            throw new SyncProtocolException($"Change {change.Sequence} follows change {_lastSequence}.");
        }

        if ((PathOf(change) is { } path && path.IsReserved) || change is HardLinkMessage { Target.IsReserved: true })
        {
            throw new SyncProtocolException($"{PathOf(change)} is reserved.");
        }

        _lastSequence = change.Sequence;
        _changes++;
        switch (change)
        {
            case CommitMessage commit:
                batch.Add(commit, Finished(commit));
                _files++;
                break;
            case FileMessage file:
                if (file.Content.Length > options.InlineBytes)
                {
                    throw new SyncProtocolException($"A file of {file.Content.Length} bytes may not travel whole.");
                }

                batch.Add(file);
                _files++;
                _bytes += file.Content.Length;
                break;
            default:
                batch.Add(change);
                break;
        }
    }

    private StagedFile Finished(CommitMessage commit)
    {
        var staged = Stage(commit.StageId);
        if (!staged.IsComplete || staged.SizeBytes != commit.SizeBytes || FileContent.DigestOf(staged.Chunks) != commit.Digest)
        {
            throw new SyncProtocolException($"{commit.Path} is not what was announced.");
        }

        _stages.Remove(commit.StageId);
        return staged;
    }

    // Appends to the list and fills what the own tree has already.
    private NeedMessage Stage(StageMessage message)
    {
        if (message.FirstChunk == 0)
        {
            if (_stages.Count >= SyncLimits.OpenStages || _stages.ContainsKey(message.StageId))
            {
                throw new SyncProtocolException("Too many stages, or one opened twice.");
            }

            var (file, name) = writer.CreateFile();
            _stages.Add(message.StageId, new StagedFile(file, name));
        }

        var staged = Stage(message.StageId);
        if (message.FirstChunk != staged.Chunks.Count || staged.Chunks.Count + message.Chunks.Count > SyncLimits.ChunksPerFile)
        {
            throw new SyncProtocolException("A list of chunks does not continue where the last one ended, or is too long.");
        }

        var bits = new byte[(message.Chunks.Count + 7) / 8];
        using var finder = new ChunkFinder(root, index);
        for (var i = 0; i < message.Chunks.Count; i++)
        {
            var (hash, length) = message.Chunks[i];
            var position = staged.Append(hash, length);
            if (finder.TryFind(hash, length, out var content))
            {
                staged.FillKnown(position, content);
            }
            else
            {
                bits[i >> 3] |= (byte)(1 << (i & 7));
            }
        }

        return new NeedMessage(message.StageId, message.FirstChunk, message.Chunks.Count, bits);
    }

    private StagedFile Stage(uint stageId) =>
        _stages.GetValueOrDefault(stageId) ?? throw new SyncProtocolException($"There is no stage {stageId}.");

    private void Drop(uint stageId)
    {
        var staged = Stage(stageId);
        _stages.Remove(stageId);
        staged.Dispose();
        writer.DeleteStaged(staged.Name);
    }

    private static TreePath? PathOf(SyncChange change) => change switch
    {
        FileMessage file => file.Path,
        DirectoryMessage directory => directory.Path,
        LinkMessage link => link.Path,
        AttributesMessage attributes => attributes.Path,
        DeleteMessage delete => delete.Path,
        CommitMessage commit => commit.Path,
        HardLinkMessage link => link.Path,
        _ => null,
    };

    // Reads chunks out of the own tree, the last file kept open: chunks of one file usually come together.
    private sealed class ChunkFinder(TreeRoot root, TreeIndex index) : IDisposable
    {
        private readonly byte[] _buffer = new byte[SyncLimits.ChunkBytes];
        private TreePath _path;
        private SafeFileHandle? _file;

        // The content is valid until the next call. The hash is computed anew: the index is only a hint.
        public bool TryFind(ContentHash hash, int lengthBytes, out ReadOnlySpan<byte> content)
        {
            content = default;
            if (index.FindChunk(hash) is not { } place || place.Chunk.LengthBytes != lengthBytes)
            {
                return false;
            }

            if (_file is null || _path != place.Path)
            {
                _file?.Dispose();
                _file = root.FindFile(place.Path);
                _path = place.Path;
            }

            var buffer = _buffer.AsSpan(0, lengthBytes);
            content = buffer;
            return _file is not null && FileContent.ReadFully(_file, buffer, place.Chunk.OffsetBytes) == lengthBytes && ContentHash.Of(buffer) == hash;
        }

        public void Dispose() => _file?.Dispose();
    }
}
