namespace Dumont.Snapshots;

/// <summary>A stretch of a file that one thread reads.</summary>
/// <param name="File">The file.</param>
/// <param name="Number">Of the stretch, from 0.</param>
internal readonly record struct FileSegment(FileProgress File, int Number);

/// <summary>A file while it is read, perhaps by several threads.</summary>
internal sealed class FileProgress
{
    /// <summary>Stretches begin at multiples of this, whatever the content: then they can be read at once. Costs the deduplication of one chunk
    /// a stretch when something was inserted before it.</summary>
    public const long SegmentBytes = 64 << 20;

    private int _unread;

    public FileProgress(PendingFile file)
    {
        File = file;
        var count = (int)Math.Max(1, (file.SizeBytes + SegmentBytes - 1) / SegmentBytes);
        Segments = new List<Extent>[count];
        _unread = count;
    }

    public PendingFile File { get; }

    /// <summary>What each stretch turned out to be.</summary>
    public List<Extent>[] Segments { get; }

    /// <summary>Why it cannot be kept, if it cannot.</summary>
    public string? Error { get; set; }

    /// <summary>True for whoever finishes the last stretch.</summary>
    public bool FinishSegment() => Interlocked.Decrement(ref _unread) == 0;

    /// <summary>Jobs in an order that keeps all threads busy to the end: stretches of large files first, the largest file first; then small
    /// files by the batch, in the order of the tree.</summary>
    public static IReadOnlyList<IReadOnlyList<FileSegment>> Plan(IReadOnlyList<PendingFile> files)
    {
        const long LargeBytes = 1 << 20;
        const int BatchFiles = 64;
        const long BatchBytes = 4 << 20;
        var jobs = new List<IReadOnlyList<FileSegment>>();
        foreach (var large in files.Where(file => file.SizeBytes >= LargeBytes).OrderByDescending(file => file.SizeBytes))
        {
            var progress = new FileProgress(large);
            jobs.AddRange(Enumerable.Range(0, progress.Segments.Length).Select(number => new[] { new FileSegment(progress, number) }));
        }

        var batch = new List<FileSegment>();
        var batchBytes = 0L;
        foreach (var small in files.Where(file => file.SizeBytes < LargeBytes))
        {
            batch.Add(new FileSegment(new FileProgress(small), 0));
            batchBytes += small.SizeBytes;
            if (batch.Count == BatchFiles || batchBytes >= BatchBytes)
            {
                jobs.Add(batch);
                batch = [];
                batchBytes = 0;
            }
        }

        if (batch.Count > 0)
        {
            jobs.Add(batch);
        }

        return jobs;
    }
}
