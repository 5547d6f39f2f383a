namespace Dumont.Snapshots;

/// <summary>What a thread reads before it looks for more: one stretch of a large file, or the small files among some that follow each other.</summary>
internal readonly struct ReadJob
{
    private readonly FileProgress? _large;
    private readonly IReadOnlyList<PendingFile> _files;
    private readonly int _first;
    private readonly int _end;

    public ReadJob(FileProgress large, int number)
    {
        _large = large;
        _files = [];
        _first = number;
    }

    public ReadJob(IReadOnlyList<PendingFile> files, int first, int end)
    {
        _files = files;
        _first = first;
        _end = end;
    }

    /// <summary>A small file's progress is made here and forgotten with it: of a hundred thousand files only a few are read at any time.</summary>
    public IEnumerable<FileSegment> Segments()
    {
        if (_large is not null)
        {
            yield return new FileSegment(_large, _first);
        }

        for (var i = _first; i < _end; i++)
        {
            if (!FileProgress.IsLarge(_files[i]))
            {
                yield return new FileSegment(new FileProgress(_files[i]), 0);
            }
        }
    }
}

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

    private const long LargeBytes = 1 << 20;
    private const int BatchFiles = 64;
    private const long BatchBytes = 4 << 20;

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

    /// <summary>Whether some stretch was read from another file, which had taken the name meanwhile.</summary>
    public bool IsReplaced { get; set; }

    /// <summary>True for whoever finishes the last stretch.</summary>
    public bool FinishSegment() => Interlocked.Decrement(ref _unread) == 0;

    /// <summary>Jobs in an order that keeps all threads busy to the end: stretches of large files first, the largest file first; then small
    /// files by the batch, in the order of the tree.</summary>
    public static IReadOnlyList<ReadJob> Plan(IReadOnlyList<PendingFile> files)
    {
        var jobs = new List<ReadJob>();
        foreach (var large in files.Where(IsLarge).OrderByDescending(file => file.SizeBytes))
        {
            var progress = new FileProgress(large);
            jobs.AddRange(Enumerable.Range(0, progress.Segments.Length).Select(number => new ReadJob(progress, number)));
        }

        var first = 0;
        var count = 0;
        var bytes = 0L;
        for (var i = 0; i < files.Count; i++)
        {
            if (IsLarge(files[i]))
            {
                continue;
            }

            count++;
            bytes += files[i].SizeBytes;
            if (count == BatchFiles || bytes >= BatchBytes)
            {
                jobs.Add(new ReadJob(files, first, i + 1));
                first = i + 1;
                count = 0;
                bytes = 0;
            }
        }

        if (count > 0)
        {
            jobs.Add(new ReadJob(files, first, files.Count));
        }

        return jobs;
    }

    public static bool IsLarge(PendingFile file) => file.SizeBytes >= LargeBytes;
}
