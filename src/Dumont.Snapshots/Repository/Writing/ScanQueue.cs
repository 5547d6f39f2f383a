using System.Diagnostics.CodeAnalysis;

namespace Dumont.Snapshots;

/// <summary>A directory to be scanned.</summary>
/// <param name="Path">Below the root, one char a byte.</param>
/// <param name="Row">Its row, where its attributes are still to be read; null when they are known.</param>
internal readonly record struct ScanJob(string Path, DeferredRow? Row);

/// <summary>Directories that are known and not yet scanned. Ends by itself when there are none and nobody can find more.</summary>
internal sealed class ScanQueue
{
    private readonly Stack<ScanJob> _jobs = new();
    private int _unfinished;
    private bool _stopped;

    public void Add(in ScanJob job)
    {
        lock (_jobs)
        {
            _unfinished++;
            _jobs.Push(job);
            Monitor.Pulse(_jobs);
        }
    }

    /// <summary>Waits for a job; false when all are done.</summary>
    public bool TryTake([MaybeNullWhen(false)] out ScanJob job)
    {
        lock (_jobs)
        {
            while (!_stopped && _jobs.Count == 0 && _unfinished > 0)
            {
                Monitor.Wait(_jobs);
            }

            job = default;
            return !_stopped && _jobs.TryPop(out job);
        }
    }

    /// <summary>A job that was taken is done, and has added what it found.</summary>
    public void Done()
    {
        lock (_jobs)
        {
            if (--_unfinished == 0)
            {
                Monitor.PulseAll(_jobs);
            }
        }
    }

    public void Stop()
    {
        lock (_jobs)
        {
            _stopped = true;
            Monitor.PulseAll(_jobs);
        }
    }
}
