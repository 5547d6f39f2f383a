namespace Dumont.LocalCloud.Faults;

/// <summary>A fault that was asked for. Strikes a number of times, or for a while, or with a probability.</summary>
internal sealed class Fault
{
    public required int Id { get; init; }

    public required FaultKind Kind { get; init; }

    public required string Operation { get; init; }

    /// <summary><c>vast</c>, <c>gcp</c>, or null for both.</summary>
    public string? Provider { get; init; }

    /// <summary>Id, name or label of the one thing that it strikes, or null for all.</summary>
    public string? Target { get; init; }

    /// <summary>Strikes left.</summary>
    public int? Count { get; set; }

    public double? Seconds { get; init; }

    public DateTimeOffset? Until { get; init; }

    public double? Probability { get; init; }

    /// <summary>What it takes besides, by name.</summary>
    public IReadOnlyDictionary<string, double> Numbers { get; init; } = new Dictionary<string, double>();

    public double DelaySeconds => Numbers.GetValueOrDefault("delay_seconds");

    /// <summary>Of <c>lying-status</c>: what is shown, or null for the opposite of the truth.</summary>
    public string? State { get; init; }

    /// <summary>Of <c>garbage-body</c>.</summary>
    public string Variant { get; init; } = "html";

    /// <summary>Of <c>stale-listing</c>: what was listed before, by id.</summary>
    public StaleView Seen { get; } = new();

    /// <summary>What the fault adds to a boot; a year stands for never.</summary>
    public TimeSpan BootDelay => Kind.Name == FaultKind.StuckLoading ? TimeSpan.FromDays(365) : TimeSpan.FromSeconds(DelaySeconds);

    /// <summary>Of <c>create-fails-leaves-contract</c>: whether the error names the contract.</summary>
    public bool NamesContract { get; init; }

    /// <summary>How often it struck.</summary>
    public int Hits { get; set; }
}

/// <summary>The faults that are armed. The dice are thrown from the cloud's seed, so a run can be repeated.</summary>
internal sealed class FaultBook(int seed, TimeProvider time)
{
    private const int FaultsMax = 1000;

    private readonly Lock _gate = new();
    private readonly List<Fault> _faults = [];
    private readonly Random _dice = new(seed);
    private int _lastId;

    public IReadOnlyList<Fault> List()
    {
        lock (_gate)
        {
            DropSpent();
            return [.. _faults];
        }
    }

    /// <summary>Arms a fault.</summary>
    /// <exception cref="InvalidOperationException">There are 1000 already.</exception>
    public Fault Add(Func<int, Fault> make)
    {
        lock (_gate)
        {
            DropSpent();
            if (_faults.Count >= FaultsMax)
            {
                throw new InvalidOperationException($"{FaultsMax} faults are armed already");
            }

            var fault = make(++_lastId);
            _faults.Add(fault);
            return fault;
        }
    }

    public bool Remove(int id)
    {
        lock (_gate)
        {
            return _faults.RemoveAll(fault => fault.Id == id) > 0;
        }
    }

    public int Clear()
    {
        lock (_gate)
        {
            var cleared = _faults.Count;
            _faults.Clear();
            return cleared;
        }
    }

    /// <summary>The fault that strikes this call, counted as a strike, or null.</summary>
    /// <param name="matches">Which kinds are asked about.</param>
    /// <param name="provider">Of the call.</param>
    /// <param name="operation">Of the call.</param>
    /// <param name="targets">Names under which the thing that is called is known.</param>
    public Fault? Strike(Func<FaultKind, bool> matches, string provider, string operation, params IEnumerable<string?> targets) =>
        Strike(matches, null, provider, operation, targets);

    /// <param name="matches">Which kinds are asked about.</param>
    /// <param name="allows">Whether a fault of such a kind can strike here; one that cannot stays armed.</param>
    /// <param name="provider">Of the call.</param>
    /// <param name="operation">Of the call.</param>
    /// <param name="targets">Names under which the thing that is called is known.</param>
    public Fault? Strike(Func<FaultKind, bool> matches, Func<Fault, bool>? allows, string provider, string operation, IEnumerable<string?> targets)
    {
        lock (_gate)
        {
            DropSpent();
            var fault = _faults.FirstOrDefault(fault =>
                matches(fault.Kind)
                && fault.Operation == operation
                && (fault.Provider ?? provider) == provider
                && fault.Kind.OperationsOf(provider).Contains(operation)
                && (fault.Target is null || targets.Contains(fault.Target) || (fault.Kind.PicksMachine && operation == CloudOperation.List))
                && (allows is null || allows(fault))
                && (fault.Probability is null || _dice.NextDouble() < fault.Probability));
            if (fault is not null)
            {
                fault.Hits++;
                fault.Count--;
            }

            return fault;
        }
    }

    private void DropSpent() => _faults.RemoveAll(fault => fault.Count <= 0 || fault.Until <= time.GetUtcNow());
}
