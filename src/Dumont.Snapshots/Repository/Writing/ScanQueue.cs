using System.Diagnostics.CodeAnalysis;

namespace Dumont.Snapshots;

/// <summary>Paths of directories that are known and not yet listed: below the root, one char a byte. Ends by itself when there are none and nobody can find more.</summary>
internal sealed class ScanQueue
{
    private readonly Stack<string> _jobs = new();
    private int _unfinished;
    private bool _stopped;

    public void Add(string path)
    {
        lock (_jobs)
        {
            _unfinished++;
            _jobs.Push(path);
            Monitor.Pulse(_jobs);
        }
    }

    /// <summary>Waits for a path; false when all are done.</summary>
    public bool TryTake([MaybeNullWhen(false)] out string path)
    {
        lock (_jobs)
        {
            while (!_stopped && _jobs.Count == 0 && _unfinished > 0)
            {
                Monitor.Wait(_jobs);
            }

            path = null;
            return !_stopped && _jobs.TryPop(out path);
        }
    }

    /// <summary>A path that was taken is done: what is in it has been added.</summary>
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
