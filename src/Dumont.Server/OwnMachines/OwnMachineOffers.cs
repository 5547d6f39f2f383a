using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Providers.Ssh;

namespace Dumont.Server.OwnMachines;

/// <summary>The own machines of one user as offers. Read from the records, not from the machines: renting tells in any case.</summary>
internal sealed class OwnMachineOffers(OwnMachineStore store, OwnMachineAccess access)
{
    /// <summary>Those that are free for <paramref name="use"/>.</summary>
    public async Task<IReadOnlyList<(IComputeProvider Client, MachineOffer Offer)>> ListAsync(
        UserId user, OwnMachineUses use, CancellationToken cancellationToken)
    {
        var free = new List<(IComputeProvider, MachineOffer)>();
        foreach (var machine in (await store.ListOfUserAsync(user, cancellationToken)).Where(machine => machine.IsFree && machine.Uses.HasFlag(use)))
        {
            free.Add((await access.ConnectAsync(machine, cancellationToken), OfferOf(machine)));
        }

        return free;
    }

    /// <summary>The one whose offer has this id, free or not; null when it is not the user's or may not serve as GPU machine.</summary>
    public async Task<(IComputeProvider Client, MachineOffer Offer)?> FindAsync(UserId user, string offerId, CancellationToken cancellationToken) =>
        SshOffers.OwnMachineOf(offerId) is { } id
        && await store.FindAsync(user, id, cancellationToken) is { } machine
        && machine.Uses.HasFlag(OwnMachineUses.Gpu)
            ? (await access.ConnectAsync(machine, cancellationToken), OfferOf(machine))
            : null;

    /// <summary>Whether the user has one for <paramref name="use"/>, free at present or not.</summary>
    public async Task<bool> HasAsync(UserId user, OwnMachineUses use, CancellationToken cancellationToken) =>
        (await store.ListOfUserAsync(user, cancellationToken)).Any(machine => machine.Uses.HasFlag(use));

    private static MachineOffer OfferOf(OwnMachine machine) =>
        SshOffers.Of(machine.Id, machine.Document.Capacity, machine.Location, machine.Document.Reliability);
}
