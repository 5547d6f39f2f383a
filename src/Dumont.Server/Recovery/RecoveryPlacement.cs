using Dumont.Contracts;
using Dumont.Market.Regions;
using Dumont.Providers;
using Dumont.Server.Hosts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.Standby;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Recovery;

/// <summary>Finds the machine that an instance is recovered on: like the lost one, or as it was asked for. Never the offer, host or zone that was lost.</summary>
internal sealed class RecoveryPlacement(MachinePlacement machines, OfferCatalog catalog, HostHistory hosts, IOptions<StandbyOptions> options)
{
    private const int OffersMax = 20;

    /// <summary>As a wizard's choice: hosts less reliable than this are not taken.</summary>
    private const double Reliability = 0.95;

    /// <summary>Offers to try, best first; none with a reason.</summary>
    public async Task<(IReadOnlyList<FoundOffer> Offers, string? Trouble)> FindAsync(
        Instance instance, RecoveryGoal goal, IReadOnlyList<Machine> tried, MachineId lost, CancellationToken cancellationToken)
    {
        try
        {
            var found = goal.GpuName is null
                ? await machines.FindSubstitutesAsync(instance, tried, FactorOf(instance, goal), cancellationToken)
                : await SearchAsync(instance, goal, goal.GpuName, tried, cancellationToken);
            var left = tried.FirstOrDefault(machine => machine.Id == lost)?.Document.Offer;
            var most = MostOf(instance, goal);
            IReadOnlyList<FoundOffer> fit =
            [
                .. found
                    .Where(each => each.Offer.UsdPerHour <= most && !IsWhereItWas(each.Offer, left)
                        && (!RegionMap.TryParseGroup(goal.Region, out var region) || RegionMap.IsIn(each.Offer.Geolocation, region)))
                    .Take(OffersMax),
            ];
            return (fit, fit.Count == 0 ? "No machine that fits is on the market." : null);
        }
        catch (ProviderException exception)
        {
            return ([], $"The market could not be asked: {exception.Kind}.");
        }
    }

    /// <summary>The intent to rent <paramref name="found"/> for an instance.</summary>
    public static NewMachine MachineOf(Instance instance, FoundOffer found) =>
        new(
            instance.Id,
            instance.UserId,
            MachineRole.Gpu,
            found.Account.Provider,
            found.Account.Account,
            // A cloud's offer is a price list; any number of machines can be had of it.
            ExclusiveOffer: found.Offer.Provider != StandbyPlacement.StandbyProvider,
            new MachineDocument { Offer = found.Offer, Spec = SpecOf(instance.Document.Spec, found.Offer) });

    // Image, ports and start script are for the GPU side.
    private static MachineSpec SpecOf(MachineSpec wanted, MachineOffer offer) =>
        offer.GpuName is null ? new MachineSpec(Image: null, wanted.DiskGb, OnStart: null, new Dictionary<string, string>(), [], BidUsdPerHour: null) : wanted;

    private decimal MostOf(Instance instance, RecoveryGoal goal) =>
        goal.MaxUsdPerHour ?? instance.Document.WantedOffer.UsdPerHour * (decimal)options.Value.RecoveryPriceFactor;

    private double FactorOf(Instance instance, RecoveryGoal goal) =>
        goal.MaxUsdPerHour is { } most && instance.Document.WantedOffer.UsdPerHour is > 0 and var wanted ? (double)(most / wanted) : options.Value.RecoveryPriceFactor;

    private async Task<IReadOnlyList<FoundOffer>> SearchAsync(
        Instance instance, RecoveryGoal goal, string gpu, IReadOnlyList<Machine> tried, CancellationToken cancellationToken)
    {
        var search = new OfferSearch
        {
            GpuName = gpu,
            GpuCount = Math.Max(1, instance.Document.WantedOffer.GpuCount),
            MaxUsdPerHour = MostOf(instance, goal),
            Region = RegionMap.TryParseGroup(goal.Region, out var region) ? region : null,
            DiskGb = instance.Document.Spec.DiskGb,
            MinReliability = Reliability,
            VerifiedOnly = true,
            Interruptible = instance.Document.Spec.BidUsdPerHour is not null,
        };
        var matches = await catalog.SearchAsync(instance.UserId, search, cancellationToken) ?? [];
        var hidden = await hosts.BlacklistedAsync(instance.UserId, cancellationToken);
        var failed = tried.Where(machine => machine.SpeaksAgainstItsOffer).ToList();
        return
        [
            .. matches.Where(each => !failed.Exists(machine => IsWhereItWas(each.Offer, machine.Document.Offer))
                && (each.Offer.HostMachineId is not { } host || !hidden.ContainsKey(new HostKey(each.Offer.Provider, host)))),
        ];
    }

    private static bool IsWhereItWas(MachineOffer offer, MachineOffer? left) =>
        left is not null && offer.Provider == left.Provider
        && (offer.Id == left.Id || (offer.HostMachineId is { } host && host == left.HostMachineId));
}
