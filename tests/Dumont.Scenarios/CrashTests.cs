using System.Globalization;
using System.Security.Cryptography;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The server dies by <c>kill -9</c> in the middle of things and is started again on its data. The instance ends where it was going, with its
/// files, on exactly one GPU machine and one standby, and nothing bills after its end.</summary>
public sealed class CrashTests(CrashTests.Fixture fixture, ITestOutputHelper output) : WorldTests(fixture), IClassFixture<CrashTests.Fixture>
{
    // Of the points without a hold, some last for milliseconds.
    private const int UnseenMax = 2;

    [Fact]
    public async Task Kill_AtEveryPoint_LifeGoesOn()
    {
        var (world, cancellationToken) = (World, TestContext.Current.CancellationToken);
        var user = await world.NewUserAsync(cancellationToken);
        await user.EnableStandbyAsync(cancellationToken);

        // Every other point each, so that a kill is followed by some progress before the next.
        var hits = new HashSet<KillPoint>();
        foreach (var (label, rest) in (IReadOnlyList<(string, int)>)[("even", 0), ("odd", 1)])
        {
            hits.UnionWith(await new CrashStory(world, user, label, output).RunAsync(
                [.. KillPoints.Rows.Where((_, i) => i % 2 == rest)], cancellationToken));
        }

        foreach (var point in KillPoints.Rows)
        {
            output.WriteLine($"{(hits.Contains(point) ? "killed at" : "not hit  ")} {point.Flow}: {point.Name}");
        }

        Assert.Empty(KillPoints.Rows.Where(point => point.Holds.Length > 0 && !hits.Contains(point)).Select(point => $"{point.Flow}: {point.Name}"));
        Assert.True(KillPoints.Rows.Count - hits.Count <= UnseenMax, $"{KillPoints.Rows.Count - hits.Count} points passed unseen.");
    }

    [Fact]
    public Task Kill_AtRandomTimes_LifeGoesOn() => LiveAsync(RandomNumberGenerator.GetInt32(int.MaxValue));

    [Fact(Explicit = true)]
    [Trait("Speed", "Slow")]
    public async Task Kill_AtRandomTimesForLong_LifeGoesOn()
    {
        for (var life = 0; life < 20; life++)
        {
            await LiveAsync(RandomNumberGenerator.GetInt32(int.MaxValue));
        }
    }

    private async Task LiveAsync(int seed)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}"));
        var (world, cancellationToken, random) = (World, TestContext.Current.CancellationToken, new Random(seed));
        var user = await world.NewUserAsync(cancellationToken);
        await user.EnableStandbyAsync(cancellationToken);
        await new CrashStory(world, user, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}"), output).RunAsync(
            [.. At("create", random, 5, 2), .. At("pause", random, 3, 1), .. At("resume", random, 3, 1), .. At("failover", random, 12, 3), .. At("destroy", random, 2, 1)],
            cancellationToken);
    }

    private static List<KillPoint> At(string flow, Random random, double secondsMax, int count) =>
    [
        .. Enumerable.Range(0, count)
            .Select(_ => TimeSpan.FromSeconds(random.NextDouble() * secondsMax))
            .Order()
            .Select(at => new KillPoint(flow, $"{at.TotalSeconds:0.000} s", (state, elapsed) => state.InstanceId is not null && elapsed >= at)),
    ];

    public sealed class Fixture : WorldFixture;
}
