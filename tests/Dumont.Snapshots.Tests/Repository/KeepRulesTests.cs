using System.Globalization;

namespace Dumont.Snapshots.Tests;

/// <summary>Which snapshots stay.</summary>
public sealed class KeepRulesTests
{
    // 2026-01-01 is a Thursday in ISO week 1 of 2026; 2025-12-29 to -31 are in that week too.
    private static readonly string[] Times =
    [
        "2024-06-01 10:00", "2025-12-28 10:00", "2025-12-29 10:00", "2025-12-31 23:59", "2026-01-01 00:01",
        "2026-01-01 00:59", "2026-01-01 01:00", "2026-01-31 12:00", "2026-02-01 12:00",
    ];

    private static readonly DateTimeOffset Now = At("2026-02-01 13:00");

    public static TheoryData<string, string> Table => new()
    {
        { "last 2", "2026-01-31 12:00, 2026-02-01 12:00" },
        { "last 100", string.Join(", ", Times) },
        { "hourly 4", "2026-01-01 00:59, 2026-01-01 01:00, 2026-01-31 12:00, 2026-02-01 12:00" },
        { "daily 4", "2025-12-31 23:59, 2026-01-01 01:00, 2026-01-31 12:00, 2026-02-01 12:00" },
        { "weekly 3", "2025-12-28 10:00, 2026-01-01 01:00, 2026-02-01 12:00" },
        { "monthly 3", "2025-12-31 23:59, 2026-01-31 12:00, 2026-02-01 12:00" },
        { "yearly 5", "2024-06-01 10:00, 2025-12-31 23:59, 2026-02-01 12:00" },
        { "within 25", "2026-01-31 12:00, 2026-02-01 12:00" },
        { "tag odd", "2025-12-28 10:00, 2025-12-31 23:59, 2026-01-01 00:59, 2026-01-31 12:00" },
        { "none 0", string.Join(", ", Times) },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Apply_OneRule_KeepsTheseOnly(string rule, string expected)
    {
        var value = rule.Split(' ')[1];
        var number = int.TryParse(value, CultureInfo.InvariantCulture, out var parsed) ? parsed : 0;
        var rules = rule.Split(' ')[0] switch
        {
            "last" => new KeepRules { Last = number },
            "hourly" => new KeepRules { Hourly = number },
            "daily" => new KeepRules { Daily = number },
            "weekly" => new KeepRules { Weekly = number },
            "monthly" => new KeepRules { Monthly = number },
            "yearly" => new KeepRules { Yearly = number },
            "within" => new KeepRules { Within = TimeSpan.FromHours(number) },
            "tag" => new KeepRules { Tags = [value] },
            _ => new KeepRules(),
        };
        var snapshots = Times.Select((time, i) => Make(time, "host", i % 2 == 1 ? ["odd"] : [])).Reverse().ToList();

        var (keep, remove) = rules.Apply(snapshots, Now);

        Assert.Equal(expected, string.Join(", ", keep.Select(Name).Order(StringComparer.Ordinal)));
        Assert.Equal(snapshots.Count, keep.Count + remove.Count);
        Assert.Empty(keep.Intersect(remove));
    }

    [Fact]
    public void Apply_SeveralComputers_JudgesEachByItself()
    {
        var snapshots = new[] { Make("2026-01-01 10:00", "one"), Make("2026-01-02 10:00", "one"), Make("2025-01-01 10:00", "two") };

        var (_, remove) = new KeepRules { Last = 1 }.Apply(snapshots, Now);

        Assert.Equal("2026-01-01 10:00", Name(Assert.Single(remove)));
    }

    [Fact]
    public void Apply_KeepForever_AlwaysStays()
    {
        var (keep, remove) = new KeepRules { Last = 1 }.Apply([Make("2020-01-01 10:00", "host", ["keep-forever"]), Make("2026-01-02 10:00", "host")], Now);

        Assert.Equal((2, 0), (keep.Count, remove.Count));
    }

    private static DateTimeOffset At(string time) => DateTimeOffset.ParseExact(time + " Z", "yyyy-MM-dd HH:mm Z", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    private static string Name(Snapshot snapshot) => snapshot.Time.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    private static Snapshot Make(string time, string host, string[]? tags = null) => new(
        ContentHash.Of(System.Text.Encoding.UTF8.GetBytes(time + host)),
        new SnapshotRecord(At(time), host, "/source", "", tags ?? [], null, "test", [], new SnapshotStatistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
}
