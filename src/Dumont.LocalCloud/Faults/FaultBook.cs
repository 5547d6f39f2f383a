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

    /// <summary>Of <c>slow-boot</c>.</summary>
    public double DelaySeconds { get; init; }

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
    public Fault? Strike(Func<FaultKind, bool> matches, string provider, string operation, params IEnumerable<string?> targets)
    {
        lock (_gate)
        {
            DropSpent();
            var fault = _faults.FirstOrDefault(fault =>
                matches(fault.Kind)
                && fault.Operation == operation
                && (fault.Provider ?? provider) == provider
                && (fault.Target is null || targets.Contains(fault.Target))
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
