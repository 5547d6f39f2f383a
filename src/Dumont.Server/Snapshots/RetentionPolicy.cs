using System.Globalization;

namespace Dumont.Server.Snapshots;

/// <summary>Which snapshots of an instance stay. A snapshot that any rule keeps stays; 0 switches a rule off.</summary>
internal sealed record RetentionRules
{
    /// <summary>Kept this long.</summary>
    public int RetentionDays { get; init; } = 30;

    /// <summary>The newest so many stay whatever their age.</summary>
    public int KeepLast { get; init; } = 3;

    /// <summary>Beyond so many the oldest go even where another rule keeps them, those kept for ever excepted.</summary>
    public int Maximum { get; init; } = 1000;

    public int KeepHourly { get; init; }

    public int KeepDaily { get; init; }

    public int KeepWeekly { get; init; }

    public int KeepMonthly { get; init; }

    public int KeepYearly { get; init; }

    public IReadOnlyList<string> KeepTags { get; init; } = [];

    /// <summary>Cleanups run by themselves.</summary>
    public bool IsAutomatic { get; init; }

    /// <summary>Rules that keep the newest so many and nothing else.</summary>
    public static RetentionRules Last(int count) => new() { RetentionDays = 0, KeepLast = count, Maximum = int.MaxValue };
}

/// <summary>What the rules look at.</summary>
internal sealed record RetentionCandidate(long Id, DateTimeOffset TakenAt, IReadOnlyList<string> Tags, bool KeepForever);

/// <summary>Decides which snapshots of one instance go. Pure.</summary>
internal static class RetentionPolicy
{
    /// <summary>Ids of those that go, newest first.</summary>
    public static IReadOnlyList<long> Drop(IEnumerable<RetentionCandidate> snapshots, RetentionRules rules, DateTimeOffset now)
    {
        var newestFirst = snapshots.OrderByDescending(each => each.TakenAt).ThenByDescending(each => each.Id).ToList();
        // By number: a clock that was set back must not make the last one the oldest.
        var lastFirst = newestFirst.OrderByDescending(each => each.Id).ToList();
        var kept = new HashSet<long>();
        kept.UnionWith(lastFirst.Take(rules.KeepLast).Select(each => each.Id));
        kept.UnionWith(newestFirst.Where(each => rules.RetentionDays > 0 && now - each.TakenAt < TimeSpan.FromDays(rules.RetentionDays)).Select(each => each.Id));
        kept.UnionWith(newestFirst.Where(each => each.Tags.Any(tag => rules.KeepTags.Contains(tag, StringComparer.Ordinal))).Select(each => each.Id));
        KeepBuckets(newestFirst, rules.KeepHourly, at => at.Ticks / TimeSpan.TicksPerHour, kept);
        KeepBuckets(newestFirst, rules.KeepDaily, at => at.Ticks / TimeSpan.TicksPerDay, kept);
        KeepBuckets(newestFirst, rules.KeepWeekly, at => (ISOWeek.GetYear(at) * 100) + ISOWeek.GetWeekOfYear(at), kept);
        KeepBuckets(newestFirst, rules.KeepMonthly, at => (at.Year * 100) + at.Month, kept);
        KeepBuckets(newestFirst, rules.KeepYearly, at => at.Year, kept);

        var most = lastFirst.Where(each => !each.KeepForever && kept.Contains(each.Id)).Take(rules.Maximum).Select(each => each.Id).ToHashSet();
        return [.. newestFirst.Where(each => !each.KeepForever && !most.Contains(each.Id)).Select(each => each.Id)];
    }

    // The newest of each of the last so many stretches of time in which there is one, in UTC.
    private static void KeepBuckets(List<RetentionCandidate> newestFirst, int count, Func<DateTime, long> bucketOf, HashSet<long> kept)
    {
        long? last = null;
        foreach (var each in newestFirst)
        {
            if (count == 0)
            {
                return;
            }

            var bucket = bucketOf(each.TakenAt.UtcDateTime);
            if (bucket != last)
            {
                kept.Add(each.Id);
                last = bucket;
                count--;
            }
        }
    }
}
