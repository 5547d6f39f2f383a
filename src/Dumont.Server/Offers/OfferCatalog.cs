using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Providers.Ssh;
using Dumont.Server.Hosts;
using Dumont.Server.OwnMachines;
using Dumont.Server.Platform.Store;
using Dumont.Server.Settings;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Offers;

/// <summary>An offer and the account that it can be rented with.</summary>
internal sealed record FoundOffer(ProviderAccount Account, MachineOffer Offer);

/// <summary>What can be rented now. Equal searches within a moment, also at the same time, ask the provider once.</summary>
internal sealed class OfferCatalog(
    ProviderAccounts accounts, OwnMachineOffers ownMachines, HostHistory hosts, IOptions<OfferOptions> options, TimeProvider time)
{
    private const int CacheEntriesMax = 512;

    /// <summary>Longest that one reading may take, its waits for the provider's pace included.</summary>
    private static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(60);

    private const int RememberedMax = 20_000;

    /// <summary>How long an offer that was seen is taken to be as it was. Renting tells in any case.</summary>
    private static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(2);

    private readonly Dictionary<(string Provider, long Account, string Query), Reading> _readings = [];
    private readonly Dictionary<(string Provider, string Id, bool Interruptible), (MachineOffer Offer, DateTimeOffset At)> _remembered = [];
    private readonly Lock _lock = new();

    /// <summary>Offers that match, in order, as far as the provider is read, the user's own machines among them. Null when nobody has credentials for
    /// the provider and there are no own machines either.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<IReadOnlyList<FoundOffer>?> SearchAsync(UserId? user, OfferSearch search, CancellationToken cancellationToken)
    {
        var own = user is { } id ? await ListOwnAsync(id, OwnMachineUses.Gpu, cancellationToken) : [];
        var found = Match(own, search).ToList();
        if (await AccountAsync(user, "vast", cancellationToken) is { } account)
        {
            var offers = await ReadAsync(account, OfferPolicy.QueryOf(search, options.Value.SearchDepth), options.Value.CacheFor, cancellationToken);
            found.AddRange(offers.Where(offer => OfferPolicy.Matches(offer, search)).Select(offer => new FoundOffer(account, offer)));
        }
        else if (own.Count == 0)
        {
            return null;
        }

        return [.. OfferPolicy.Sort(found, each => each.Offer, search.OrderBy, search.Descending)];
    }

    /// <summary>The user's own machines that are free for <paramref name="use"/>.</summary>
    public async Task<IReadOnlyList<FoundOffer>> ListOwnAsync(UserId user, OwnMachineUses use, CancellationToken cancellationToken) =>
        [.. (await ownMachines.ListAsync(user, use, cancellationToken)).Select(own => FoundOf(own.Client, own.Offer))];

    /// <summary>Those of the user's own machines that match, in order.</summary>
    public async Task<IReadOnlyList<FoundOffer>> SearchOwnAsync(UserId user, OfferSearch search, CancellationToken cancellationToken) =>
        [.. OfferPolicy.Sort(Match(await ListOwnAsync(user, OwnMachineUses.Gpu, cancellationToken), search), each => each.Offer, search.OrderBy, search.Descending)];

    /// <summary>What is on offer, on demand and interruptible, for figures: of the GPUs named, or of all, cheapest first, as deep as is searched. Null when
    /// nobody has credentials.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<IReadOnlyList<MachineOffer>?> ReadMarketAsync(UserId user, IReadOnlyList<string> gpuNames, CancellationToken cancellationToken)
    {
        if (await AccountAsync(user, "vast", cancellationToken) is not { } account)
        {
            return null;
        }

        var all = new List<MachineOffer>();
        foreach (var interruptible in (bool[])[false, true])
        {
            var query = new OfferQuery { GpuNames = gpuNames, Interruptible = interruptible, Limit = options.Value.SearchDepth };
            all.AddRange(await ReadAsync(account, query, options.Value.MarketCacheFor, cancellationToken));
        }

        return all;
    }

    /// <summary>One offer: as it was shown lately, else as the provider has it now, else as it was last shown, which may since have been taken. Null
    /// when it was never seen, or when nobody has credentials. <paramref name="diskGb"/> enters the price of one that is looked up.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<FoundOffer?> FindAsync(
        UserId user, string provider, string offerId, double? diskGb, bool interruptible, CancellationToken cancellationToken)
    {
        if (provider == SshProvider.ProviderName)
        {
            return await ownMachines.FindAsync(user, offerId, cancellationToken) is var (client, own) ? FoundOf(client, own) : null;
        }

        if (await AccountAsync(user, provider, cancellationToken) is not { } account)
        {
            return null;
        }

        var remembered = Recall(provider, offerId, interruptible);
        if (remembered is var (shown, at) && time.GetUtcNow() - at < FreshFor)
        {
            return new FoundOffer(account, shown);
        }

        var query = new OfferQuery { OfferId = offerId, DiskGb = diskGb, Interruptible = interruptible, Limit = 1 };
        var offers = await account.Client.SearchOffersAsync(query, cancellationToken);
        var found = offers.FirstOrDefault(offer => offer.Id == offerId) ?? remembered?.Offer;
        return found is null ? null : new FoundOffer(account, found);
    }

    /// <summary>One offer with its price for a disk of <paramref name="diskGb"/>, a moment old at most; null when it is not on the market.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<MachineOffer?> QuoteAsync(UserId user, string offerId, double diskGb, CancellationToken cancellationToken)
    {
        if (SshOffers.OwnMachineOf(offerId) is not null)
        {
            return (await ownMachines.FindAsync(user, offerId, cancellationToken))?.Offer;
        }

        if (await AccountAsync(user, "vast", cancellationToken) is not { } account)
        {
            return null;
        }

        var query = new OfferQuery { OfferId = offerId, DiskGb = diskGb, Limit = 1 };
        return (await ReadAsync(account, query, options.Value.CacheFor, cancellationToken)).FirstOrDefault(offer => offer.Id == offerId);
    }

    /// <summary>What can stand in for <paramref name="original"/>, best first; empty when nothing can. See <see cref="OfferPolicy.RankEquivalents"/>.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<IReadOnlyList<FoundOffer>> FindEquivalentsAsync(
        UserId user,
        MachineOffer original,
        double diskGb,
        IReadOnlySet<long> excludedHosts,
        IReadOnlySet<string> excludedOffers,
        decimal maxPriceFactor,
        CancellationToken cancellationToken)
    {
        // Only machines that cost nothing stand in for one that costs nothing; for a rented CPU machine they do as well.
        if (original.Provider == SshProvider.ProviderName || original.GpuName is null)
        {
            var own = await ListOwnLikeAsync(user, original, cancellationToken);
            var free = OfferPolicy.RankEquivalents(
                own.Select(each => each.Offer),
                original with { Interruptible = false },
                diskGb,
                maxPriceFactor,
                offer => excludedOffers.Contains(offer.Id) || excludedHosts.Contains(offer.HostMachineId ?? 0));
            if (free.Count > 0 || original.Provider == SshProvider.ProviderName)
            {
                return [.. free.Select(offer => own.First(each => each.Offer == offer))];
            }
        }

        if (await AccountAsync(user, original.Provider, cancellationToken) is not { } account)
        {
            return [];
        }

        var query = new OfferQuery
        {
            GpuNames = original.GpuName is { } name ? [name] : [],
            GpuCount = original.GpuCount,
            MaxUsdPerHour = original.UsdPerHour * maxPriceFactor,
            DiskGb = diskGb,
            Interruptible = original.Interruptible,
            Limit = options.Value.SearchDepth,
        };
        var offers = await ReadAsync(account, query, options.Value.CacheFor, cancellationToken);
        var hidden = await hosts.BlacklistedAsync(user, cancellationToken);
        var ranked = OfferPolicy.RankEquivalents(
            offers,
            original,
            diskGb,
            maxPriceFactor,
            offer => excludedOffers.Contains(offer.Id)
                || (offer.HostMachineId is { } host && (excludedHosts.Contains(host) || hidden.ContainsKey(new HostKey(offer.Provider, host)))));
        return [.. ranked.Select(offer => new FoundOffer(account, offer))];
    }

    /// <summary>Whether the user has an own machine for <paramref name="use"/>, free at present or not.</summary>
    public Task<bool> HasOwnAsync(UserId user, OwnMachineUses use, CancellationToken cancellationToken) => ownMachines.HasAsync(user, use, cancellationToken);

    // One without a GPU serves as the machine of an instance whichever use it was given.
    private async Task<IReadOnlyList<FoundOffer>> ListOwnLikeAsync(UserId user, MachineOffer original, CancellationToken cancellationToken)
    {
        var own = await ListOwnAsync(user, OwnMachineUses.Gpu, cancellationToken);
        return original.GpuName is not null
            ? own
            : [.. own.Concat(await ListOwnAsync(user, OwnMachineUses.Standby, cancellationToken)).DistinctBy(each => each.Offer.Id)];
    }

    private static IEnumerable<FoundOffer> Match(IEnumerable<FoundOffer> own, OfferSearch search) => own.Where(each => OfferPolicy.MatchesOwn(each.Offer, search));

    private static FoundOffer FoundOf(IComputeProvider client, MachineOffer offer) =>
        new(ProviderAccount.OfOwnMachine(offer.HostMachineId!.Value, client), offer);

    private Task<ProviderAccount?> AccountAsync(UserId? user, string provider, CancellationToken cancellationToken) =>
        user is { } id ? accounts.FindForUserAsync(id, provider, cancellationToken) : accounts.FindAsync(provider, 0, cancellationToken);

    private async Task<IReadOnlyList<MachineOffer>> ReadAsync(
        ProviderAccount account, OfferQuery query, TimeSpan cacheFor, CancellationToken cancellationToken)
    {
        var key = (account.Provider, account.Account, Columns.Document(query));
        Reading reading;
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (!_readings.TryGetValue(key, out reading!) || reading.Client != account.Client || reading.IsOver(now, cacheFor))
            {
                if (_readings.Count >= CacheEntriesMax)
                {
                    _readings.Clear();
                }

                reading = _readings[key] = new Reading(account.Client, now, AskAsync(account.Client, query));
            }
        }

        return await reading.Offers.WaitAsync(cancellationToken);
    }

    private (MachineOffer Offer, DateTimeOffset At)? Recall(string provider, string offerId, bool interruptible)
    {
        lock (_lock)
        {
            return _remembered.TryGetValue((provider, offerId, interruptible), out var remembered) ? remembered : null;
        }
    }

    private void Remember(IReadOnlyList<MachineOffer> offers)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            if (_remembered.Count + offers.Count > RememberedMax)
            {
                _remembered.Clear();
            }

            foreach (var offer in offers)
            {
                _remembered[(offer.Provider, offer.Id, offer.Interruptible)] = (offer, now);
            }
        }
    }

    // Shared by several callers, so it ends by its own limit and not by the first caller's going away.
    private async Task<IReadOnlyList<MachineOffer>> AskAsync(IComputeProvider client, OfferQuery query)
    {
        await Task.Yield();
        using var limit = new CancellationTokenSource(ReadLimit, time);
        try
        {
            var offers = await client.SearchOffersAsync(query, limit.Token);
            Remember(offers);
            return offers;
        }
        catch (OperationCanceledException exception) when (limit.IsCancellationRequested)
        {
            throw new ProviderException(ProviderErrorKind.Transient, client.Name, "search offers", "no answer in time", exception);
        }
    }

    private sealed record Reading(IComputeProvider Client, DateTimeOffset StartedAt, Task<IReadOnlyList<MachineOffer>> Offers)
    {
        // One under way is shared however long it takes; a failed one is not kept.
        public bool IsOver(DateTimeOffset now, TimeSpan cacheFor) =>
            Offers.IsCompleted && (!Offers.IsCompletedSuccessfully || now - StartedAt >= cacheFor);
    }
}
