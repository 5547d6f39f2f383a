namespace Dumont.Simulation.Engine;

/// <summary>The one thread of a simulation: everything that would happen at the same time happens here in turn, in an order that the seed decides. Time
/// stands still while something is ready and jumps to the next due instant when nothing is.</summary>
internal sealed class Scheduler(Random random) : SynchronizationContext
{
    private static readonly DateTimeOffset Epoch = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = [];
    private readonly PriorityQueue<Action, (long At, int Rank, long Sequence)> _timed = new();
    private int _thread;
    private volatile bool _hasStranger;
    private long _sequence;

    /// <summary>Since the start; never jumps.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>How far the wall clock of the server has been moved.</summary>
    public TimeSpan WallOffset { get; set; }

    /// <summary>What a clock on the wall of the server shows.</summary>
    public DateTimeOffset Wall => Epoch + Elapsed + WallOffset;

    /// <summary>Things done so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Does <paramref name="action"/> after <paramref name="delay"/>. Of two things due at the same instant the seed chooses the first.</summary>
    public void After(TimeSpan delay, Action action) =>
        _timed.Enqueue(action, ((Elapsed + (delay > TimeSpan.Zero ? delay : TimeSpan.Zero)).Ticks, random.Next(), _sequence++));

    /// <summary>Ends after <paramref name="delay"/>, or is cancelled.</summary>
    public Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource();
        After(delay, () => done.TrySetResult());
        if (cancellationToken.CanBeCanceled)
        {
            cancellationToken.Register(() => done.TrySetCanceled(cancellationToken));
        }

        return done.Task;
    }

    /// <inheritdoc />
    public override void Post(SendOrPostCallback d, object? state)
    {
        if (_thread != 0 && Environment.CurrentManagedThreadId != _thread)
        {
            _hasStranger = true;
            return;
        }

        _ready.Enqueue((d, state));
    }

    /// <inheritdoc />
    public override void Send(SendOrPostCallback d, object? state) => d(state);

    /// <inheritdoc />
    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs <paramref name="main"/> and all that it begins, until it ends.</summary>
    /// <exception cref="InvalidOperationException">Nothing is left to do and it has not ended, or it turns in a circle.</exception>
    public void Run(Func<Task> main, long stepsMax)
    {
        _thread = Environment.CurrentManagedThreadId;
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            var running = main();
            while (!running.IsCompleted)
            {
                if (++Steps > stepsMax)
                {
                    throw new InvalidOperationException($"More than {stepsMax} steps: something turns in a circle.");
                }

                Step();
                if (_hasStranger)
                {
                    throw new InvalidOperationException("Something left the thread of the simulation: the same seed would not give the same run.");
                }
            }

            running.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    private void Step()
    {
        if (_ready.TryDequeue(out var next))
        {
            next.Callback(next.State);
        }
        else if (_timed.TryDequeue(out var action, out var due))
        {
            Elapsed = TimeSpan.FromTicks(due.At);
            action();
        }
        else
        {
            throw new InvalidOperationException("Nothing is left to do, and the run has not ended.");
        }
    }
}
