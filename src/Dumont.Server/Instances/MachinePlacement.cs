using System.Data.Common;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.Settings;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

/// <summary>Chooses an offer for a machine of an instance and records the intent to rent it.</summary>
internal sealed class MachinePlacement(OfferCatalog catalog, ProviderAccounts accounts, MachineStore machines, IOptions<InstancesOptions> options)
{
    /// <summary>Provider of GPU machines.</summary>
    public const string GpuProvider = "vast";

    /// <summary>Offers as good as the one wanted, best first, without those tried already and without hosts that have failed this instance.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<IReadOnlyList<MachineOffer>> FindSubstitutesAsync(
        Instance instance, IReadOnlyList<Machine> tried, double? maxPriceFactor, CancellationToken cancellationToken)
    {
        var gpus = tried.Where(machine => machine.Role == MachineRole.Gpu).ToList();

        // An offer that merely was gone says nothing about its host.
        var badHosts = gpus
            .Where(machine => machine.Document.Failure is not (null or MachineFailure.OfferGone or MachineFailure.InsufficientCredit))
            .Select(machine => machine.Document.Offer.HostMachineId)
            .OfType<long>()
            .ToHashSet();
        var triedOffers = gpus.Where(machine => machine.Document.Failure is not null).Select(machine => machine.Document.Offer.Id).ToHashSet();
        var found = await catalog.FindEquivalentsAsync(
            instance.UserId,
            instance.Document.WantedOffer,
            instance.Document.Spec.DiskGb,
            badHosts,
            triedOffers,
            (decimal)(maxPriceFactor ?? options.Value.SubstitutePriceFactor),
            cancellationToken);
        return [.. found.Select(each => each.Offer)];
    }

    /// <summary>The account under which the user rents at <paramref name="provider"/>.</summary>
    public Task<ProviderAccount?> FindAccountAsync(UserId userId, string provider, CancellationToken cancellationToken) =>
        accounts.FindForUserAsync(userId, provider, cancellationToken);

    /// <summary>Records the intent to rent the first of <paramref name="offers"/> that no other machine of ours is buying, in the caller's transaction.</summary>
    /// <returns>The machine and its offer; null when all are being bought.</returns>
    public async Task<(MachineId Id, MachineOffer Offer)?> PlaceGpuAsync(
        DbTransaction transaction, InstanceId id, UserId userId, MachineSpec spec, ProviderAccount account, IEnumerable<MachineOffer> offers)
    {
        foreach (var offer in offers)
        {
            var machineId = await machines.InsertAsync(
                transaction,
                new NewMachine(
                    id, userId, MachineRole.Gpu, account.Provider, account.Account, ExclusiveOffer: true, new MachineDocument { Offer = offer, Spec = spec }));
            if (machineId is { } placed)
            {
                return (placed, offer);
            }
        }

        return null;
    }
}
