using Dumont.Providers;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Simulation.Server;

namespace Dumont.Simulation.Bugs;

/// <summary>A defect that is put into the server from outside, by wrapping one of its parts, to see whether the simulation finds it.</summary>
internal abstract class Bug
{
    /// <summary>For people.</summary>
    public abstract string Name { get; }

    /// <summary>A provider with the defect.</summary>
    public virtual IComputeProvider Wrap(IComputeProvider provider) => provider;

    /// <summary>A reconciler with the defect.</summary>
    public virtual IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) => reconciler;

    /// <summary>Orders with the defect.</summary>
    public virtual IAgentOrders Wrap(IAgentOrders orders, InstanceStore instances, AssociationStore associations) => orders;
}
