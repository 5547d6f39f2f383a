using System.Data.Common;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.OwnMachines;
using Dumont.Server.Settings;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

/// <summary>Chooses an offer for a machine of an instance and records the intent to rent it.</summary>
internal sealed class MachinePlacement(OfferCatalog catalog, ProviderAccounts accounts, MachineStore machines, IOptions<InstancesOptions> options)
{
    /// <summary>Provider of GPU machines.</summary>
    public const string GpuProvider = "vast";

    /// <summary>Provider of CPU machines.</summary>
    public const string CpuProvider = "gcp";

    /// <summary>As deep as the list of a cloud that has offers in every zone.</summary>
    private const int CpuOffersMax = 1000;

    /// <summary>CPU machines with a disk of that size, in every zone.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public static Task<IReadOnlyList<MachineOffer>> SearchCpuAsync(ProviderAccount account, double diskGb, CancellationToken cancellationToken) =>
        account.Client.SearchOffersAsync(new OfferQuery { DiskGb = diskGb, Interruptible = true, Limit = CpuOffersMax }, cancellationToken);

    /// <summary>The intent to rent <paramref name="found"/> for the work of an instance.</summary>
    public static NewMachine WorkMachineOf(InstanceId id, UserId userId, MachineSpec spec, FoundOffer found) =>
        new(
            id,
            userId,
            MachineRole.Gpu,
            found.Account.Provider,
            found.Account.Account,
            // A cloud's offer is a price list; any number of machines can be had of it.
            ExclusiveOffer: found.Offer.Provider != CpuProvider,
            new MachineDocument { Offer = found.Offer, Spec = spec });

    /// <summary>What is asked of a machine at <paramref name="offer"/> for an instance that wants <paramref name="wanted"/>, at
    /// <paramref name="mostUsdPerHour"/> at most where that is said. Pure.</summary>
    public static MachineSpec SpecOn(MachineSpec wanted, MachineOffer offer, decimal? mostUsdPerHour) =>
        offer.GpuName is null ? BareSpec(wanted.DiskGb) : wanted with { BidUsdPerHour = BidOn(wanted.BidUsdPerHour, offer, mostUsdPerHour) };

    /// <summary>A machine that only has the workspace: image, ports and start script are for the GPU side, and the instance keeps them for the day it returns
    /// to one.</summary>
    public static MachineSpec BareSpec(double diskGb) => new(Image: null, diskGb, OnStart: null, new Dictionary<string, string>(), [], BidUsdPerHour: null);

    // A bid that was made for another machine: no less than this one takes, else it is refused or taken back at once.
    private static decimal? BidOn(decimal? bid, MachineOffer offer, decimal? mostUsdPerHour) =>
        offer.Interruptible && bid is { } made ? Math.Max(Math.Min(made, mostUsdPerHour ?? made), offer.MinBidUsdPerHour ?? 0) : null;

    /// <summary>Offers as good as the one wanted, best first, without those tried already and without hosts that have failed this instance.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public Task<IReadOnlyList<FoundOffer>> FindSubstitutesAsync(
        Instance instance, IReadOnlyList<Machine> tried, double? maxPriceFactor, CancellationToken cancellationToken)
    {
        var gpus = tried.Where(machine => machine.Role == MachineRole.Gpu).ToList();

        // An offer that merely was gone says nothing about its host.
        var badHosts = gpus
            .Where(machine => machine.Document.Failure is not (null or MachineFailure.OfferGone or MachineFailure.InsufficientCredit))
            .Select(machine => machine.Document.Offer.HostMachineId)
            .OfType<long>()
            .ToHashSet();
        var triedOffers = gpus.Where(machine => machine.SpeaksAgainstItsOffer).Select(machine => machine.Document.Offer.Id).ToHashSet();
        return catalog.FindEquivalentsAsync(
            instance.UserId,
            instance.Document.WantedOffer,
            instance.Document.Spec.DiskGb,
            badHosts,
            triedOffers,
            (decimal)(maxPriceFactor ?? options.Value.SubstitutePriceFactor),
            cancellationToken);
    }

    /// <summary>An own machine of the user that can be a standby, the one with most memory first: none that an instance runs on, nor one that was tried in
    /// vain. Null when there is none.</summary>
    public async Task<FoundOffer?> FindOwnStandbyAsync(Instance instance, IReadOnlyList<Machine> tried, CancellationToken cancellationToken)
    {
        var failed = tried.Where(machine => machine.Document.Failure is not null).Select(machine => machine.Document.Offer.Id).ToHashSet();
        return (await catalog.ListOwnAsync(instance.UserId, OwnMachineUses.Standby, cancellationToken))
            .Where(own => own.Offer.DiskGb >= instance.Document.Spec.DiskGb && !failed.Contains(own.Offer.Id))
            .OrderByDescending(own => own.Offer.MemoryMiB)
            .ThenBy(own => own.Offer.Id, StringComparer.Ordinal)
            .FirstOrDefault();
    }

    /// <summary>Whether the user has an own machine that may serve as a standby, free at present or not.</summary>
    public Task<bool> HasOwnStandbyAsync(UserId userId, CancellationToken cancellationToken) => catalog.HasOwnAsync(userId, OwnMachineUses.Standby, cancellationToken);

    /// <summary>The account under which the user rents at <paramref name="provider"/>.</summary>
    public Task<ProviderAccount?> FindAccountAsync(UserId userId, string provider, CancellationToken cancellationToken) =>
        accounts.FindForUserAsync(userId, provider, cancellationToken);

    /// <summary>Records the intent to rent the first of <paramref name="offers"/> that no other machine of ours is buying, in the caller's transaction.</summary>
    /// <returns>The machine and its offer; null when all are being bought.</returns>
    public async Task<(MachineId Id, MachineOffer Offer)?> PlaceGpuAsync(
        DbTransaction transaction, InstanceId id, UserId userId, MachineSpec spec, IEnumerable<FoundOffer> offers)
    {
        foreach (var found in offers)
        {
            if (await machines.InsertAsync(transaction, WorkMachineOf(id, userId, spec, found)) is { } placed)
            {
                return (placed, found.Offer);
            }
        }

        return null;
    }
}
