using Dumont.Providers;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Faults;
using Dumont.Simulation.Server;

namespace Dumont.Simulation.World;

/// <summary>One account at one provider as one incarnation of the server sees it: late, lossy, sometimes lying, about a world that is what it is.</summary>
internal sealed class SimProvider(string name, string account, SimServer server, CloudWorld world, Scheduler scheduler, Random random, Checks checks) : IComputeProvider
{
    private static readonly TimeSpan LagMax = TimeSpan.FromSeconds(60);

    /// <inheritdoc />
    public string Name => name;

    /// <inheritdoc />
    public async Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken)
    {
        var call = await SendAsync("search", cancellationToken);
        var offers = name == "gcp" ? world.StandbyOffers : world.GpuOffers;
        IReadOnlyList<MachineOffer> found =
        [
            .. offers.Where(offer => offer.Interruptible == query.Interruptible && (query.OfferId is null || offer.Id == query.OfferId)).Take(query.Limit),
        ];
        await AnswerAsync(call, cancellationToken);
        return call.Fault is { Effect: not FaultEffect.Slow } ? throw Failure(call, "search offers") : found;
    }

    /// <inheritdoc />
    public async Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken)
    {
        var call = await SendAsync("balance", cancellationToken);
        await AnswerAsync(call, cancellationToken);
        return call.Fault is { Effect: not FaultEffect.Slow } ? throw Failure(call, "tell the balance") : new AccountBalance(100, 100, null);
    }

    /// <inheritdoc />
    public async Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken)
    {
        checks.OnCreateCall(request.Tag);
        var call = await SendAsync("create", cancellationToken);
        CreateResult result;
        switch (call.Fault?.Effect)
        {
            case FaultEffect.CallLost when account == CloudWorld.Account:
                result = new CreateResult.Unknown("no connection");
                break;
            case FaultEffect.Refused:
                result = new CreateResult.Rejected(ProviderErrorKind.Invalid, "refused");
                break;
            case FaultEffect.OfferGone:
                result = new CreateResult.OfferGone();
                break;
            case FaultEffect.NoCredit:
            case var _ when account == CloudWorld.OtherAccount:
                result = new CreateResult.InsufficientCredit();
                break;
            default:
                result = Make(request, call.Fault?.Effect);
                break;
        }

        await AnswerAsync(call, cancellationToken);
        return call.Fault?.Effect == FaultEffect.AnswerLost && account == CloudWorld.Account ? new CreateResult.Unknown("the answer was lost") : result;
    }

    /// <inheritdoc />
    public async Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken)
    {
        var call = await SendAsync("get", cancellationToken);
        var machine = Find(providerMachineId);
        MachineReading reading = machine is null || call.Fault?.Effect == FaultEffect.Denied ? Deny(providerMachineId) : new MachineReading.Present(Describe(machine, call));
        await AnswerAsync(call, cancellationToken);
        return call.Fault?.Effect is FaultEffect.CallLost or FaultEffect.AnswerLost ? new MachineReading.Unknown(Kind(call), "no answer") : reading;
    }

    /// <inheritdoc />
    public async Task<MachineListing> ListAsync(CancellationToken cancellationToken)
    {
        var call = await SendAsync("list", cancellationToken);
        var effect = call.Fault?.Effect;
        var listed = world.Machines
            .Where(machine => machine.Provider == name && machine.Account == account)
            .Where(machine => machine.Exists || (effect == FaultEffect.ListingLag && scheduler.Elapsed - machine.GoneAt < LagMax))
            .Where(machine => effect != FaultEffect.ListingLag || scheduler.Elapsed - machine.CreatedAt >= LagMax)
            .Where(_ => effect != FaultEffect.EmptyListing)
            .Select(machine => Describe(machine, call))
            .DistinctBy(machine => machine.Id)
            .ToList();
        if (effect == FaultEffect.ListingGap && listed.Count > 0)
        {
            listed.RemoveAt(random.Next(listed.Count));
        }

        await AnswerAsync(call, cancellationToken);
        if (effect is FaultEffect.CallLost or FaultEffect.AnswerLost)
        {
            return new MachineListing.Unknown(Kind(call), "no answer");
        }

        checks.OnListing(name, listed);
        return new MachineListing.Complete(listed);
    }

    /// <inheritdoc />
    public Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken) =>
        EffectAsync("start", providerMachineId, (machine, effect) =>
        {
            if (!machine.IsUp && machine.State is not ProviderMachineState.Loading)
            {
                world.Boot(machine, effect == FaultEffect.SlowBoot ? 20 : 0);
            }
            else if (machine is { IsUp: true, State: ProviderMachineState.Stopped })
            {
                machine.State = ProviderMachineState.Running;
            }
        }, cancellationToken);

    /// <inheritdoc />
    public Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken) =>
        EffectAsync("stop", providerMachineId, (machine, effect) =>
        {
            if (effect == FaultEffect.LyingStopped)
            {
                machine.State = ProviderMachineState.Stopped;
            }
            else
            {
                CloudWorld.Halt(machine, ProviderMachineState.Stopped);
            }
        }, cancellationToken);

    /// <inheritdoc />
    public Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken) =>
        EffectAsync("destroy", providerMachineId, (machine, _) => world.Remove(machine, "destroyed"), cancellationToken);

    private CreateResult Make(CreateMachineRequest request, FaultEffect? effect)
    {
        var offer = name == "gcp" ? world.StandbyOffers.Find(each => each.Id == request.OfferId) : world.GpuOffers.Find(each => each.Id == request.OfferId);
        if (offer is null)
        {
            return new CreateResult.OfferGone();
        }

        if (name == "gcp" && world.Ours.FirstOrDefault(machine => machine.Tag == request.Tag) is { } same)
        {
            // There the tag is the name, and the name is unique.
            return new CreateResult.Created(same.Id);
        }

        var machine = world.Make(name, account, request.Tag, offer, effect == FaultEffect.StuckLoading, effect == FaultEffect.SlowBoot ? 20 : 0);
        checks.OnMade(machine);
        return effect switch
        {
            FaultEffect.LeavesMachine => new CreateResult.LeftMachine(machine.Id, "it failed and left a contract"),
            FaultEffect.HidesMachine => new CreateResult.Rejected(ProviderErrorKind.Invalid, "internal error"),
            _ => new CreateResult.Created(machine.Id),
        };
    }

    private async Task<EffectResult> EffectAsync(string operation, string id, Action<SimMachine, FaultEffect?> effect, CancellationToken cancellationToken)
    {
        var call = await SendAsync(operation, cancellationToken);
        EffectResult result;
        if (call.Fault?.Effect == FaultEffect.CallLost)
        {
            result = new EffectResult.Unknown(Kind(call), "no connection");
        }
        else if (call.Fault?.Effect == FaultEffect.Refused)
        {
            result = new EffectResult.Rejected(ProviderErrorKind.Invalid, "refused");
        }
        else if (Find(id) is { } machine)
        {
            checks.OnEffect(operation, machine);
            effect(machine, call.Fault?.Effect);
            result = new EffectResult.Done();
        }
        else
        {
            result = new EffectResult.NotFound();
        }

        await AnswerAsync(call, cancellationToken);
        return call.Fault?.Effect == FaultEffect.AnswerLost ? new EffectResult.Unknown(Kind(call), "the answer was lost") : result;
    }

    private SimMachine? Find(string id) => world.Find(id) is { Exists: true } machine && machine.Account == account ? machine : null;

    private MachineReading.Absent Deny(string id)
    {
        if (world.Find(id) is { } machine && machine.Account == account)
        {
            machine.Denials.Add(scheduler.Elapsed);
        }

        return new MachineReading.Absent("404");
    }

    private static ProviderMachine Describe(SimMachine machine, Call call) => new()
    {
        Id = machine.Id,
        Tag = machine.Tag,
        State = call.Fault?.Effect == FaultEffect.Flaps && call.Coin ? ProviderMachineState.Loading : machine.State,
        SshHost = machine.State is ProviderMachineState.Provisioning ? null : machine.Id,
        SshPort = machine.State is ProviderMachineState.Provisioning ? null : 22,
        HostMachineId = machine.Offer.HostMachineId,
        UsdPerHour = machine.Offer.UsdPerHour,
    };

    private async Task<Call> SendAsync(string operation, CancellationToken cancellationToken)
    {
        var step = await server.NameCallAsync(operation);
        await server.PassAsync(Seam.BeforeSend, step);
        var call = new Call(step, server.Faults.Draw(operation), random.Next(2) == 0);
        await scheduler.DelayAsync(Latency(), cancellationToken);
        return call;
    }

    private async Task AnswerAsync(Call call, CancellationToken cancellationToken)
    {
        await server.PassAsync(Seam.InFlight, call.Step);
        await scheduler.DelayAsync(Latency() + (call.Fault?.Effect == FaultEffect.Slow ? TimeSpan.FromSeconds(2 + random.Next(12)) : TimeSpan.Zero), cancellationToken);
        await server.PassAsync(Seam.Answered, call.Step);
    }

    private TimeSpan Latency() => TimeSpan.FromMilliseconds(20 + random.Next(180));

    private ProviderException Failure(Call call, string operation) => new(Kind(call), name, operation, call.Fault!.Name, null);

    private static ProviderErrorKind Kind(Call call) => call.Fault?.Name == "key-revoked" ? ProviderErrorKind.Credentials : ProviderErrorKind.Transient;

    /// <summary>One call under way.</summary>
    private sealed record Call(string Step, Fault? Fault, bool Coin);
}
