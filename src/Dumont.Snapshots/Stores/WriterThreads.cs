namespace Dumont.Snapshots;

/// <summary>Threads for calls that wait in the kernel. The pool begins with one a core and adds some twice a second, so that disks would be idle; and
/// a new thread for each call costs more than the call. They are made when there is work for them and end when there is none for a while.</summary>
internal sealed class WriterThreads(int threadsMax) : TaskScheduler
{
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(1);

    private readonly Queue<Task> _tasks = new();
    private int _threads;
    private int _idle;

    /// <summary>Runs a call on one of the threads.</summary>
    public Task<T> RunAsync<T>(Func<T> call, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(call, cancellationToken, TaskCreationOptions.None, this);

    public override int MaximumConcurrencyLevel => threadsMax;

    protected override void QueueTask(Task task)
    {
        lock (_tasks)
        {
            _tasks.Enqueue(task);
            if (_idle >= _tasks.Count)
            {
                Monitor.Pulse(_tasks);
            }
            else if (_threads < threadsMax)
            {
                _threads++;
                new Thread(Work) { IsBackground = true, Name = "store" }.Start();
            }
        }
    }

    // On the thread that asks it would wait in the kernel there.
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_tasks)
        {
            return [.. _tasks];
        }
    }

    private void Work()
    {
        while (TryTake(out var task))
        {
            TryExecuteTask(task);
        }
    }

    private bool TryTake([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out Task task)
    {
        lock (_tasks)
        {
            while (!_tasks.TryDequeue(out task))
            {
                _idle++;
                var isWoken = Monitor.Wait(_tasks, IdleTime);
                _idle--;
                if (!isWoken && _tasks.Count == 0)
                {
                    _threads--;
                    return false;
                }
            }

            return true;
        }
    }
}
