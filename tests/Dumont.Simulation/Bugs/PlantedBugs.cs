using System.Runtime.CompilerServices;
using Dapper;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Simulation.Server;

namespace Dumont.Simulation.Bugs;

/// <summary>The provider is asked first, and that it may have been asked is written down after: a kill in between forgets the machine.</summary>
internal sealed class SkipIntent : Bug
{
    private readonly ConditionalWeakTable<IComputeProvider, EagerProvider> _providers = [];

    public override string Name => "skip intent";

    public override IComputeProvider Wrap(IComputeProvider provider) => _providers.GetValue(provider, each => new EagerProvider(each));

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.Machine ? new EagerReconciler(reconciler, database, server) : reconciler;

    /// <summary>Asks for what is only intended, then lets the real reconciler go its way.</summary>
    private sealed class EagerReconciler(IReconciler reconciler, Database database, SimServer server) : IReconciler
    {
        public string Kind => reconciler.Kind;

        public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
        {
            if (await server.Machines.FindAsync(new MachineId(fence.Key), cancellationToken) is { Phase: MachinePhase.Intended, Desired: MachineDesired.Running } machine
                && await server.Accounts.FindAsync(machine.Provider, machine.Account, cancellationToken) is { Client: EagerProvider provider })
            {
                await provider.AskAheadAsync(machine, cancellationToken);
                await database.ReadAsync(connection => connection.ExecuteScalarAsync<long>("SELECT 1"), cancellationToken);
            }

            return await reconciler.ReconcileAsync(fence, cancellationToken);
        }
    }

    /// <summary>Keeps the answer for the call that follows; in memory, where else.</summary>
    private sealed class EagerProvider(IComputeProvider provider) : WrappedProvider(provider)
    {
        private readonly Dictionary<string, CreateResult> _answers = [];

        public async Task AskAheadAsync(Machine machine, CancellationToken cancellationToken) =>
            _answers[machine.Tag] = await Inner.CreateAsync(
                new CreateMachineRequest { OfferId = machine.Document.Offer.Id, Tag = machine.Tag, DiskGb = 10, AuthorizedKeys = [] }, cancellationToken);

        public override async Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken) =>
            _answers.TryGetValue(request.Tag, out var answer) ? answer : await Inner.CreateAsync(request, cancellationToken);
    }
}

/// <summary>The old writer is never told that it is fenced.</summary>
internal sealed class SkipFence : Bug
{
    public override string Name => "skip fence";

    public override IAgentOrders Wrap(IAgentOrders orders, InstanceStore instances, AssociationStore associations) => new Orders(orders);

    private sealed class Orders(IAgentOrders orders) : IAgentOrders
    {
        public async Task<IReadOnlyList<AgentOrder?>> ListAsync(InstanceId instanceId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken) =>
            [.. (await orders.ListAsync(instanceId, machines, cancellationToken)).Select(order => order is { Role: AgentRole.Fenced } ? null : order)];
    }
}

/// <summary>A machine that a listing lacks is taken to be gone.</summary>
internal sealed class TrustEmptyList : Bug
{
    public override string Name => "trust empty list";

    public override IComputeProvider Wrap(IComputeProvider provider) => new Provider(provider);

    private sealed class Provider(IComputeProvider provider) : WrappedProvider(provider)
    {
        public override async Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken) =>
            await Inner.ListAsync(cancellationToken) switch
            {
                MachineListing.Complete(var machines) => machines.FirstOrDefault(machine => machine.Id == providerMachineId) is { } machine
                    ? new MachineReading.Present(machine)
                    : new MachineReading.Absent("not in the list"),
                _ => await Inner.GetAsync(providerMachineId, cancellationToken),
            };
    }
}

/// <summary>A machine that turns up after its intent was given up, or was left by a call that failed, is nobody's business.</summary>
internal sealed class ForgetLoser : Bug
{
    public override string Name => "forget loser";

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.Sweep ? new NoSweep() : reconciler;

    private sealed class NoSweep : IReconciler
    {
        public string Kind => WorkKinds.Sweep;

        public Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken) => Task.FromResult(Next.After(TimeSpan.FromMinutes(1)));
    }
}

/// <summary>When the way back begins, the standby is promoted as well as the GPU.</summary>
internal sealed class PromoteTwice : Bug
{
    public override string Name => "promote twice";

    public override IAgentOrders Wrap(IAgentOrders orders, InstanceStore instances, AssociationStore associations) => new Orders(orders, associations);

    private sealed class Orders(IAgentOrders orders, AssociationStore associations) : IAgentOrders
    {
        public async Task<IReadOnlyList<AgentOrder?>> ListAsync(InstanceId instanceId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
        {
            var given = await orders.ListAsync(instanceId, machines, cancellationToken);
            var association = await associations.FindAsync(instanceId, cancellationToken);
            return association?.Document.Pending is null
                ? given
                : [.. given.Select((order, i) => machines[i].Id == association.StandbyMachineId && order is not null ? order with { Role = AgentRole.Writer } : order)];
        }
    }
}

/// <summary>The source of a move is not fenced: it goes on writing while the target is promoted.</summary>
internal sealed class MoveUnfenced : Bug
{
    public override string Name => "move unfenced";

    public override IAgentOrders Wrap(IAgentOrders orders, InstanceStore instances, AssociationStore associations) => new Orders(orders, instances, associations);

    private sealed class Orders(IAgentOrders orders, InstanceStore instances, AssociationStore associations) : IAgentOrders
    {
        public async Task<IReadOnlyList<AgentOrder?>> ListAsync(InstanceId instanceId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
        {
            var given = await orders.ListAsync(instanceId, machines, cancellationToken);
            if (await instances.FindAsync(instanceId, cancellationToken) is not { Desired: InstanceDesired.Running, Generation: > 0 } instance
                || (await associations.FindAsync(instanceId, cancellationToken))?.Document.Pending is not null)
            {
                return given;
            }

            return
            [
                .. given.Select((order, i) => machines[i].Id == instance.WriterMachineId && machines[i].Desired == MachineDesired.Running && order is { Role: AgentRole.Fenced }
                    ? order with { Role = AgentRole.Writer, Generation = instance.Generation }
                    : order),
            ];
        }
    }
}

/// <summary>Flushes return without the standby although it is promised that they do not.</summary>
internal sealed class PassFlushes : Bug
{
    public override string Name => "pass flushes";

    public override IAgentOrders Wrap(IAgentOrders orders, InstanceStore instances, AssociationStore associations) => new Orders(orders, associations);

    private sealed class Orders(IAgentOrders orders, AssociationStore associations) : IAgentOrders
    {
        public async Task<IReadOnlyList<AgentOrder?>> ListAsync(InstanceId instanceId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
        {
            var given = await orders.ListAsync(instanceId, machines, cancellationToken);
            return (await associations.FindAsync(instanceId, cancellationToken))?.Document.Promise == FlushPromise.InForce
                ? [.. given.Select(order => order is null ? null : order with { Acknowledge = AgentAcknowledge.Suspended })]
                : given;
        }
    }
}

/// <summary>A machine that is being promoted runs services before it is the recorded writer.</summary>
internal sealed class ServeEarly : Bug
{
    public override string Name => "serve early";

    public override IAgentOrders Wrap(IAgentOrders orders, InstanceStore instances, AssociationStore associations) => new Orders(orders);

    private sealed class Orders(IAgentOrders orders) : IAgentOrders
    {
        public async Task<IReadOnlyList<AgentOrder?>> ListAsync(InstanceId instanceId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken) =>
            [.. (await orders.ListAsync(instanceId, machines, cancellationToken))
                .Select(order => order is { Role: AgentRole.Writer, Generation: > 1 } ? order with { Services = [new AgentService("early", "serve")] } : order)];
    }
}

/// <summary>A provider that does what another does, but for what a bug overrides.</summary>
internal abstract class WrappedProvider(IComputeProvider provider) : IComputeProvider
{
    public string Name => Inner.Name;

    protected IComputeProvider Inner { get; } = provider;

    public Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken) => Inner.SearchOffersAsync(query, cancellationToken);

    public virtual Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken) => Inner.CreateAsync(request, cancellationToken);

    public virtual Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken) => Inner.GetAsync(providerMachineId, cancellationToken);

    public Task<MachineListing> ListAsync(CancellationToken cancellationToken) => Inner.ListAsync(cancellationToken);

    public Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken) => Inner.StartAsync(providerMachineId, cancellationToken);

    public Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken) => Inner.StopAsync(providerMachineId, cancellationToken);

    public Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken) => Inner.DestroyAsync(providerMachineId, cancellationToken);

    public Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken) => Inner.GetBalanceAsync(cancellationToken);
}
