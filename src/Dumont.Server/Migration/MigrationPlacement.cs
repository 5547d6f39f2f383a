using Dumont.Contracts;
using Dumont.Market.Gpus;
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
    /// <summary>As a wizard's choice: hosts less reliable than this are not taken unless they are named.</summary>
    private const double Reliability = 0.95;

    private const int OffersMax = 20;

    /// <summary>Offers that fit <paramref name="goal"/>, cheapest first, without those that came to nothing before, be it here or in this migration.</summary>
    public async Task<TargetChoice> FindAsync(
        Instance instance, MigrationGoal goal, IReadOnlyList<Machine> machines, IReadOnlyList<string> tried, CancellationToken cancellationToken)
    {
        try
        {
            if (goal.OfferId is { } offer)
            {
                return await FindNamedAsync(instance, goal, offer, machines, cancellationToken);
            }

            var found = goal.WithGpu ? await FindGpuAsync(instance, goal, cancellationToken) : await FindCpuAsync(instance, goal, cancellationToken);
            return found is null
                ? new TargetChoice.NotConfigured(goal.WithGpu ? MachinePlacement.GpuProvider : MachinePlacement.CpuProvider)
                : Choose(found, goal, machines, tried);
        }
        catch (ProviderException exception)
        {
            var provider = goal.Provider ?? (goal.WithGpu ? MachinePlacement.GpuProvider : MachinePlacement.CpuProvider);
            return exception.Kind == ProviderErrorKind.Credentials ? new TargetChoice.NotConfigured(provider) : new TargetChoice.Unavailable(provider);
        }
    }

    /// <summary>The intent to rent <paramref name="found"/> for an instance.</summary>
    public static NewMachine MachineOf(Instance instance, MigrationGoal goal, FoundOffer found) =>
        MachinePlacement.WorkMachineOf(instance.Id, instance.UserId, SpecOf(instance, goal, found.Offer), found);

    /// <summary>What an hour there costs: no less than what is bid.</summary>
    public static decimal UsdPerHourOf(Instance instance, MigrationGoal goal, MachineOffer offer) =>
        Math.Max(offer.UsdPerHour, SpecOf(instance, goal, offer).BidUsdPerHour ?? 0);

    private static MachineSpec SpecOf(Instance instance, MigrationGoal goal, MachineOffer offer) =>
        MachinePlacement.SpecOn(instance.Document.Spec with { DiskGb = goal.DiskGb }, offer, goal.MaxUsdPerHour);

    private async Task<TargetChoice> FindNamedAsync(
        Instance instance, MigrationGoal goal, string offerId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
    {
        var provider = goal.Provider!;
        if (provider != MachinePlacement.CpuProvider && machines.Any(machine => !machine.IsFinal && machine.Provider == provider && machine.Document.Offer.Id == offerId))
        {
            return new TargetChoice.Unfit("target_offer_id", "The instance is on this offer. Name another one.");
        }

        if (provider != SshProvider.ProviderName && await accounts.FindForUserAsync(instance.UserId, provider, cancellationToken) is null)
        {
            return new TargetChoice.NotConfigured(provider);
        }

        var interruptible = provider == MachinePlacement.CpuProvider || (provider != SshProvider.ProviderName && instance.Document.Spec.BidUsdPerHour is not null);
        if (await catalog.FindAsync(instance.UserId, provider, offerId, goal.DiskGb, interruptible, cancellationToken) is not { } found)
        {
            return new TargetChoice.Unfit("target_offer_id", "There is no such offer. List them: dumont instance offers");
        }

        return WhyUnfit(goal, found.Offer) is { } unfit ? unfit : new TargetChoice.Found([found]);
    }

    /// <summary>What an offer that was named lacks of what else was said; null when it has everything. Pure.</summary>
    internal static TargetChoice.Unfit? WhyUnfit(MigrationGoal goal, MachineOffer offer) =>
        offer switch
        {
            { GpuName: null } when goal.WithGpu => new TargetChoice.Unfit("target_offer_id", "This offer has no GPU. Use target_type=cpu, or another offer."),
            { GpuName: not null } when !goal.WithGpu => new TargetChoice.Unfit("target_offer_id", "This offer has a GPU. Use target_type=gpu, or another offer."),
            { DiskGb: var disk } when disk < goal.DiskGb => new TargetChoice.Unfit(
                "target_offer_id", FormattableString.Invariant($"This offer has a disk of {disk:0} GB at most; {goal.DiskGb:0} GB are needed.")),
            { GpuName: { } has } when goal.GpuName is { } wanted && !GpuNames.Matches(wanted, has) => new TargetChoice.Unfit(
                "gpu_name", $"The offer that is named has another GPU, {has}. Leave gpu_name out, or name another offer."),
            { UsdPerHour: var price } when price > goal.MaxUsdPerHour => new TargetChoice.Unfit(
                "max_price", FormattableString.Invariant($"The offer that is named costs ${price:0.000} an hour. Raise max_price, or name another offer.")),
            { Geolocation: var place } when MigrationRules.GroupOf(goal) is { } group && !RegionMap.IsIn(place, group) => new TargetChoice.Unfit(
                "region", "The offer that is named is not in this region. Leave region out, or name another offer."),
            _ => null,
        };

    /// <summary>Null when nobody has credentials.</summary>
    private async Task<IEnumerable<FoundOffer>?> FindGpuAsync(Instance instance, MigrationGoal goal, CancellationToken cancellationToken)
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
        if (await SearchGpuAsync(instance.UserId, goal, search, cancellationToken) is not { } matches)
        {
            return null;
        }

        var hidden = await hosts.BlacklistedAsync(instance.UserId, cancellationToken);
        return matches.Where(each => each.Offer.HostMachineId is not { } host || !hidden.ContainsKey(new HostKey(each.Offer.Provider, host)));
    }

    private async Task<IReadOnlyList<FoundOffer>?> SearchGpuAsync(UserId user, MigrationGoal goal, OfferSearch search, CancellationToken cancellationToken)
    {
        if (goal.Provider == SshProvider.ProviderName)
        {
            return await catalog.SearchOwnAsync(user, search, cancellationToken);
        }

        if (goal.Provider is not null)
        {
            return await accounts.FindForUserAsync(user, MachinePlacement.GpuProvider, cancellationToken) is null
                ? null
                : await catalog.SearchAsync(user, search, cancellationToken);
        }

        try
        {
            return await catalog.SearchAsync(user, search, cancellationToken);
        }
        catch (ProviderException)
        {
            // A provider that does not answer hides no machine of the user's own.
            if (await catalog.SearchOwnAsync(user, search, cancellationToken) is { Count: > 0 } own)
            {
                return own;
            }

            throw;
        }
    }

    /// <summary>Null when nobody has credentials and no own machine will do.</summary>
    private async Task<IEnumerable<FoundOffer>?> FindCpuAsync(Instance instance, MigrationGoal goal, CancellationToken cancellationToken)
    {
        var found = goal is { Provider: null or SshProvider.ProviderName, Region: null }
            ? (await catalog.ListOwnAsync(instance.UserId, OwnMachineUses.Standby, cancellationToken)).Where(each => each.Offer.GpuName is null).ToList()
            : [];
        if (goal.Provider != SshProvider.ProviderName)
        {
            if (await accounts.FindForUserAsync(instance.UserId, MachinePlacement.CpuProvider, cancellationToken) is { } account)
            {
                try
                {
                    var offers = await MachinePlacement.SearchCpuAsync(account, goal.DiskGb, cancellationToken);
                    found.AddRange(offers.Select(offer => new FoundOffer(account, offer)));
                }
                catch (ProviderException) when (found.Count > 0)
                {
                    // It hides no machine of the user's own.
                }
            }
            else if (found.Count == 0)
            {
                return null;
            }
        }

        var region = MigrationRules.GroupOf(goal);
        var near = RegionMap.Locate(instance.Document.WantedOffer.Geolocation).Zone;
        return found
            .Where(each => region is not { } group || RegionMap.IsIn(each.Offer.Geolocation, group))
            .OrderBy(each => each.Offer.UsdPerHour)
            .ThenByDescending(each => each.Offer.Geolocation == near)
            .ThenBy(each => each.Offer.Id, StringComparer.Ordinal);
    }

    private static TargetChoice Choose(IEnumerable<FoundOffer> offers, MigrationGoal goal, IReadOnlyList<Machine> machines, IReadOnlyList<string> tried)
    {
        // What it is on now is no move, and what has failed it once is not tried again.
        var unfit = machines
            .Where(machine => !machine.IsFinal || machine.SpeaksAgainstItsOffer)
            .Where(machine => machine.Provider != MachinePlacement.CpuProvider || machine.SpeaksAgainstItsOffer)
            .Select(machine => (machine.Provider, machine.Document.Offer.Id))
            .ToHashSet();
        var fit = offers
            .Where(each => (goal.Provider is null || each.Offer.Provider == goal.Provider)
                && each.Offer.UsdPerHour <= goal.MaxUsdPerHour
                && each.Offer.DiskGb >= goal.DiskGb
                && !unfit.Contains((each.Offer.Provider, each.Offer.Id))
                && !tried.Contains(each.Offer.Id))
            .Take(OffersMax)
            .ToList();
        return fit.Count > 0
            ? new TargetChoice.Found(fit)
            : new TargetChoice.NoMatch(
                goal.Provider == SshProvider.ProviderName
                    ? "No machine of your own that fits is free; see: dumont own-machine list"
                    : "No offer fits: raise max_price, or leave out region or target_provider.");
    }
}
