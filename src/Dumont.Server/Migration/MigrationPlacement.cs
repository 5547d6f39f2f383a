using Dumont.Market.Regions;
using Dumont.Providers;
using Dumont.Providers.Ssh;
using Dumont.Server.Hosts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.OwnMachines;
using Dumont.Server.Settings;

namespace Dumont.Server.Migration;

/// <summary>What a search for a machine to move to came to.</summary>
internal abstract record TargetChoice
{
    private TargetChoice()
    {
    }

    /// <summary>These fit, the one to take first.</summary>
    public sealed record Found(IReadOnlyList<FoundOffer> Offers) : TargetChoice;

    /// <summary>The offer that was named is not what was asked for.</summary>
    public sealed record Unfit(string Field, string Message) : TargetChoice;

    /// <summary>Nothing fits at present.</summary>
    public sealed record NoMatch(string Message) : TargetChoice;

    /// <summary>There are no credentials.</summary>
    public sealed record NotConfigured(string Provider) : TargetChoice;

    /// <summary>The provider does not answer.</summary>
    public sealed record Unavailable(string Provider) : TargetChoice;
}

/// <summary>Finds the machine that an instance moves to, at whatever provider has it.</summary>
internal sealed class MigrationPlacement(OfferCatalog catalog, ProviderAccounts accounts, HostHistory hosts)
{
    private const string CpuProvider = "gcp";

    /// <summary>As deep as the list of a cloud that has offers in every zone.</summary>
    private const int CpuOffersMax = 1000;

    /// <summary>As a wizard's choice: hosts less reliable than this are not taken unless they are named.</summary>
    private const double Reliability = 0.95;

    private const int OffersMax = 20;

    /// <summary>Offers that fit <paramref name="goal"/>, cheapest first, without those that came to nothing before.</summary>
    public async Task<TargetChoice> FindAsync(Instance instance, MigrationGoal goal, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
    {
        try
        {
            return goal.OfferId is { } offer ? await FindNamedAsync(instance, goal, offer, machines, cancellationToken)
                : goal.WithGpu ? await FindGpuAsync(instance, goal, machines, cancellationToken)
                : await FindCpuAsync(instance, goal, machines, cancellationToken);
        }
        catch (ProviderException exception)
        {
            var provider = goal.Provider ?? (goal.WithGpu ? MachinePlacement.GpuProvider : CpuProvider);
            return exception.Kind == ProviderErrorKind.Credentials ? new TargetChoice.NotConfigured(provider) : new TargetChoice.Unavailable(provider);
        }
    }

    /// <summary>The intent to rent <paramref name="found"/> for an instance.</summary>
    public static NewMachine MachineOf(Instance instance, MigrationGoal goal, FoundOffer found) =>
        new(
            instance.Id,
            instance.UserId,
            MachineRole.Gpu,
            found.Account.Provider,
            found.Account.Account,
            // A cloud's offer is a price list; any number of machines can be had of it.
            ExclusiveOffer: found.Offer.Provider != CpuProvider,
            new MachineDocument { Offer = found.Offer, Spec = SpecOf(instance.Document.Spec, goal, found.Offer) });

    // Image, ports and start script are for the GPU side; the instance keeps them for the day it returns to one.
    private static MachineSpec SpecOf(MachineSpec wanted, MigrationGoal goal, MachineOffer offer) =>
        offer.GpuName is null
            ? new MachineSpec(Image: null, goal.DiskGb, OnStart: null, new Dictionary<string, string>(), [], BidUsdPerHour: null)
            : wanted with { DiskGb = goal.DiskGb, BidUsdPerHour = offer.Interruptible ? wanted.BidUsdPerHour : null };

    private async Task<TargetChoice> FindNamedAsync(
        Instance instance, MigrationGoal goal, string offerId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
    {
        var provider = goal.Provider!;
        if (provider != CpuProvider && machines.Any(machine => !machine.IsFinal && machine.Provider == provider && machine.Document.Offer.Id == offerId))
        {
            return new TargetChoice.Unfit("target_offer_id", "The instance is on this offer. Name another one.");
        }

        if (provider != SshProvider.ProviderName && await accounts.FindForUserAsync(instance.UserId, provider, cancellationToken) is null)
        {
            return new TargetChoice.NotConfigured(provider);
        }

        var interruptible = provider == CpuProvider || (provider != SshProvider.ProviderName && instance.Document.Spec.BidUsdPerHour is not null);
        if (await catalog.FindAsync(instance.UserId, provider, offerId, goal.DiskGb, interruptible, cancellationToken) is not { } found)
        {
            return new TargetChoice.Unfit("target_offer_id", "There is no such offer. List them: dumont instance offers");
        }

        return found.Offer switch
        {
            { GpuName: null } when goal.WithGpu => new TargetChoice.Unfit("target_offer_id", "This offer has no GPU. Use target_type=cpu, or another offer."),
            { GpuName: not null } when !goal.WithGpu => new TargetChoice.Unfit("target_offer_id", "This offer has a GPU. Use target_type=gpu, or another offer."),
            { DiskGb: var disk } when disk < goal.DiskGb => new TargetChoice.Unfit(
                "target_offer_id", FormattableString.Invariant($"This offer has a disk of {disk:0} GB at most; {goal.DiskGb:0} GB are needed.")),
            _ => new TargetChoice.Found([found]),
        };
    }

    private async Task<TargetChoice> FindGpuAsync(Instance instance, MigrationGoal goal, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
    {
        var search = new OfferSearch
        {
            GpuName = goal.GpuName,
            GpuCount = Math.Max(1, instance.Document.WantedOffer.GpuCount),
            MaxUsdPerHour = goal.MaxUsdPerHour,
            Region = MigrationRules.GroupOf(goal),
            DiskGb = goal.DiskGb,
            MinReliability = Reliability,
            VerifiedOnly = true,
            Interruptible = instance.Document.Spec.BidUsdPerHour is not null,
        };
        if (await catalog.SearchAsync(instance.UserId, search, cancellationToken) is not { } matches)
        {
            return new TargetChoice.NotConfigured(MachinePlacement.GpuProvider);
        }

        var hidden = await hosts.BlacklistedAsync(instance.UserId, cancellationToken);
        return Choose(
            matches.Where(each => each.Offer.HostMachineId is not { } host || !hidden.ContainsKey(new HostKey(each.Offer.Provider, host))), goal, machines);
    }

    private async Task<TargetChoice> FindCpuAsync(Instance instance, MigrationGoal goal, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
    {
        var own = await catalog.ListOwnAsync(instance.UserId, OwnMachineUses.Standby, cancellationToken);
        var found = own.Where(each => each.Offer.GpuName is null && goal.Region is null).ToList();
        if (goal.Provider is null or CpuProvider)
        {
            if (await accounts.FindForUserAsync(instance.UserId, CpuProvider, cancellationToken) is { } account)
            {
                var offers = await account.Client.SearchOffersAsync(
                    new OfferQuery { DiskGb = goal.DiskGb, Interruptible = true, Limit = CpuOffersMax }, cancellationToken);
                found.AddRange(offers.Select(offer => new FoundOffer(account, offer)));
            }
            else if (found.Count == 0)
            {
                return new TargetChoice.NotConfigured(CpuProvider);
            }
        }

        var region = MigrationRules.GroupOf(goal);
        var near = RegionMap.Locate(instance.Document.WantedOffer.Geolocation).Zone;
        return Choose(
            found
                .Where(each => region is not { } group || RegionMap.IsIn(each.Offer.Geolocation, group))
                .OrderBy(each => each.Offer.UsdPerHour)
                .ThenByDescending(each => each.Offer.Geolocation == near)
                .ThenBy(each => each.Offer.Id, StringComparer.Ordinal),
            goal,
            machines);
    }

    private static TargetChoice Choose(IEnumerable<FoundOffer> offers, MigrationGoal goal, IReadOnlyList<Machine> machines)
    {
        // What it is on now is no move, and what has failed it once is not tried again.
        var unfit = machines
            .Where(machine => !machine.IsFinal || machine.SpeaksAgainstItsOffer)
            .Where(machine => machine.Provider != CpuProvider || machine.SpeaksAgainstItsOffer)
            .Select(machine => (machine.Provider, machine.Document.Offer.Id))
            .ToHashSet();
        var fit = offers
            .Where(each => (goal.Provider is null || each.Offer.Provider == goal.Provider)
                && each.Offer.UsdPerHour <= goal.MaxUsdPerHour
                && each.Offer.DiskGb >= goal.DiskGb
                && !unfit.Contains((each.Offer.Provider, each.Offer.Id)))
            .Take(OffersMax)
            .ToList();
        return fit.Count > 0
            ? new TargetChoice.Found(fit)
            : new TargetChoice.NoMatch("No offer fits: raise max_price, or leave out region or target_provider.");
    }
}
