using Dumont.Providers;

namespace Dumont.Server.Tests.Spine;

/// <summary>How one create or destroy call goes.</summary>
internal enum Script
{
    Works,

    /// <summary>It happens, and the answer is lost.</summary>
    AnswerLost,

    /// <summary>The call never arrives.</summary>
    CallLost,

    /// <summary>Refused, and nothing happens.</summary>
    Refused,

    /// <summary>Create: refused, and yet a machine is left that the answer names.</summary>
    LeavesMachine,

    /// <summary>Create: refused, and yet a machine is left that only a listing shows.</summary>
    HidesMachine,

    OfferGone,
    NoCredit,

    /// <summary>Destroy: the provider denies the id, and the machine goes on.</summary>
    Denied,
}

/// <summary>A provider with a shelf of offers and a book of machines, whose answers follow a script.</summary>
internal sealed class ScriptedProvider(string name, TimeProvider time) : IComputeProvider
{
    private readonly Lock _lock = new();
    private int _lastId;

    public string Name { get; } = name;

    public List<MachineOffer> Offers { get; } = [];

    /// <summary>What exists, and bills, at present.</summary>
    public Dictionary<string, ProviderMachine> Machines { get; } = [];

    /// <summary>Every tag that a machine was ever made for, twins twice.</summary>
    public List<string> Made { get; } = [];

    /// <summary>Every call with an effect: <c>create 1</c>, <c>stop vast-1</c>, <c>destroy vast-1</c>.</summary>
    public List<string> Calls { get; } = [];

    public Queue<Script> Creates { get; } = [];

    public Queue<Script> Destroys { get; } = [];

    public Queue<Script> Starts { get; } = [];

    /// <summary>Answers nothing.</summary>
    public bool IsDown { get; set; }

    /// <summary>Offers by id that get no machine, however often they are asked for.</summary>
    public HashSet<string> GoneOffers { get; } = [];

    /// <summary>Ids that a listing leaves out.</summary>
    public HashSet<string> Unlisted { get; } = [];

    /// <summary>Listings leave out machines younger than this.</summary>
    public TimeSpan ListingLag { get; set; }

    /// <summary>Ids of which a reading says that there is no such machine.</summary>
    public HashSet<string> Denied { get; } = [];

    /// <summary>State of a machine that was just made or started.</summary>
    public ProviderMachineState BootState { get; set; } = ProviderMachineState.Running;

    /// <summary>Where the sshd of new machines answers; by default at a name of their own.</summary>
    public (string Host, int Port)? SshAddress { get; set; }

    public decimal CreditUsd { get; set; } = 100;

    public Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken) =>
        IsDown
            ? throw new ProviderException(ProviderErrorKind.Transient, Name, "search offers", "down", null)
            : Task.FromResult<IReadOnlyList<MachineOffer>>(
                [.. Offers.Where(offer => offer.Interruptible == query.Interruptible && (query.OfferId is null || offer.Id == query.OfferId)).Take(query.Limit)]);

    public Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken) =>
        IsDown
            ? throw new ProviderException(ProviderErrorKind.Transient, Name, "balance", "down", null)
            : Task.FromResult<AccountBalance?>(new AccountBalance(CreditUsd, 0, null));

    public Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken)
    {
        using var _ = _lock.EnterScope();
        Calls.Add($"create {request.OfferId}");
        return Task.FromResult<CreateResult>((IsDown ? Script.CallLost : GoneOffers.Contains(request.OfferId) ? Script.OfferGone : Next(Creates)) switch
        {
            Script.Works => new CreateResult.Created(Make(request)),
            Script.AnswerLost => Do(() => Make(request), new CreateResult.Unknown("the answer was lost")),
            Script.CallLost => new CreateResult.Unknown("no connection"),
            Script.LeavesMachine => new CreateResult.LeftMachine(Make(request), "no image"),
            Script.HidesMachine => Do(() => Make(request), new CreateResult.Rejected(ProviderErrorKind.Invalid, "internal error")),
            Script.OfferGone => new CreateResult.OfferGone(),
            Script.NoCredit => new CreateResult.InsufficientCredit(),
            _ => new CreateResult.Rejected(ProviderErrorKind.Invalid, "refused"),
        });
    }

    public Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken)
    {
        using var _ = _lock.EnterScope();
        return Task.FromResult<MachineReading>(
            IsDown ? new MachineReading.Unknown(ProviderErrorKind.Transient, "down")
            : Denied.Contains(providerMachineId) || !Machines.TryGetValue(providerMachineId, out var machine) ? new MachineReading.Absent("404")
            : new MachineReading.Present(machine));
    }

    public Task<MachineListing> ListAsync(CancellationToken cancellationToken)
    {
        using var _ = _lock.EnterScope();
        return Task.FromResult<MachineListing>(
            IsDown
                ? new MachineListing.Unknown(ProviderErrorKind.Transient, "down")
                : new MachineListing.Complete(
                    [.. Machines.Values.Where(machine => !Unlisted.Contains(machine.Id) && !(time.GetUtcNow() - machine.CreatedAt < ListingLag))]));
    }

    public Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken) =>
        EffectAsync("start", providerMachineId, Starts, () => Set(providerMachineId, BootState));

    public Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken) =>
        EffectAsync("stop", providerMachineId, [], () => Set(providerMachineId, ProviderMachineState.Stopped));

    public Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken) =>
        EffectAsync("destroy", providerMachineId, Destroys, () => Machines.Remove(providerMachineId));

    /// <summary>Has the provider say that a machine is in <paramref name="state"/>.</summary>
    public void Set(string id, ProviderMachineState state) => Machines[id] = Machines[id] with { State = state };

    /// <summary>Puts a machine into the book that nobody here asked for.</summary>
    public string Add(string? tag)
    {
        var id = $"{Name}-{++_lastId}";
        Machines[id] = new ProviderMachine
        {
            Id = id,
            Tag = tag,
            State = BootState,
            SshHost = SshAddress?.Host ?? $"{Name}-{_lastId}.example",
            SshPort = SshAddress?.Port ?? 22,
            CreatedAt = time.GetUtcNow(),
        };
        return id;
    }

    private string Make(CreateMachineRequest request)
    {
        Made.Add(request.Tag);
        return Add(request.Tag);
    }

    private Task<EffectResult> EffectAsync(string verb, string id, Queue<Script> scripts, Action effect)
    {
        using var _ = _lock.EnterScope();
        Calls.Add($"{verb} {id}");
        return Task.FromResult<EffectResult>((IsDown ? Script.CallLost : Next(scripts)) switch
        {
            Script.CallLost => new EffectResult.Unknown(ProviderErrorKind.Transient, "down"),
            Script.Denied => new EffectResult.NotFound(),
            Script.Refused => new EffectResult.Rejected(ProviderErrorKind.Invalid, "refused"),
            not Script.CallLost when !Machines.ContainsKey(id) => new EffectResult.NotFound(),
            Script.AnswerLost => Do(effect, new EffectResult.Unknown(ProviderErrorKind.Transient, "the answer was lost")),
            _ => Do(effect, new EffectResult.Done()),
        });
    }

    private static Script Next(Queue<Script> scripts) => scripts.TryDequeue(out var script) ? script : Script.Works;

    private static T Do<T>(Action effect, T result)
    {
        effect();
        return result;
    }
}
