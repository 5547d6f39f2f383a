using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>The market of this cloud's seed at the prices of the moment, and who holds what of it.</summary>
/// <remarks>Occupancy is read from the contracts, never kept twice. All access happens under the gate of the book.</remarks>
internal sealed class OfferMarket(IReadOnlyList<Offer> offers, PriceProcess prices, ContractBook book, BillingClock clock, TimeProvider time)
{
    private Dictionary<long, Offer> _byId = [];
    private long _step = -1;

    /// <summary>Offers at the prices of the moment, in the order of their ids.</summary>
    public IReadOnlyCollection<Offer> Offers => Current().Values;

    /// <summary>The offer at the price of the moment.</summary>
    public Offer? Find(long id) => Current().GetValueOrDefault(id);

    /// <summary>What a bid must be at the least to hold a contract's GPUs against the market's other customers.</summary>
    public long MinBidOf(Contract contract) => (Find(contract.Offer.Id) ?? contract.Offer).MinBidMicroUsdPerHour;

    /// <summary>The bid that wins a contract's GPUs now, unless somebody holds them on demand.</summary>
    public long WinningBidOf(Contract contract)
    {
        var rivals = book.All.Where(other => other != contract && other is { HoldsGpus: true, IsBid: true } && other.Offer.Overlaps(contract.Offer));
        return Math.Max(MinBidOf(contract), rivals.Select(other => other.MicroUsdPerHour + BidStep).DefaultIfEmpty().Max());
    }

    /// <summary>Offers that satisfy the query, in its order. The caller holds the gate of the book.</summary>
    public IReadOnlyList<OfferListing> Search(OfferQuery query)
    {
        var now = time.GetUtcNow();
        var byMachine = book.All.ToLookup(contract => contract.Offer.Host.MachineId);
        var listings = Offers.Select(offer =>
        {
            var rented = byMachine[offer.Host.MachineId].Any(contract => contract.HoldsGpus && contract.Offer.Overlaps(offer));
            var rentable = Blockers(offer, byMachine[offer.Host.MachineId], query.IsBid ? offer.MinBidMicroUsdPerHour : null).Count == 0;
            return new OfferListing(offer, query.DiskGb, query.IsBid, rentable, rented && !rentable, now);
        });
        return [.. query.Sort(listings.Where(query.Accepts))];
    }

    /// <summary>Contracts that stand in the way of renting the offer; those that give way are not among them.</summary>
    /// <param name="offer">The slice wanted.</param>
    /// <param name="bidMicroUsdPerHour">The bid, or null for on-demand, which outranks every bid.</param>
    public IReadOnlyList<Contract> FindBlockers(Offer offer, long? bidMicroUsdPerHour) =>
        Blockers(offer, book.All.Where(contract => contract.Offer.Host.MachineId == offer.Host.MachineId), bidMicroUsdPerHour);

    /// <summary>Contracts on a bid that lose their GPUs to whoever takes the offer.</summary>
    public IReadOnlyList<Contract> FindOutbid(Offer offer) =>
        [.. book.All.Where(contract => contract.HoldsGpus && contract.IsBid && contract.Offer.Overlaps(offer))];

    // By how much a bid must exceed another.
    private const long BidStep = 1_000;

    private Dictionary<long, Offer> Current()
    {
        var step = PriceProcess.StepAt(clock.Now - clock.Birth);
        if (step != _step)
        {
            var hosts = offers.Select(offer => offer.Host).DistinctBy(host => host.MachineId).ToDictionary(host => host.MachineId, host => prices.At(host, step));
            _byId = offers.ToDictionary(offer => offer.Id, offer => offer with { Host = hosts[offer.Host.MachineId] });
            _step = step;
        }

        return _byId;
    }

    // A dead host rents nothing, whichever of its GPUs is asked for.
    private static List<Contract> Blockers(Offer offer, IEnumerable<Contract> onMachine, long? bidMicroUsdPerHour) =>
    [
        .. onMachine.Where(contract => contract.HostDead
            || (contract.HoldsGpus && contract.Offer.Overlaps(offer) && !GivesWay(contract, bidMicroUsdPerHour))),
    ];

    private static bool GivesWay(Contract contract, long? bidMicroUsdPerHour) =>
        contract.IsBid && (bidMicroUsdPerHour is null || contract.MicroUsdPerHour < bidMicroUsdPerHour);
}
