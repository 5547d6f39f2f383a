using System.Globalization;

namespace Dumont.Snapshots;

/// <summary>Which snapshots stay. Each rule keeps some; what no rule keeps goes.</summary>
public sealed record KeepRules
{
    /// <summary>The newest so many.</summary>
    public int Last { get; init; }

    /// <summary>Of so many hours that have a snapshot, the newest one.</summary>
    public int Hourly { get; init; }

    /// <summary>Of so many days.</summary>
    public int Daily { get; init; }

    /// <summary>Of so many ISO weeks.</summary>
    public int Weekly { get; init; }

    /// <summary>Of so many months.</summary>
    public int Monthly { get; init; }

    /// <summary>Of so many years.</summary>
    public int Yearly { get; init; }

    /// <summary>All that have one of these tags.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>All younger than this; zero: none for that.</summary>
    public TimeSpan Within { get; init; }

    /// <summary>Whether there is any rule. Without one nothing may be removed: an empty policy is a mistake, not a wish.</summary>
    public bool IsEmpty => Last + Hourly + Daily + Weekly + Monthly + Yearly == 0 && Tags.Count == 0 && Within == TimeSpan.Zero;

    /// <summary>Splits snapshots into those that stay and those that go. Each computer and source is judged by itself. Times are UTC.</summary>
    /// <param name="snapshots">In any order.</param>
    /// <param name="now">For <see cref="Within"/>.</param>
    /// <param name="keepForeverTag">Snapshots with this tag always stay.</param>
    public (IReadOnlyList<Snapshot> Keep, IReadOnlyList<Snapshot> Remove) Apply(
        IReadOnlyList<Snapshot> snapshots, DateTimeOffset now, string keepForeverTag = "keep-forever")
    {
        if (IsEmpty)
        {
            return (snapshots, []);
        }

        var keep = new HashSet<Snapshot>(snapshots.Where(s => s.Tags.Contains(keepForeverTag) || s.Tags.Any(Tags.Contains)));
        foreach (var group in snapshots.GroupBy(s => (s.Hostname, s.Source)))
        {
            var newestFirst = group.OrderByDescending(s => s.Time).ToList();
            keep.UnionWith(newestFirst.Take(Last));
            keep.UnionWith(newestFirst.Where(s => Within > TimeSpan.Zero && s.Time >= now - Within));
            keep.UnionWith(NewestOfEach(newestFirst, Hourly, time => time.ToString("yyyyMMddHH", CultureInfo.InvariantCulture)));
            keep.UnionWith(NewestOfEach(newestFirst, Daily, time => time.ToString("yyyyMMdd", CultureInfo.InvariantCulture)));
            keep.UnionWith(NewestOfEach(newestFirst, Weekly, time => $"{ISOWeek.GetYear(time.Date)}-{ISOWeek.GetWeekOfYear(time.Date)}"));
            keep.UnionWith(NewestOfEach(newestFirst, Monthly, time => time.ToString("yyyyMM", CultureInfo.InvariantCulture)));
            keep.UnionWith(NewestOfEach(newestFirst, Yearly, time => time.ToString("yyyy", CultureInfo.InvariantCulture)));
        }

        return ([.. snapshots.Where(keep.Contains)], [.. snapshots.Where(s => !keep.Contains(s))]);
    }

    private static IEnumerable<Snapshot> NewestOfEach(List<Snapshot> newestFirst, int count, Func<DateTimeOffset, string> period) =>
        newestFirst.DistinctBy(s => period(s.Time.ToUniversalTime())).Take(count);
}
