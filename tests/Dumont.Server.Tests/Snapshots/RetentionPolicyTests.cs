using Dumont.Server.Snapshots;

namespace Dumont.Server.Tests.Snapshots;

public sealed class RetentionPolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 15, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1, new long[] { 4, 3, 2, 1 })]
    [InlineData(3, new long[] { 2, 1 })]
    [InlineData(9, new long[0])]
    public void Drop_KeepLast_KeepsTheNewest(int count, long[] dropped) =>
        Assert.Equal(dropped, RetentionPolicy.Drop(Hourly(5), RetentionRules.Last(count), Now));

    [Fact]
    public void Drop_ClockWasSetBack_TheLastOneTakenStays()
    {
        RetentionCandidate[] snapshots = [At(1, Now), At(2, Now.AddMinutes(-1))];
        Assert.Equal([1], RetentionPolicy.Drop(snapshots, RetentionRules.Last(1), Now));
        Assert.Equal([1], RetentionPolicy.Drop(snapshots, None() with { RetentionDays = 7, Maximum = 1 }, Now));
    }

    [Fact]
    public void Drop_KeptForever_StaysAndTakesNoPlace()
    {
        var snapshots = Hourly(5).Select(each => each.Id == 1 ? each with { KeepForever = true } : each);
        Assert.Equal([3, 2], RetentionPolicy.Drop(snapshots, RetentionRules.Last(2), Now));
    }

    [Fact]
    public void Drop_Days_KeepsTheYoung()
    {
        var snapshots = Enumerable.Range(0, 10).Select(day => At(10 - day, Now.AddDays(-day)));
        Assert.Equal([3, 2, 1], RetentionPolicy.Drop(snapshots, None() with { RetentionDays = 7 }, Now));
    }

    [Fact]
    public void Drop_Daily_KeepsTheLastOfEachDayThatHasOne()
    {
        // Two a day, a day without any in between.
        RetentionCandidate[] snapshots =
        [
            At(1, Now.AddDays(-4)), At(2, Now.AddDays(-4).AddHours(1)), At(3, Now.AddDays(-2)), At(4, Now.AddDays(-2).AddHours(1)), At(5, Now.AddDays(-1)),
        ];
        Assert.Equal([3, 2, 1], RetentionPolicy.Drop(snapshots, None() with { KeepDaily = 2 }, Now));
        Assert.Equal([3, 1], RetentionPolicy.Drop(snapshots, None() with { KeepDaily = 3 }, Now));
    }

    [Theory]
    [InlineData("hour", 3)]
    [InlineData("week", 3)]
    [InlineData("month", 3)]
    [InlineData("year", 3)]
    public void Drop_EachStretch_KeepsOneOfEach(string stretch, int count)
    {
        // Well within an hour, so that a minute earlier is the same stretch.
        var half = Now.AddMinutes(30);
        Func<int, DateTimeOffset> back = stretch switch
        {
            "hour" => n => half.AddHours(-n),
            "week" => n => half.AddDays(-7 * n),
            "month" => n => half.AddMonths(-n),
            _ => n => half.AddYears(-n),
        };
        var rules = stretch switch
        {
            "hour" => None() with { KeepHourly = count },
            "week" => None() with { KeepWeekly = count },
            "month" => None() with { KeepMonthly = count },
            _ => None() with { KeepYearly = count },
        };

        // Each stretch has two, of which the later stays.
        var snapshots = Enumerable.Range(0, 5).SelectMany(n => new[] { At(100 - (2 * n), back(n)), At(99 - (2 * n), back(n).AddMinutes(-1)) });
        Assert.Equal([99, 97, 95, 94, 93, 92, 91], RetentionPolicy.Drop(snapshots, rules, half));
    }

    [Fact]
    public void Drop_Tags_KeepTheirs()
    {
        var snapshots = Hourly(4).Select(each => each.Id == 2 ? each with { Tags = ["release"] } : each);
        Assert.Equal([4, 3, 1], RetentionPolicy.Drop(snapshots, None() with { KeepTags = ["release", "other"] }, Now));
    }

    [Fact]
    public void Drop_BeyondTheMaximum_GoesEvenWhereARuleKeepsIt() =>
        Assert.Equal([2, 1], RetentionPolicy.Drop(Hourly(5), None() with { RetentionDays = 30, Maximum = 3 }, Now));

    [Fact]
    public void Drop_Nothing_IsNothing() => Assert.Empty(RetentionPolicy.Drop([], new RetentionRules(), Now));

    [Fact]
    public void Schedule_Daily_IsTheNextSuchTime()
    {
        var rule = new ScheduleRule { DailyMinute = ScheduleRule.ParseDaily("03:30") };
        Assert.Equal(new DateTimeOffset(2026, 6, 16, 3, 30, 0, TimeSpan.Zero), rule.NextAfter(Now));
        Assert.Equal(new DateTimeOffset(2026, 6, 15, 3, 30, 0, TimeSpan.Zero), rule.NextAfter(Now.AddHours(-10)));
        Assert.Equal("03:30", rule.DailyText);
        Assert.Null(ScheduleRule.ParseDaily("25:00"));
        Assert.Equal(Now.AddMinutes(15), new ScheduleRule { EveryMinutes = 15 }.NextAfter(Now));
    }

    private static RetentionRules None() => new() { RetentionDays = 0, KeepLast = 0, Maximum = int.MaxValue };

    // 1 is the oldest.
    private static IEnumerable<RetentionCandidate> Hourly(int count) => Enumerable.Range(1, count).Select(id => At(id, Now.AddHours(id - count)));

    private static RetentionCandidate At(long id, DateTimeOffset at) => new(id, at, [], KeepForever: false);
}
