using System.Buffers;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>Reads stretches of files, cuts them into chunks and hands these to a <see cref="ChunkWriter"/>. One a thread.</summary>
internal sealed unsafe class FileReader : IDisposable
{
    // What is read at once is cut, hashed and encoded while it lies in the second cache of a core, which is a MiB or more.
    private const int ReadBytes = 512 << 10;

    // The longest chunk and a read behind it.
    private const int BufferBytes = (1 << 20) + ReadBytes;

    // Smaller files are one chunk: cutting them would cost more than it could save.
    private const long WholeFileBytes = 256 << 10;

    // Tensors change in stretches and are long: larger chunks cost less.
    private const long LargeFileBytes = 64 << 20;

    private readonly SourceTree _source;
    private readonly ChunkWriter _writer;
    private readonly SnapshotProgress _progress;
    private readonly Chunker _small;
    private readonly Chunker _large;
    private readonly TimeProvider _time;
    private readonly Lazy<EarlierVersions>? _earlier;
    private readonly PageBuffer _buffer = new(BufferBytes);
    private readonly int[] _lengths = new int[(BufferBytes / ChunkSizes.Small.MinimumBytes) + 2];
    private readonly ArrayBufferWriter<byte> _attributes = new(64);
    private readonly ArrayBufferWriter<byte> _payload = new(256);

    // Of files that are read in one go, which is most of them.
    private readonly List<Extent> _extents = [];

    public FileReader(SourceTree source, ChunkWriter writer, SnapshotProgress progress, ulong chunkerSecret, Lazy<EarlierVersions>? earlier, TimeProvider time)
    {
        _source = source;
        _writer = writer;
        _progress = progress;
        _small = new Chunker(ChunkSizes.Small, chunkerSecret);
        _large = new Chunker(ChunkSizes.Large, chunkerSecret);
        _time = time;
        _earlier = earlier;
    }

    /// <summary>Bytes that were read.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Reads one stretch. Whoever reads the last one of a file completes its row.</summary>
    /// <returns>A warning, or null.</returns>
    public string? Read(FileSegment segment, CancellationToken cancellationToken)
    {
        var file = segment.File;
        var row = file.File.Row;
        var descriptor = -1;
        try
        {
            descriptor = _source.OpenFile(row.Directory!.Path, row.Name);
            if (file.Segments.Length > 1 && SourceTree.StatOf(descriptor).Inode != row.Stat.Inode)
            {
                file.IsReplaced = true;
            }

            var extents = file.Segments.Length == 1 ? _extents : [];
            extents.Clear();
            ReadExtents(descriptor, file.File, segment.Number, extents, cancellationToken);
            file.Segments[segment.Number] = extents;
        }
        catch (PosixException e)
        {
            file.Error = e.Message;
            file.Segments[segment.Number] = [];
        }

        try
        {
            return file.FinishSegment() ? Complete(descriptor, file) : null;
        }
        catch (PosixException e)
        {
            row.Payload = null;
            return Lost(row, e.Message);
        }
        finally
        {
            if (descriptor >= 0)
            {
                _ = LibcFd.Close(descriptor);
            }
        }
    }

    public void Dispose() => ((IDisposable)_buffer).Dispose();

    private void ReadExtents(int descriptor, PendingFile file, int segment, List<Extent> extents, CancellationToken cancellationToken)
    {
        var start = segment * FileProgress.SegmentBytes;
        var end = Math.Min(file.SizeBytes, start + FileProgress.SegmentBytes);
        if (!file.IsSparse)
        {
            ReadData(descriptor, file, start, end, extents, cancellationToken);
            return;
        }

        while (start < end)
        {
            var data = LibcFd.LSeek(descriptor, start, LibcFd.SEEK_DATA);
            if (data < 0 && Marshal.GetLastPInvokeError() is var error and not Libc.ENXIO)
            {
                throw new PosixException($"find the holes of {file.Row.Path}", error);
            }

            // ENXIO: nothing but a hole to the end.
            data = data < 0 ? end : Math.Min(data, end);
            if (data > start)
            {
                extents.Add(new Extent(default, data - start, IsHole: true));
                _progress.AddBytes(data - start);
            }

            var hole = data < end ? Math.Min(end, LibcFd.LSeek(descriptor, data, LibcFd.SEEK_HOLE)) : end;
            ReadData(descriptor, file, data, hole < data ? end : hole, extents, cancellationToken);
            start = hole < data ? end : hole;
        }
    }

    private void ReadData(int descriptor, PendingFile file, long start, long end, List<Extent> extents, CancellationToken cancellationToken)
    {
        var chunker = file.SizeBytes >= LargeFileBytes ? _large : _small;
        var earlier = file.SizeBytes >= EarlierVersions.SmallestBytes ? _earlier?.Value.Follow(file.Row.Path, start) : null;
        var isWhole = file.SizeBytes <= WholeFileBytes && !file.IsSparse;
        var buffer = _buffer.GetSpan();
        var filled = 0;
        var judged = 0;
        while (start < end || filled > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var wanted = (int)Math.Min(end - start, Math.Min(ReadBytes, buffer.Length - filled));
            var read = Fill(descriptor, file, buffer.Slice(filled, wanted), start);
            if (read < wanted)
            {
                // It became shorter; what is there now is what is kept.
                end = start + read;
            }

            start += read;
            filled += read;
            var consumed = WriteChunks(buffer[..filled], start >= end, isWhole ? null : chunker, ref judged, earlier, extents, cancellationToken);
            buffer[consumed..filled].CopyTo(buffer);
            filled -= consumed;
        }
    }

    private int WriteChunks(
        ReadOnlySpan<byte> data,
        bool isEnd,
        Chunker? chunker,
        ref int judged,
        EarlierVersion? earlier,
        List<Extent> extents,
        CancellationToken cancellationToken)
    {
        if (data.IsEmpty)
        {
            return 0;
        }

        var count = 1;
        _lengths[0] = data.Length;
        if (chunker is not null)
        {
            count = chunker.Cut(data, isEnd, _lengths, ref judged);
        }

        var offset = 0;
        foreach (var length in _lengths.AsSpan(0, count))
        {
            extents.Add(new Extent(_writer.Write(data.Slice(offset, length), earlier, cancellationToken), length, IsHole: false));
            offset += length;
            _progress.AddBytes(length);
        }

        return offset;
    }

    private int Fill(int descriptor, PendingFile file, Span<byte> destination, long offset)
    {
        var filled = 0;
        fixed (byte* pointer = destination)
        {
            while (filled < destination.Length)
            {
                var read = LibcFd.PRead(descriptor, pointer + filled, (nuint)(destination.Length - filled), offset + filled);
                if (read < 0)
                {
                    var error = Marshal.GetLastPInvokeError();
                    if (error == Libc.EINTR)
                    {
                        continue;
                    }

                    throw new PosixException($"read {file.Row.Path}", error);
                }

                if (read == 0)
                {
                    break;
                }

                filled += (int)read;
            }
        }

        BytesRead += filled;
        return filled;
    }

    private string? Complete(int descriptor, FileProgress file)
    {
        _progress.AddFile();
        var row = file.File.Row;
        if (file.Error is not null || descriptor < 0)
        {
            return Lost(row, file.Error);
        }

        var extents = file.Segments.Length == 1 ? file.Segments[0] : [.. file.Segments.SelectMany(segment => segment)];
        _attributes.ResetWrittenCount();
        ExtendedAttributes.Write(descriptor, _attributes);
        _payload.ResetWrittenCount();
        var size = ManifestBuilder.WriteFilePayload(_payload, _attributes.WrittenSpan, extents);
        row.Payload = _payload.WrittenSpan.ToArray();
        var now = SourceTree.StatOf(descriptor);
        var stat = ManifestStat.Of(now);
        var nowNs = (_time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * TimeSpan.NanosecondsPerTick;
        var hasChanged = file.IsReplaced || size != row.Stat.SizeBytes || stat is not { } after || after.ModifiedNs != row.Stat.ModifiedNs || after.SizeBytes != size;
        var provesNothing = hasChanged || stat?.ChangedNs != row.Stat.ChangedNs || TreeScanner.IsRacy(row.Stat.ChangedNs, nowNs);
        row.Stat = row.Stat with { SizeBytes = size, ChangedNs = provesNothing ? 0 : row.Stat.ChangedNs };
        return hasChanged ? $"{PrintablePath(row)}: changed while it was read; what was read is kept" : null;
    }

    private static string Lost(DeferredRow row, string? why) => $"{PrintablePath(row)}: {why}; it is not in the snapshot";

    public static string PrintablePath(DeferredRow row) =>
        System.Text.Encoding.UTF8.GetString(System.Text.Encoding.Latin1.GetBytes(row.Path));
}
