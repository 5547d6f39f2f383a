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
        var isUnderWay = known.Parts == total && known.PartsDone < total;
        var done = isUnderWay ? known.PartsDone : 0;

        // Turns are counted from when this one was due, or from the beginning of the round: a check that itself took longer than a turn leaves some behind.
        var (since, made) = isUnderWay && known.RoundStartedAt is { } began ? (began, done) : (known.NextAt ?? now, 0);
        var missed = (int)Math.Clamp(Math.Floor((now - since) / interval) + 1 - made, 1, total);
        return [.. Enumerable.Range(done + 1, Math.Min(missed, total - done)).Select(number => new VerifyPart(number, total))];
    }

    /// <summary>After a check that came to an end.</summary>
    /// <param name="known">What was known before.</param>
    /// <param name="asked">What it read.</param>
    /// <param name="askedAt">When it began.</param>
    /// <param name="found">What came of it.</param>
    /// <param name="interval">Between two checks.</param>
    /// <param name="now">Now.</param>
    public static Verification AfterCheck(
        Verification known, OperationDocument asked, DateTimeOffset askedAt, VerifyResult found, TimeSpan interval, DateTimeOffset now)
    {
        var read = asked.VerifyParts.Count > 0 ? AfterParts(known, asked.VerifyParts, TurnAt(known, interval, askedAt), interval, found.BytesRead, now)
            : asked.Verify ? known with { PartsDone = 0, RoundStartedAt = null, BytesRead = 0, AllReadAt = now }
            : known;
        var isDamaged = found.Damage.Count > 0;
        return read with
        {
            CheckedAt = now,
            NextAt = asked.IsAutomatic ? TurnAt(read, interval, now) + interval : known.NextAt,
            Damage = found.Damage,
            DamagedSince = isDamaged ? known.DamagedSince ?? now : null,
            DamagedSnapshots = found.SnapshotIds,
            DamagedPacks = found.Packs,
            DamagedParts = found.Parts,
            Error = null,
        };
    }

    /// <summary>After one that came to nothing: what is known stays.</summary>
    public static Verification AfterFailure(Verification known, OperationDocument asked, string message, TimeSpan interval, DateTimeOffset now) =>
        known with { Error = message, NextAt = asked.IsAutomatic ? now + (interval / RetriesPerInterval) : known.NextAt };

    /// <summary>After one that was cancelled: its turn is over.</summary>
    public static Verification AfterCancel(Verification known, OperationDocument asked, TimeSpan interval, DateTimeOffset now) =>
        known with { NextAt = asked.IsAutomatic ? TurnAt(known, interval, now) + interval : known.NextAt };

    /// <summary>Whether there is damage that the user has not been told of.</summary>
    public static bool IsNews(Verification before, Verification after) => after.Damage.Except(before.Damage, StringComparer.Ordinal).Any();

    // The turn that `at` is in. Turns follow one another at the same distance, however long the checks take, and when they are tried again.
    private static DateTimeOffset TurnAt(Verification known, TimeSpan interval, DateTimeOffset at) =>
        (known.RoundStartedAt ?? known.NextAt) is { } one ? one + (Math.Floor((at - one) / interval) * interval) : at;

    private static Verification AfterParts(
        Verification known, IReadOnlyList<VerifyPart> parts, DateTimeOffset turn, TimeSpan interval, long bytes, DateTimeOffset now)
    {
        // Parts that made up for missed turns count as read in those.
        var (first, last) = (parts[0], parts[^1]);
        var round = first.Number == 1 || known.Parts != first.Total
            ? known with { Parts = first.Total, RoundStartedAt = turn - ((parts.Count - 1) * interval), BytesRead = 0 }
            : known;
        return round with
        {
            PartsDone = last.Number,
            BytesRead = round.BytesRead + bytes,
            AllReadAt = last.Number == last.Total ? now : known.AllReadAt,
        };
    }
}
