using Dumont.Providers;

namespace Dumont.Server.Tests;

/// <summary>A provider with a shelf of offers. Renting is not what these tests are about.</summary>
internal sealed class FakeComputeProvider(string name = "vast") : IComputeProvider
{
    public string Name { get; } = name;

    public List<MachineOffer> Offers { get; } = [];

    public ProviderException? Failure { get; set; }

    public AccountBalance? Balance { get; set; } = new(12.5m, -1m, "owner@example.com");

    public int Searches { get; private set; }

    /// <summary>The secret that the client was made with.</summary>
    public string? Secret { get; set; }

    public Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken)
    {
        Searches++;
        if (Failure is not null)
        {
            throw Failure;
        }

        return Task.FromResult<IReadOnlyList<MachineOffer>>(
        [
            .. Offers.Where(offer => offer.Interruptible == query.Interruptible
                    && (query.OfferId is null || offer.Id == query.OfferId)
                    && (query.GpuNames.Count == 0 || query.GpuNames.Contains(offer.GpuName)))
                .OrderBy(offer => offer.UsdPerHour)
                .Take(query.Limit),
        ]);
    }

    public Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken) => Failure is null ? Task.FromResult(Balance) : throw Failure;

    public Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<MachineListing> ListAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken) => throw new NotSupportedException();
}
