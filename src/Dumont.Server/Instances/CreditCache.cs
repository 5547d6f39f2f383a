using System.Collections.Concurrent;
using Dumont.Providers;
using Dumont.Server.Settings;

namespace Dumont.Server.Instances;

/// <summary>Credit of an account, a few seconds old at most, so that many creations do not ask as often.</summary>
internal sealed class CreditCache(TimeProvider time)
{
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<(string Provider, long Account), (DateTimeOffset At, AccountBalance? Balance)> _known = new();

    /// <summary>The balance; null where the provider has no such notion or does not answer: then the renting itself will tell.</summary>
    public async Task<AccountBalance?> FindAsync(ProviderAccount account, CancellationToken cancellationToken)
    {
        var key = (account.Provider, account.Account);
        var now = time.GetUtcNow();
        if (_known.TryGetValue(key, out var known) && now - known.At < Freshness)
        {
            return known.Balance;
        }

        try
        {
            var balance = await account.Client.GetBalanceAsync(cancellationToken);
            _known[key] = (now, balance);
            return balance;
        }
        catch (ProviderException)
        {
            return null;
        }
    }
}
