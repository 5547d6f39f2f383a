namespace Dumont.Snapshots.Tests;

/// <summary>One run of several actors over one store. Only one actor moves at a time, from one store call to the next.</summary>
internal sealed class InterleavedRun : IAsyncDisposable
{
    // Most of the time little passes; then whoever stands still stays so beyond his lease.
    private static readonly TimeSpan[] Steps =
        [TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(40), TimeSpan.FromHours(2)];

    // Some die in between: one at so many calls.
    private const int KillOneOf = 400;

    // Of the clocks of the others, and of the store.
    private static readonly TimeSpan[] Skews =
        [TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromMinutes(-20), TimeSpan.FromMinutes(45), TimeSpan.FromHours(-3), TimeSpan.FromHours(5)];

    private readonly SeededRandom _random;
    private readonly IReadOnlyList<string> _sources;
    private readonly ManualTime _time = new();
    private readonly MemoryObjectStore _store;
    private readonly Dictionary<string, Dictionary<string, byte[]>> _acknowledged = [];
    private readonly List<Actor> _actors = [];
    private string _lastChange = "";

    public InterleavedRun(int seed, IReadOnlyList<string> sources)
    {
        (_random, _sources) = (new SeededRandom(seed), sources);
        _store = new MemoryObjectStore(new SkewedTime(_time, _random.Pick(Skews))) { Traits = new StoreTraits(6000, 1) };
    }

    public List<string> Trace { get; } = [];

    public Dictionary<string, int> Counts { get; } = [];

    public async Task RunAsync()
    {
        await Repository.InitAsync(_store, null, _time, CancellationToken.None);
        for (var i = 0; i < 3; i++)
        {
            Start($"writer{i}", WriteAsync, turns: 3);
        }

        Start("pruner0", PruneAsync, turns: 4);
        Start("pruner1", PruneAsync, turns: 2);
        Start("forgetter", ForgetAsync, turns: 4);
        Start("reader", ReadAsync, turns: 12);
        Start("verifier", VerifyAsync, turns: 1);
        while (_actors.Count > 0)
        {
            var actor = _random.Pick(_actors);
            await actor.StepAsync();
            if (actor.HasEnded)
            {
                _actors.Remove(actor);
                await actor.Work;
                actor.Dispose();
            }

            if (_random.Below(25) == 0)
            {
                _time.Advance(_random.Pick(Steps));
            }

            if (_lastChange.Length > 0)
            {
                await CheckAsync($"after {_lastChange}");
                _lastChange = "";
            }
        }

        _time.Advance(TimeSpan.FromHours(12));
        if (Counts.ContainsKey("killed"))
        {
            await ForgetTheUnacknowledgedAsync();
        }

        await Bench.PruneAsync(_store, null, _time);
        await CheckAsync("in the end");
        var outcome = await Bench.VerifyAsync(_store, null);
        Assert.True(outcome.IsSound, string.Join("; ", outcome.Damages));
    }

    // Who is killed may leave a snapshot that nobody acknowledged, and that needs what was deleted while he stood still before.
    private async Task ForgetTheUnacknowledgedAsync()
    {
        var snapshots = await Bench.ListAsync(_store, null);
        await Bench.ForgetAsync(_store, null, [.. snapshots.Select(snapshot => snapshot.Id).Where(id => !_acknowledged.ContainsKey(id))]);
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private void Start(string name, Func<IObjectStore, TimeProvider, Task> turn, int turns)
    {
        var time = new SkewedTime(_time, _random.Pick(Skews));
        var actor = new Actor();
        var isKilled = false;
        var store = new InterceptedStore(_store, async (call, what, work) =>
        {
            if (!isKilled)
            {
                await actor.WaitAsync();
                isKilled = _random.Below(KillOneOf) == 0;
            }

            if (isKilled)
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.Transient, "killed");
            }

            await work();
            Trace.Add($"{name} {call} {what}");
            if (call is StoreCall.Delete or StoreCall.Put && (what.StartsWith("index/", StringComparison.Ordinal) || what.StartsWith("packs/", StringComparison.Ordinal)))
            {
                _lastChange = Trace[^1];
            }
        });
        actor.Begin(async () =>
        {
            for (var i = 0; i < turns; i++)
            {
                try
                {
                    await turn(store, time);
                }
                catch (Exception) when (isKilled)
                {
                }

                // The turn itself may have taken the kill for a refusal.
                if (isKilled)
                {
                    Trace.Add($"{name} killed");
                    Count("killed");
                    isKilled = false;
                }
            }
        });
        _actors.Add(actor);
    }

    private void Count(string what) => Counts[what] = Counts.GetValueOrDefault(what) + 1;

    private async Task WriteAsync(IObjectStore store, TimeProvider time)
    {
        var source = _random.Pick(_sources);
        try
        {
            var id = (await Bench.SnapshotAsync(store, null, source, time)).Id;
            _acknowledged[id] = Bench.FilesOf(source);
            Trace.Add($"acknowledged {id[..8]}");
            _lastChange = Trace[^1];
            Count("snapshot");
        }
        catch (Exception e) when (e is RepositoryException { Kind: RepositoryErrorKind.Locked } || (e is SnapshotFormatException && e.Message.Contains("Take it again", StringComparison.Ordinal)))
        {
            Trace.Add($"refused: {e.Message}");
            Count("snapshot refused");
        }
    }

    private async Task PruneAsync(IObjectStore store, TimeProvider time)
    {
        try
        {
            await Bench.PruneAsync(store, null, time, _random.Below(3) == 0 ? TimeSpan.FromHours(1) : TimeSpan.Zero);
            Count("prune");
        }
        catch (RepositoryException e) when (e.Kind == RepositoryErrorKind.Locked)
        {
            Count("prune refused");
        }
        catch (SnapshotFormatException e) when (e.Message.Contains("is nowhere", StringComparison.Ordinal))
        {
            // A snapshot that its writer is about to take back: it stood still while what it needs was deleted.
            Count("prune refused for a snapshot");
        }
    }

    private async Task ForgetAsync(IObjectStore store, TimeProvider time)
    {
        var id = _acknowledged.Count == 0 ? "" : _random.Pick(_acknowledged.Keys.Order(StringComparer.Ordinal).ToList());
        _acknowledged.Remove(id);
        await Bench.ForgetAsync(store, null, id);
        Count("forget");
    }

    // Without grace a reader may lose what it reads; it must never read anything wrong.
    private async Task ReadAsync(IObjectStore store, TimeProvider time)
    {
        var (id, files) = _acknowledged.FirstOrDefault();
        if (id is null)
        {
            await store.FindAsync("config", CancellationToken.None);
            return;
        }

        try
        {
            Bench.AssertSame(files, await Bench.ReadAsync(store, null, id));
            Count("read");
        }
        catch (IOException)
        {
            Count("read refused");
        }
    }

    private async Task VerifyAsync(IObjectStore store, TimeProvider time)
    {
        try
        {
            Count((await Bench.VerifyAsync(store, null)).IsSound ? "verify" : "verify with findings");
        }
        catch (IOException)
        {
            Count("verify refused");
        }
    }

    private async Task CheckAsync(string when)
    {
        foreach (var (id, files) in _acknowledged)
        {
            try
            {
                Bench.AssertSame(files, await Bench.ReadAsync(_store, null, id));
            }
            catch (IOException e)
            {
                Assert.Fail($"Snapshot {id[..8]} is lost {when}: {e.Message}");
            }
        }
    }

    /// <summary>A clock that is wrong.</summary>
    private sealed class SkewedTime(ManualTime time, TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + by;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            time.CreateTimer(callback, state, dueTime, period);
    }

    /// <summary>Somebody at work who stands still before each call until it is let on.</summary>
    private sealed class Actor : IDisposable
    {
        private readonly SemaphoreSlim _isWaiting = new(0);
        private readonly SemaphoreSlim _mayGo = new(0);
        private bool _hasBegun;

        public bool HasEnded { get; private set; }

        public Task Work { get; private set; } = Task.CompletedTask;

        public void Begin(Func<Task> work) => Work = Task.Run(async () =>
        {
            try
            {
                await WaitAsync();
                await work();
            }
            finally
            {
                HasEnded = true;
                _isWaiting.Release();
            }
        });

        public void Dispose()
        {
            _isWaiting.Dispose();
            _mayGo.Dispose();
        }

        public async Task WaitAsync()
        {
            _isWaiting.Release();
            await _mayGo.WaitAsync();
        }

        /// <summary>Lets it do one call, and waits until it stands before the next one or has ended.</summary>
        public async Task StepAsync()
        {
            if (!_hasBegun)
            {
                _hasBegun = true;
                await _isWaiting.WaitAsync();
            }

            _mayGo.Release();
            await _isWaiting.WaitAsync();
        }
    }
}
