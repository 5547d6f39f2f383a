using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Auth;

/// <summary>Slows down guessing. Counts failures within a minute by account and address, and by address; successes cost nothing. An account is
/// never locked for other addresses.</summary>
/// <remarks>Memory is bounded: at most <see cref="EntriesMax"/> windows, of which the ended ones are dropped first. An attempt counts as a failure
/// until it has succeeded, so parallel guesses do not slip past.</remarks>
internal sealed class LoginThrottle(IOptions<AuthOptions> options, TimeProvider time)
{
    /// <summary>Windows kept at most.</summary>
    public const int EntriesMax = 20_000;

    // Logins of one user at the same time that are let through besides the failures.
    private const int ParallelMax = 20;
    private const int Ipv6NetworkBytes = 8;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Counter> _counters = [];
    private readonly Lock _lock = new();

    /// <summary>How many windows are kept now.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _counters.Count;
            }
        }
    }

    /// <summary>Starts an attempt. Null means go on and call <see cref="End"/>; else the time to wait.</summary>
    public TimeSpan? TryBegin(string account, IPAddress? address)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            var byAccount = Of(AccountKey(account, address), now);
            var byAddress = Of(AddressKey(address), now);
            if (Wait(byAccount, options.Value.FailuresPerAccountAndAddress, now) is { } wait)
            {
                return wait;
            }

            if (Wait(byAddress, options.Value.FailuresPerAddress, now) is { } longer)
            {
                return longer;
            }

            byAccount.Running++;
            byAddress.Running++;
            return null;
        }
    }

    /// <summary>Ends an attempt that was let through.</summary>
    public void End(string account, IPAddress? address, bool succeeded)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            foreach (var key in (ReadOnlySpan<string>)[AccountKey(account, address), AddressKey(address)])
            {
                var counter = Of(key, now);
                counter.Running = Math.Max(0, counter.Running - 1);
                counter.Failures += succeeded ? 0 : 1;
            }
        }
    }

    private static TimeSpan? Wait(Counter counter, int limit, DateTimeOffset now) =>
        counter.Failures >= limit ? counter.StartedAt + Window - now
        : counter.Running >= limit + ParallelMax ? TimeSpan.FromSeconds(1)
        : null;

    private static string AccountKey(string account, IPAddress? address) => $"{AddressKey(address)} {account}";

    // A household or a machine has a whole IPv6 network of 64 bits.
    private static string AddressKey(IPAddress? address) =>
        address switch
        {
            null => "-",
            { IsIPv4MappedToIPv6: true } => address.MapToIPv4().ToString(),
            { AddressFamily: AddressFamily.InterNetworkV6 } => Convert.ToHexString(address.GetAddressBytes().AsSpan(0, Ipv6NetworkBytes)),
            _ => address.ToString(),
        };

    private Counter Of(string key, DateTimeOffset now)
    {
        if (_counters.TryGetValue(key, out var counter))
        {
            if (counter.StartedAt + Window <= now)
            {
                counter.StartedAt = now;
                counter.Failures = 0;
            }

            return counter;
        }

        if (_counters.Count >= EntriesMax)
        {
            MakeRoom(now);
        }

        return _counters[key] = new Counter { StartedAt = now };
    }

    private void MakeRoom(DateTimeOffset now)
    {
        foreach (var (key, counter) in _counters)
        {
            if (counter.StartedAt + Window <= now && counter.Running == 0)
            {
                _counters.Remove(key);
            }
        }

        if (_counters.Count >= EntriesMax)
        {
            // More live windows than anybody but an attacker with thousands of addresses makes: the older half goes.
            foreach (var key in _counters.OrderBy(entry => entry.Value.StartedAt).Take(EntriesMax / 2).Select(entry => entry.Key).ToList())
            {
                _counters.Remove(key);
            }
        }
    }

    private sealed class Counter
    {
        public DateTimeOffset StartedAt { get; set; }

        public int Failures { get; set; }

        public int Running { get; set; }
    }
}
