using Dumont.Snapshots.Engines;

namespace Dumont.Server.Snapshots;

/// <summary>When a repository is checked by itself, what of it is read, and what follows from what was found. Pure.</summary>
internal static class VerificationPolicy
{
    /// <summary>Most days that one round may take.</summary>
    public const int DaysMax = 180;

    // A check that failed is tried again after this part of the time between two.
    private const int RetriesPerInterval = 4;

    /// <summary>When the next check is due.</summary>
    public static DateTimeOffset NextAt(Verification known, DateTimeOffset createdAt, TimeSpan interval) => known.NextAt ?? createdAt + interval;

    /// <summary>What the check that is due reads: the next part, or as many as have been missed, so that a round takes no longer than it should.</summary>
    /// <param name="known">What is known.</param>
    /// <param name="days">In which everything is to be read once; above 0.</param>
    /// <param name="interval">Between two checks.</param>
    /// <param name="now">Now.</param>
    public static IReadOnlyList<VerifyPart> PartsDue(Verification known, int days, TimeSpan interval, DateTimeOffset now)
    {
        var total = Math.Clamp((int)Math.Floor(TimeSpan.FromDays(days) / interval), 1, EngineLimits.VerifyPartsMax);
        var first = known.Parts == total && known.PartsDone < total ? known.PartsDone + 1 : 1;
        var missed = known.SampledAt is { } last ? (int)Math.Clamp((now - last) / interval, 1, total) : 1;
        return [.. Enumerable.Range(first, Math.Min(missed, total - first + 1)).Select(number => new VerifyPart(number, total))];
    }

    /// <summary>After a check that came to an end.</summary>
    public static Verification AfterCheck(Verification known, OperationDocument asked, VerifyResult found, TimeSpan interval, DateTimeOffset now)
    {
        var read = asked.VerifyParts is [var first, ..] ? AfterParts(known, first, asked.VerifyParts[^1], found.BytesRead, now)
            : asked.Verify ? known with { PartsDone = 0, RoundStartedAt = null, BytesRead = 0, AllReadAt = now }
            : known;
        var isDamaged = found.Damage.Count > 0;
        return read with
        {
            CheckedAt = now,
            SampledAt = asked.IsAutomatic ? now : known.SampledAt,
            NextAt = asked.IsAutomatic ? now + interval : known.NextAt,
            Damage = found.Damage,
            DamagedSince = isDamaged ? known.DamagedSince ?? now : null,
            DamagedSnapshots = found.SnapshotIds,
            DamagedPacks = found.Packs,
            DamagedParts = isDamaged && found.Packs.Count == 0 ? [.. asked.VerifyParts.Concat(asked.VerifyAgain).Distinct()] : [],
            Error = null,
        };
    }

    /// <summary>After one that came to nothing: what is known stays.</summary>
    public static Verification AfterFailure(Verification known, OperationDocument asked, string message, TimeSpan interval, DateTimeOffset now) =>
        known with { Error = message, NextAt = asked.IsAutomatic ? now + (interval / RetriesPerInterval) : known.NextAt };

    /// <summary>After one that was cancelled: its turn is over.</summary>
    public static Verification AfterCancel(Verification known, OperationDocument asked, TimeSpan interval, DateTimeOffset now) =>
        known with { NextAt = asked.IsAutomatic ? now + interval : known.NextAt };

    /// <summary>Whether the user has not been told of this damage.</summary>
    public static bool IsNews(Verification before, Verification after) =>
        after.Damage.Count > 0 && !after.Damage.SequenceEqual(before.Damage, StringComparer.Ordinal);

    private static Verification AfterParts(Verification known, VerifyPart first, VerifyPart last, long bytes, DateTimeOffset now)
    {
        var round = first.Number == 1 || known.Parts != first.Total ? known with { Parts = first.Total, RoundStartedAt = now, BytesRead = 0 } : known;
        return round with
        {
            PartsDone = last.Number,
            BytesRead = round.BytesRead + bytes,
            AllReadAt = last.Number == last.Total ? now : known.AllReadAt,
        };
    }
}
