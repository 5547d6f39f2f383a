using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Billing;

/// <summary>Every bill of both providers, in memory and on disk. A bill outlives what it is for.</summary>
/// <remarks>
/// Prices are stated, not time counted: a repeat changes nothing, an open charge goes on through a restart of this program, and what a
/// crash left between a machine's file and its bill is put right by the next statement.
/// </remarks>
internal sealed class ChargeBook
{
    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly BillingClock _clock;
    private readonly Dictionary<(string Provider, string Source, string Id), Bill> _bills = [];
    // Sums of bills that are closed; they do not change any more.
    private readonly Dictionary<string, long> _closedMicroUsd = [];
    private readonly HashSet<Bill> _open = [];

    public ChargeBook(string dataFolder, BillingClock clock)
    {
        _clock = clock;
        _folder = Path.Combine(dataFolder, "bills");
        Directory.CreateDirectory(_folder);
        foreach (var bill in Directory.EnumerateFiles(_folder, "*.json").Select(file => JsonFile.Find<Bill>(file)!))
        {
            Take(bill);
        }
    }

    /// <summary>States what a thing costs per hour from now on; kinds that are left out stay as they are.</summary>
    public void SetRates(string provider, string source, string id, string? label, params ReadOnlySpan<(ChargeKind Kind, long MicroUsdPerHour)> rates)
    {
        lock (_gate)
        {
            var now = _clock.Now;
            var isNew = !_bills.TryGetValue((provider, source, id), out var bill);
            bill ??= new Bill { Provider = provider, Source = source, Id = id, From = now };
            var changed = isNew || bill.Label != label || bill.ClosedAt is not null;
            bill.Label = label;
            Reopen(bill);
            foreach (var (kind, price) in rates)
            {
                changed |= bill.SetRate(kind, price, now);
            }

            if (isNew)
            {
                Take(bill);
            }

            if (changed)
            {
                Save(bill);
            }
        }
    }

    /// <summary>Charges bytes that have moved.</summary>
    public void AddTraffic(string provider, string source, string id, ChargeKind kind, long bytes, long microUsdPerGb)
    {
        lock (_gate)
        {
            if (bytes > 0 && _bills.TryGetValue((provider, source, id), out var bill) && bill.ClosedAt is null)
            {
                bill.AddTraffic(kind, bytes, microUsdPerGb, _clock.Now);
                Save(bill);
            }
        }
    }

    /// <summary>Ends the charges of a thing that is given back.</summary>
    public void Close(string provider, string source, string id)
    {
        lock (_gate)
        {
            if (_bills.TryGetValue((provider, source, id), out var bill))
            {
                Close(bill);
            }
        }
    }

    /// <summary>Ends the charges of everything that is there no more: what a crash left open.</summary>
    public void CloseOthers(string provider, string source, IReadOnlySet<string> ids)
    {
        lock (_gate)
        {
            foreach (var bill in _open.Where(bill => bill.Provider == provider && bill.Source == source && !ids.Contains(bill.Id)).ToArray())
            {
                Close(bill);
            }
        }
    }

    /// <summary>What a thing has cost so far, in micro-dollars.</summary>
    public long MicroUsd(string provider, string source, string id)
    {
        lock (_gate)
        {
            return _bills.TryGetValue((provider, source, id), out var bill) ? bill.MicroUsdUntil(_clock.Now) : 0;
        }
    }

    /// <summary>Seconds for which a thing was charged for a kind so far.</summary>
    public long Seconds(string provider, string source, string id, ChargeKind kind)
    {
        lock (_gate)
        {
            return _bills.TryGetValue((provider, source, id), out var bill) ? bill.SecondsUntil(kind, _clock.Now) : 0;
        }
    }

    /// <summary>What everything of a provider has cost so far.</summary>
    public long SpentMicroUsd(string provider)
    {
        lock (_gate)
        {
            var now = _clock.Now;
            return _closedMicroUsd.GetValueOrDefault(provider) + _open.Where(bill => bill.Provider == provider).Sum(bill => bill.MicroUsdUntil(now));
        }
    }

    /// <summary>Reads all bills at one instant, oldest first.</summary>
    public T Read<T>(Func<IReadOnlyList<Bill>, DateTimeOffset, T> read)
    {
        lock (_gate)
        {
            return read([.. _bills.Values.OrderBy(bill => bill.From).ThenBy(bill => bill.Id, StringComparer.Ordinal)], _clock.Now);
        }
    }

    private void Take(Bill bill)
    {
        _bills.Add((bill.Provider, bill.Source, bill.Id), bill);
        if (bill.ClosedAt is null)
        {
            _open.Add(bill);
        }
        else
        {
            AddClosed(bill, 1);
        }
    }

    private void Close(Bill bill)
    {
        if (bill.ClosedAt is null)
        {
            bill.Close(_clock.Now);
            _open.Remove(bill);
            AddClosed(bill, 1);
            Save(bill);
        }
    }

    // A crash after the bill was closed and before the thing was removed.
    private void Reopen(Bill bill)
    {
        if (bill.ClosedAt is not null)
        {
            AddClosed(bill, -1);
            bill.ClosedAt = null;
            _open.Add(bill);
        }
    }

    private void AddClosed(Bill bill, int sign) =>
        _closedMicroUsd[bill.Provider] = _closedMicroUsd.GetValueOrDefault(bill.Provider) + (sign * bill.MicroUsdUntil(DateTimeOffset.MaxValue));

    private void Save(Bill bill) => JsonFile.Write(Path.Combine(_folder, $"{bill.Provider}-{bill.Source}-{bill.Id}.json"), bill);
}
