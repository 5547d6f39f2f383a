namespace Dumont.LocalCloud.Billing;

/// <summary>One line of an invoice.</summary>
/// <param name="Charge">The stretch or the bytes.</param>
/// <param name="From">Begin within what was asked for.</param>
/// <param name="To">End within what was asked for.</param>
/// <param name="Parts">Seconds or bytes within that.</param>
/// <param name="MicroUsd">What they cost.</param>
internal sealed record InvoiceLine(Charge Charge, DateTimeOffset From, DateTimeOffset To, long Parts, long MicroUsd);

/// <summary>Everything that one rented thing was ever charged for. Pure: no clock, no file.</summary>
/// <remarks>
/// Amounts are whole micro-dollars. A second seldom costs a whole number of them, so what is left over is carried from second to second
/// within a kind: after any number of seconds the sum is the exact price, rounded down once.
/// <code>
/// cost of second n = floor(exact cost of seconds 0..n) − floor(exact cost of seconds 0..n−1)
/// </code>
/// </remarks>
internal sealed class Bill
{
    /// <summary><c>vast</c> or <c>gcp</c>.</summary>
    public required string Provider { get; init; }

    /// <summary><c>instance</c>, <c>volume</c>, <c>vm</c> or <c>disk</c>.</summary>
    public required string Source { get; init; }

    public required string Id { get; init; }

    public required DateTimeOffset From { get; init; }

    public string? Label { get; set; }

    /// <summary>When the thing was given back; null while it exists.</summary>
    public DateTimeOffset? ClosedAt { get; set; }

    /// <summary>In the order in which they began.</summary>
    public List<Charge> Charges { get; init; } = [];

    /// <summary>States the price from now on; 0 ends the charging. A price that holds already changes nothing.</summary>
    /// <returns>Whether anything changed.</returns>
    public bool SetRate(ChargeKind kind, long microUsdPerHour, DateTimeOffset now)
    {
        var open = FindOpen(kind);
        if ((open?.MicroUsdPerUnit ?? 0) == microUsdPerHour)
        {
            return false;
        }

        var at = Max(now, LastChange(kind));
        if (open is not null)
        {
            open.To = at;
        }

        if (microUsdPerHour != 0)
        {
            Charges.Add(new Charge { Kind = kind, From = at, MicroUsdPerUnit = microUsdPerHour });
        }

        return true;
    }

    /// <summary>Charges bytes at once.</summary>
    public void AddTraffic(ChargeKind kind, long bytes, long microUsdPerGb, DateTimeOffset now)
    {
        var at = Max(now, LastChange(kind));
        Charges.Add(new Charge { Kind = kind, From = at, To = at, MicroUsdPerUnit = microUsdPerGb, Bytes = bytes });
    }

    /// <summary>Ends every charge: the thing is gone.</summary>
    public void Close(DateTimeOffset now)
    {
        foreach (var kind in Charges.Where(charge => charge.To is null).Select(charge => charge.Kind).ToArray())
        {
            SetRate(kind, 0, now);
        }

        ClosedAt ??= now;
    }

    /// <summary>Micro-dollars of all charges before the instant.</summary>
    public long MicroUsdUntil(DateTimeOffset instant) =>
        Charges.Select(charge => charge.Kind).Distinct().Sum(kind => Round(kind, Exact(kind, Charges, instant)));

    /// <summary>Seconds of a kind before the instant.</summary>
    public long SecondsUntil(ChargeKind kind, DateTimeOffset instant) =>
        Charges.Where(charge => charge.Kind == kind && charge.Bytes is null).Sum(charge => charge.SecondsUntil(instant));

    /// <summary>The charges of the seconds from one instant up to another, a line each. Their amounts add up to the difference of
    /// <see cref="MicroUsdUntil"/>.</summary>
    public IReadOnlyList<InvoiceLine> Lines(DateTimeOffset from, DateTimeOffset to)
    {
        var lines = new List<InvoiceLine>();
        foreach (var kind in Charges.Select(charge => charge.Kind).Distinct())
        {
            // Charges of one kind follow one another, so what lies before a line is the sum of those before it.
            Int128 before = 0;
            foreach (var charge in Charges.Where(charge => charge.Kind == kind))
            {
                var begin = before + ((Int128)charge.PartsUntil(from) * charge.MicroUsdPerUnit);
                before += (Int128)charge.PartsUntil(to) * charge.MicroUsdPerUnit;
                var parts = charge.PartsUntil(to) - charge.PartsUntil(from);
                if (parts > 0)
                {
                    lines.Add(new InvoiceLine(charge, Max(charge.From, from), Min(charge.To ?? to, to), parts, Round(kind, before) - Round(kind, begin)));
                }
            }
        }

        return [.. lines.OrderBy(line => line.From).ThenBy(line => line.Charge.Kind)];
    }

    private static Int128 Exact(ChargeKind kind, IEnumerable<Charge> charges, DateTimeOffset instant) =>
        charges.Where(charge => charge.Kind == kind).Aggregate((Int128)0, (sum, charge) => sum + ((Int128)charge.PartsUntil(instant) * charge.MicroUsdPerUnit));

    // Seconds of an hour, bytes of a GB.
    private static long Round(ChargeKind kind, Int128 exact) => (long)(exact / (kind is ChargeKind.Bwd or ChargeKind.Bwu ? 1_000_000_000 : 3600));

    private Charge? FindOpen(ChargeKind kind) => Charges.FindLast(charge => charge.Kind == kind && charge.To is null);

    // A clock that was set back must not make charges overlap.
    private DateTimeOffset LastChange(ChargeKind kind) =>
        Charges.FindLast(charge => charge.Kind == kind) is { } last ? last.To ?? last.From : DateTimeOffset.MinValue;

    private static DateTimeOffset Max(DateTimeOffset left, DateTimeOffset right) => left > right ? left : right;

    private static DateTimeOffset Min(DateTimeOffset left, DateTimeOffset right) => left < right ? left : right;
}
