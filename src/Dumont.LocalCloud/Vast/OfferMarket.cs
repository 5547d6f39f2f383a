using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>The market of this cloud's seed, and who holds what of it. Occupancy is read from the contracts, never kept twice.</summary>
internal sealed class OfferMarket(IReadOnlyList<Offer> offers, ContractBook book, TimeProvider time)
{
    private readonly Dictionary<long, Offer> _byId = offers.ToDictionary(offer => offer.Id);

    public IReadOnlyList<Offer> Offers => offers;

    public Offer? Find(long id) => _byId.GetValueOrDefault(id);

    /// <summary>Offers that satisfy the query, in its order. The caller holds the gate of the book.</summary>
    public IReadOnlyList<OfferListing> Search(OfferQuery query)
    {
        var now = time.GetUtcNow();
        var byMachine = book.All.ToLookup(contract => contract.Offer.Host.MachineId);
        var listings = offers.Select(offer =>
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

    // A dead host rents nothing, whichever of its GPUs is asked for.
    private static List<Contract> Blockers(Offer offer, IEnumerable<Contract> onMachine, long? bidMicroUsdPerHour) =>
    [
        .. onMachine.Where(contract => contract.HostDead
            || (contract.HoldsGpus && contract.Offer.Overlaps(offer) && !GivesWay(contract, bidMicroUsdPerHour))),
    ];

    private static bool GivesWay(Contract contract, long? bidMicroUsdPerHour) =>
        contract.IsBid && (bidMicroUsdPerHour is null || contract.MicroUsdPerHour < bidMicroUsdPerHour);
}
