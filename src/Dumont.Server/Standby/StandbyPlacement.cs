using Dumont.Contracts;
using Dumont.Market.Regions;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Settings;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Standby;

/// <summary>Chooses where a standby stands, and which GPU takes over from it.</summary>
internal sealed class StandbyPlacement(ProviderAccounts accounts, MachinePlacement gpus, IOptions<StandbyOptions> options)
{
    /// <summary>Provider of standby machines.</summary>
    public const string StandbyProvider = MachinePlacement.CpuProvider;

    /// <summary>The standby to rent, or why there is none: the wanted zone, else the nearest to the GPU, else the cheapest; zones that came to
    /// nothing last.</summary>
    public async Task<(NewMachine? Machine, string? Trouble)> FindStandbyAsync(
        Instance instance, Association association, IReadOnlyList<Machine> tried, CancellationToken cancellationToken)
    {
        // A machine of the user's own costs nothing; one who names a zone wants a machine there.
        if (association.Document.Zone is null && await gpus.FindOwnStandbyAsync(instance, tried, cancellationToken) is { } own)
        {
            return (StandbyOf(instance, own.Account, own.Offer, isExclusive: true), null);
        }

        if (await accounts.FindForUserAsync(instance.UserId, StandbyProvider, cancellationToken) is not { } account)
        {
            return (null, "There are no credentials for Google Cloud, and no own machine is free to be the standby.");
        }

        IReadOnlyList<MachineOffer> offers;
        try
        {
            offers = await MachinePlacement.SearchCpuAsync(account, instance.Document.Spec.DiskGb, cancellationToken);
        }
        catch (ProviderException exception)
        {
            return (null, $"Google Cloud could not be asked: {exception.Kind}.");
        }

        var failed = tried
            .Where(machine => machine is { Role: MachineRole.Standby, Document.Failure: not null })
            .Select(machine => machine.Document.Offer.Id)
            .ToList();
        var gpu = tried.LastOrDefault(machine => machine is { Role: MachineRole.Gpu, IsSpent: false })?.Document.Offer ?? instance.Document.WantedOffer;
        var wanted = association.Document.Zone ?? RegionMap.Locate(gpu.Geolocation).Zone;
        var offer = Rank(offers, wanted, failed).FirstOrDefault();
        return offer is null
            ? (null, "No zone offers a standby machine.")
            : (StandbyOf(instance, account, offer, isExclusive: false), null);
    }

    /// <summary>GPU machines to try in place of the lost one, best first, or why there are none.</summary>
    public async Task<(IReadOnlyList<NewMachine> Machines, string? Trouble)> FindCandidatesAsync(
        Instance instance, IReadOnlyList<Machine> tried, MachineId? lost, CancellationToken cancellationToken)
    {
        try
        {
            var offers = await gpus.FindSubstitutesAsync(instance, tried, options.Value.RecoveryPriceFactor, cancellationToken);

            // Never back to the host that just failed.
            var before = tried.FirstOrDefault(machine => machine.Id == lost);
            var lostHost = before?.Document.Offer.HostMachineId;
            var candidates = offers
                .Where(each => lostHost is null || each.Offer.HostMachineId != lostHost)
                .Select(each => MachinePlacement.WorkMachineOf(instance.Id, instance.UserId, CandidateSpec(instance, before, each.Offer), each))
                .ToList();
            return (candidates, candidates.Count == 0 ? "No equivalent GPU is on the market." : null);
        }
        catch (ProviderException exception)
        {
            return ([], $"Vast.ai could not be asked: {exception.Kind}.");
        }
    }

    /// <summary>Offers in the order in which they should be tried. Pure.</summary>
    public static IEnumerable<MachineOffer> Rank(IEnumerable<MachineOffer> offers, string wantedZone, IReadOnlyList<string> failedOffers) =>
        offers
            .OrderBy(offer => failedOffers.Count(failed => failed == offer.Id))
            .ThenByDescending(offer => offer.Id.StartsWith(wantedZone + "/", StringComparison.Ordinal))
            .ThenByDescending(offer => RegionOf(offer.Id) == RegionOf(wantedZone))
            .ThenBy(offer => offer.UsdPerHour)
            .ThenBy(offer => offer.Id, StringComparer.Ordinal);

    /// <summary><c>europe-west1</c> of <c>europe-west1-b</c> and of <c>europe-west1-b/e2-medium/spot</c>.</summary>
    private static string RegionOf(string zone)
    {
        var name = zone.Split('/')[0];
        return name.LastIndexOf('-') is > 0 and var dash ? name[..dash] : name;
    }

    // A CPU machine gets what the one before had: nothing to start, where the instance was moved there from a GPU.
    private static MachineSpec CandidateSpec(Instance instance, Machine? before, MachineOffer offer) =>
        before is { Role: MachineRole.Gpu, Document: { Offer.GpuName: null, Spec: var had } }
            ? had
            : MachinePlacement.SpecOn(instance.Document.Spec, offer, mostUsdPerHour: null);

    private static NewMachine StandbyOf(Instance instance, ProviderAccount account, MachineOffer offer, bool isExclusive) =>
        new(
            instance.Id,
            instance.UserId,
            MachineRole.Standby,
            account.Provider,
            account.Account,
            isExclusive,
            new MachineDocument { Offer = offer, Spec = MachinePlacement.BareSpec(instance.Document.Spec.DiskGb) });
}
