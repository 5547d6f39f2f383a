using Dumont.Simulation.Engine;

namespace Dumont.Simulation.Faults;

/// <summary>The provider faults in force, and which rows of the tables have ever struck in this run.</summary>
internal sealed class ActiveFaults(Random random, Trace trace)
{
    private readonly List<(Fault Fault, double Probability)> _active = [];

    /// <summary>Names of the faults that did something.</summary>
    public HashSet<string> Fired { get; } = [];

    public bool Any => _active.Count > 0;

    public void Begin(Fault fault, double probability)
    {
        trace.Note($"nemesis: {fault.Name} begins");
        _active.Add((fault, probability));
    }

    public void End(Fault fault)
    {
        trace.Note($"nemesis: {fault.Name} ends");
        _active.RemoveAll(active => active.Fault == fault);
    }

    /// <summary>The fault that strikes a call, if one does.</summary>
    public Fault? Draw(string operation, FaultSite site = FaultSite.Provider)
    {
        foreach (var (fault, probability) in _active)
        {
            if (fault.Site == site && (fault.Operations.Length == 0 || fault.Operations.Contains(operation)) && random.NextDouble() < probability)
            {
                Fired.Add(fault.Name);
                trace.Note($"nemesis: {fault.Name} strikes {operation}");
                return fault;
            }
        }

        return null;
    }

    /// <summary>Notes that a fault outside of provider calls did something.</summary>
    public void Strike(Fault fault, string what)
    {
        Fired.Add(fault.Name);
        trace.Note($"nemesis: {fault.Name}: {what}");
    }
}
