using System.Collections.Concurrent;
using System.Globalization;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Offers;
using Dumont.Server.Settings;
using Dumont.Server.Standby;

namespace Dumont.Server.Dashboard;

/// <summary>What things will cost, from the same sources as the bill.</summary>
internal sealed class Quotes(OfferCatalog catalog, ProviderAccounts accounts, AutoStandby autoStandby)
{
    private const int RememberedMax = 10_000;

    private readonly ConcurrentDictionary<UserId, decimal> _standby = new();

    /// <summary>The offer with its price for the disk, and what renting it will cost; null when it is gone from the market.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<(MachineOffer Offer, Quote Quote)?> FindAsync(
        UserId user, long offerId, double diskGb, bool withStandby, CancellationToken cancellationToken)
    {
        if (await catalog.QuoteAsync(user, offerId.ToString(CultureInfo.InvariantCulture), diskGb, cancellationToken) is not { } offer)
        {
            return null;
        }

        var standby = withStandby ? await FindStandbyAsync(user, diskGb, cancellationToken) : null;
        return (offer, new Quote(offer.UsdPerHour, standby, diskGb));
    }

    /// <summary>What a standby for a disk of this size costs; null when there is no account for it, or no price.</summary>
    public async Task<decimal?> FindStandbyAsync(UserId user, double diskGb, CancellationToken cancellationToken)
    {
        if (await accounts.FindForUserAsync(user, StandbyPlacement.StandbyProvider, cancellationToken) is not { } account)
        {
            return null;
        }

        var zone = (await autoStandby.GetAsync(user, cancellationToken)).GcpZone;
        var hourly = await StandbyEndpoints.FindHourlyAsync(account, zone, (int)Math.Ceiling(diskGb), cancellationToken);
        if (hourly is { } known)
        {
            if (_standby.Count >= RememberedMax)
            {
                _standby.Clear();
            }

            _standby[user] = known;
        }

        return hourly;
    }

    /// <summary>As it was found last, without asking anybody.</summary>
    public decimal? LastStandbyUsdPerHour(UserId user) => _standby.TryGetValue(user, out var known) ? known : null;
}
