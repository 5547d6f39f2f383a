namespace Dumont.Providers.Tests;

/// <summary>What every provider must do, whichever cloud answers it: derive, say how to open one, and run against a fake, a local cloud or,
/// by choice, the real thing. Each test rents under tags of its own and gives back what it rented.</summary>
public abstract class ComputeProviderConformance : IAsyncLifetime
{
    private readonly List<string> _rented = [];
    private IComputeProvider? _provider;

    /// <summary>The provider under test, its pacing off where the cloud has none.</summary>
    protected abstract Task<IComputeProvider> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Id of an offer that never existed.</summary>
    protected abstract string MissingOfferId { get; }

    /// <summary>Id of a machine that never existed.</summary>
    protected abstract string MissingMachineId { get; }

    /// <summary>Which offers to rent from.</summary>
    protected virtual OfferQuery Query => new() { DiskGb = 16 };

    /// <summary>Image to rent with, where the provider wants one.</summary>
    protected virtual string Image => "dumont/base:1";

    /// <summary>Server word of the tags; differs between runs where the cloud remembers names.</summary>
    protected virtual string Server => "conf";

    /// <summary>Whether its machines cost nothing.</summary>
    protected virtual bool IsFree => false;

    /// <summary>Longest wait for a state.</summary>
    protected virtual TimeSpan Patience => TimeSpan.FromSeconds(60);

    /// <summary>Passes the time between two looks; a cloud with a clock of its own moves that.</summary>
    protected virtual Task PauseAsync(CancellationToken cancellationToken) =>
        Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, cancellationToken);

    /// <summary>The provider under test.</summary>
    protected IComputeProvider Provider => _provider!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _provider = await OpenAsync(Cancel);

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var id in _rented)
        {
            await Provider.DestroyAsync(id, CancellationToken.None);
        }

        (Provider as IDisposable)?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Search_Any_OffersAreWholeAndCheapestFirst()
    {
        var offers = await Provider.SearchOffersAsync(Query, Cancel);

        Assert.NotEmpty(offers);
        Assert.All(offers, offer =>
        {
            Assert.NotEmpty(offer.Id);
            Assert.Equal(Provider.Name, offer.Provider);
            Assert.True(offer.UsdPerHour >= 0);
            Assert.Equal(IsFree, offer.UsdPerHour == 0);
            Assert.True(offer.CpuCores > 0 && offer.MemoryMiB > 0 && offer.DiskGb > 0);
            Assert.InRange(offer.Reliability, 0, 1);
            Assert.NotEmpty(offer.Geolocation);
            Assert.Equal(offer.GpuCount == 0, offer.GpuName is null);
        });
        Assert.Equal(offers.Select(offer => offer.UsdPerHour).Order(), offers.Select(offer => offer.UsdPerHour));
        Assert.Distinct(offers.Select(offer => offer.Id));
    }

    [Fact]
    public async Task Search_Limit_IsKept() =>
        Assert.Single(await Provider.SearchOffersAsync(Query with { Limit = 1 }, Cancel));

    [Fact]
    public async Task Search_PriceRange_IsKept()
    {
        var all = await Provider.SearchOffersAsync(Query, Cancel);
        var middle = all[all.Count / 2].UsdPerHour;

        Assert.All(await Provider.SearchOffersAsync(Query with { MaxUsdPerHour = middle }, Cancel), offer => Assert.True(offer.UsdPerHour <= middle));
        Assert.All(await Provider.SearchOffersAsync(Query with { MinUsdPerHour = middle }, Cancel), offer => Assert.True(offer.UsdPerHour >= middle));
        Assert.Empty(await Provider.SearchOffersAsync(IsFree ? Query with { MinUsdPerHour = 0.0000001m } : Query with { MaxUsdPerHour = 0.0000001m }, Cancel));
    }

    [Fact]
    public async Task Search_ById_FindsThatOfferOrNothing()
    {
        var offer = await AnyOfferAsync();

        Assert.Equal(offer.Id, Assert.Single(await Provider.SearchOffersAsync(Query with { OfferId = offer.Id }, Cancel)).Id);
        Assert.Empty(await Provider.SearchOffersAsync(Query with { OfferId = MissingOfferId }, Cancel));
        Assert.Empty(await Provider.SearchOffersAsync(Query with { OfferId = "not/an id?" }, Cancel));
    }

    [Fact]
    public async Task Create_GoodOffer_MachineCarriesItsTagInGetAndList()
    {
        var (id, tag) = await RentAsync(1);

        var machine = Assert.IsType<MachineReading.Present>(await Provider.GetAsync(id, Cancel)).Machine;
        Assert.Equal((id, tag), (machine.Id, machine.Tag));
        var listed = await EventuallyAsync(async () => (await ListAsync()).SingleOrDefault(one => one.Id == id), one => one is not null);
        Assert.Equal(tag, listed!.Tag);
    }

    [Fact]
    public async Task Create_GoodOffer_RunsAndTellsItsSshEndpoint()
    {
        var (id, _) = await RentAsync(2);

        var machine = await UntilAsync(id, ProviderMachineState.Running);
        machine = await EventuallyAsync(() => PresentAsync(id), one => one.SshHost is not null);
        Assert.NotNull(machine.SshHost);
        Assert.InRange(machine.SshPort ?? 0, 1, 65535);
        Assert.Equal(IsFree, machine.UsdPerHour == 0);
    }

    [Fact]
    public async Task Create_MissingOffer_IsGoneAndRentsNothing()
    {
        var tag = Tag(3);

        Assert.IsType<CreateResult.OfferGone>(await Provider.CreateAsync(Request(MissingOfferId, tag, null), Cancel));
        Assert.DoesNotContain(await ListAsync(), machine => machine.Tag == tag);
    }

    [Fact]
    public async Task StopAndStart_Running_EndInTheAskedStateHoweverOftenAsked()
    {
        var (id, tag) = await RentAsync(4);
        await UntilAsync(id, ProviderMachineState.Running);
        Assert.IsType<EffectResult.Done>(await Provider.StartAsync(id, Cancel));

        Assert.IsType<EffectResult.Done>(await Provider.StopAsync(id, Cancel));
        var stopped = await UntilAsync(id, ProviderMachineState.Stopped);
        Assert.Equal(tag, stopped.Tag);
        Assert.IsType<EffectResult.Done>(await Provider.StopAsync(id, Cancel));

        Assert.IsNotType<EffectResult.Rejected>(await Provider.StartAsync(id, Cancel));
        await UntilAsync(id, ProviderMachineState.Running);
    }

    [Fact]
    public async Task Destroy_Present_IsProvenAbsent()
    {
        var (id, tag) = await RentAsync(5);

        Assert.IsType<EffectResult.Done>(await Provider.DestroyAsync(id, Cancel));
        var reading = await EventuallyAsync(() => Provider.GetAsync(id, Cancel), one => one is MachineReading.Absent);
        Assert.NotEmpty(Assert.IsType<MachineReading.Absent>(reading).Proof);
        Assert.IsType<EffectResult.NotFound>(await Provider.DestroyAsync(id, Cancel));
        Assert.DoesNotContain(await ListAsync(), machine => machine.Tag == tag);
    }

    [Fact]
    public async Task Missing_Machine_IsProvenAbsentAndNotFound()
    {
        Assert.IsType<MachineReading.Absent>(await Provider.GetAsync(MissingMachineId, Cancel));
        Assert.IsType<EffectResult.NotFound>(await Provider.StartAsync(MissingMachineId, Cancel));
        Assert.IsType<EffectResult.NotFound>(await Provider.StopAsync(MissingMachineId, Cancel));
        Assert.IsType<EffectResult.NotFound>(await Provider.DestroyAsync(MissingMachineId, Cancel));
    }

    [Fact]
    public async Task Malformed_Id_IsNeverTakenForAbsence()
    {
        Assert.IsType<MachineReading.Unknown>(await Provider.GetAsync("../users/current", Cancel));
        Assert.IsType<EffectResult.Rejected>(await Provider.DestroyAsync("a b", Cancel));
        Assert.IsType<EffectResult.Rejected>(await Provider.StopAsync("", Cancel));
    }

    [Fact]
    public async Task Balance_Asked_IsNoneOrPlausible()
    {
        if (await Provider.GetBalanceAsync(Cancel) is { } balance)
        {
            Assert.True(balance.CreditUsd >= 0);
        }
    }

    private string Tag(int instance) => $"dumont/{Server}/{instance}/{Random.Next(1, 1_000_000)}";

    // Seeded by the run, so that two runs against one cloud do not share tags.
    private static Random Random { get; } = new(Guid.NewGuid().GetHashCode());

    private CreateMachineRequest Request(string offerId, string tag, decimal? bid) => new()
    {
        OfferId = offerId,
        Tag = tag,
        Image = Image,
        DiskGb = 16,
        AuthorizedKeys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl conformance"],
        OnStart = "touch /root/started",
        Environment = new Dictionary<string, string> { ["DUMONT_TEST"] = "it's one" },
        Ports = [8080],
        BidUsdPerHour = bid,
    };

    private async Task<MachineOffer> AnyOfferAsync() => (await Provider.SearchOffersAsync(Query, Cancel))[0];

    private async Task<(string Id, string Tag)> RentAsync(int instance)
    {
        var offer = await AnyOfferAsync();
        var tag = Tag(instance);
        var bid = offer.MinBidUsdPerHour * 2;
        var created = Assert.IsType<CreateResult.Created>(await Provider.CreateAsync(Request(offer.Id, tag, bid), Cancel));
        _rented.Add(created.ProviderMachineId);
        return (created.ProviderMachineId, tag);
    }

    private async Task<IReadOnlyList<ProviderMachine>> ListAsync() =>
        Assert.IsType<MachineListing.Complete>(await Provider.ListAsync(Cancel)).Machines;

    private async Task<ProviderMachine> PresentAsync(string id) =>
        Assert.IsType<MachineReading.Present>(await Provider.GetAsync(id, Cancel)).Machine;

    private Task<ProviderMachine> UntilAsync(string id, ProviderMachineState state) =>
        EventuallyAsync(() => PresentAsync(id), machine => machine.State == state);

    private async Task<T> EventuallyAsync<T>(Func<Task<T>> look, Func<T, bool> good)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var seen = await look();
            if (good(seen))
            {
                return seen;
            }

            Assert.True(TimeProvider.System.GetElapsedTime(begun) < Patience, $"Still {seen} after {Patience}.");
            await PauseAsync(Cancel);
        }
    }
}
