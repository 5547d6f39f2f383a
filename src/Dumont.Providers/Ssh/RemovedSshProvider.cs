namespace Dumont.Providers.Ssh;

/// <summary>An own machine whose owner has removed it although something of ours was on it, because it will never answer again. Its owner's word is the
/// proof that nothing is there; should the machine come back and join anew, the sweep finds what was left on it.</summary>
public sealed class RemovedSshProvider : IComputeProvider
{
    /// <inheritdoc />
    public string Name => SshProvider.ProviderName;

    /// <inheritdoc />
    public Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<MachineOffer>>([]);

    /// <inheritdoc />
    public Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<CreateResult>(new CreateResult.OfferGone());

    /// <inheritdoc />
    public Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken) =>
        Task.FromResult<MachineReading>(new MachineReading.Absent("The own machine was removed by its owner."));

    /// <inheritdoc />
    public Task<MachineListing> ListAsync(CancellationToken cancellationToken) => Task.FromResult<MachineListing>(new MachineListing.Complete([]));

    /// <inheritdoc />
    public Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken) => NotFoundAsync();

    /// <inheritdoc />
    public Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken) => NotFoundAsync();

    /// <inheritdoc />
    public Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken) => NotFoundAsync();

    /// <inheritdoc />
    public Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken) => Task.FromResult<AccountBalance?>(null);

    private static Task<EffectResult> NotFoundAsync() => Task.FromResult<EffectResult>(new EffectResult.NotFound());
}
