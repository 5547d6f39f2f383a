using Dumont.Cli.Drills;

namespace Dumont.Cli.Tests.Drills;

public sealed class DistributionTests
{
    [Theory]
    [InlineData(0.5, 50)]
    [InlineData(0.95, 95)]
    [InlineData(0.99, 99)]
    [InlineData(1, 100)]
    [InlineData(0, 1)]
    public void Percentile_OfAHundred_IsTheValueThatSoManyDoNotExceed(double share, double expected) =>
        Assert.Equal(expected, new Distribution(Enumerable.Range(1, 100).Reverse().Select(n => (double)n)).Percentile(share));

    [Fact]
    public void Percentile_OfFewValues_IsNeverBetweenThem()
    {
        var values = new Distribution([3, 1, 2]);
        Assert.Equal((2, 3, 3), (values.Percentile(0.5), values.Percentile(0.99), values.Max));
    }

    [Fact]
    public void Buckets_HoldEveryValueOnceBetweenRoundNumbers()
    {
        double[] values = [0.61, 0.65, 0.7, 0.9, 1.0, 1.31];
        var buckets = new Distribution(values).Buckets();
        Assert.Equal(values.Length, buckets.Sum(bucket => bucket.Count));
        Assert.All(values, value => Assert.Single(buckets, bucket => bucket.From <= value && value < bucket.To));
        Assert.All(buckets, bucket => Assert.Equal(0.1, bucket.To - bucket.From, 9));
    }

    [Fact]
    public void Buckets_EqualValuesOrNone_DoNotDivideByZero()
    {
        Assert.Equal(3, Assert.Single(new Distribution([7, 7, 7]).Buckets()).Count);
        Assert.Empty(new Distribution([]).Buckets());
        Assert.Equal("", new Distribution([]).Bars("ms"));
    }

    [Fact]
    public void Bars_LongestIsTheFullestRange()
    {
        var lines = new Distribution([1, 1, 1, 1, 2]).Bars("ms").TrimEnd('\n').Split('\n');
        Assert.Contains(new string('#', 40), lines[0], StringComparison.Ordinal);
        Assert.EndsWith("1  ##########", lines[^1], StringComparison.Ordinal);
    }
}
