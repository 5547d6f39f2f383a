using System.Globalization;
using System.Security.Cryptography;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The server dies by <c>kill -9</c> in the middle of things and is started again on its data. The instance ends where it was going, with its
/// files, on exactly one GPU machine and one standby, and nothing bills after its end.</summary>
public sealed class CrashTests(CrashTests.Fixture fixture, ITestOutputHelper output) : WorldTests(fixture), IClassFixture<CrashTests.Fixture>
{
    private const int DistinctMomentsMin = 10;

    private static readonly Moment Recorded = new("instance recorded", state => state.FirstGpu?.Phase is "Intended" or "Asking");
    private static readonly Moment Asking = new("GPU machine being asked for", state => state.FirstGpu?.Phase == "Asking");
    private static readonly Moment Booting = new("GPU machine boots", state => state.FirstGpu?.Phase == "Booting");
    private static readonly Moment Preparing = new("GPU machine being prepared", state => state.FirstGpu?.Phase == "Preparing");
    private static readonly Moment Ready = new("GPU machine ready, nobody writes", state => state.FirstGpu?.Phase == "Ready");
    private static readonly Moment StandbyAsking = new("standby being asked for", state => state.Standby?.Phase == "Asking");
    private static readonly Moment StandbyBooting = new("standby boots", state => state.Standby?.Phase == "Booting");
    private static readonly Moment StandbyPreparing = new("standby being prepared", state => state.Standby?.Phase == "Preparing");

    private static readonly Moment Lost = new("GPU lost, standby not yet writing", state => state is { FailoverPhase: "GpuLost", HasPendingWriter: true });
    private static readonly Moment Switched = new("standby writes, GPU being searched", state => state.FailoverPhase is "FailoverToCpu" or "SearchingGpu");
    private static readonly Moment NewAsking = new("new GPU being asked for", state => state.Candidate?.Phase is "Intended" or "Asking");
    private static readonly Moment NewBooting = new("new GPU boots", state => state.Candidate?.Phase == "Booting");
    private static readonly Moment NewPreparing = new("new GPU being prepared", state => state.Candidate?.Phase == "Preparing");
    private static readonly Moment Restoring = new("workspace on the way back", state => state is { FailoverPhase: "Restoring", IsDraining: false });
    private static readonly Moment Draining = new("standby sends the rest", state => state is { FailoverPhase: "Restoring", IsDraining: true, HasPendingWriter: false });
    private static readonly Moment Returning = new("new GPU about to write", state => state is { FailoverPhase: "Restoring", HasPendingWriter: true });

    private static readonly Moment Deleting = new("deletion recorded", state => state.Status == "Deleting");
    private static readonly Moment Releasing = new("GPU machine being given back", state => state.Status == "Deleting" && state.Machines.Any(machine => machine is { IsGpu: true, Phase: "Releasing" }));
    private static readonly Moment StandbyReleasing = new("standby being given back", state => state.Standby?.Phase == "Releasing");

    [Fact]
    public async Task Kill_AtEveryMoment_LifeGoesOn()
    {
        var (world, cancellationToken) = (World, TestContext.Current.CancellationToken);
        var user = await world.NewUserAsync(cancellationToken);
        await user.EnableStandbyAsync(cancellationToken);

        // Every other moment each, so that a kill is followed by some progress before the next.
        var odd = await new CrashStory(world, user, "odd", output).RunAsync(
            [Asking, Preparing, StandbyBooting], [Lost, NewAsking, NewPreparing, Draining], [Deleting, StandbyReleasing], cancellationToken);
        var even = await new CrashStory(world, user, "even", output).RunAsync(
            [Recorded, StandbyAsking, Booting, Ready, StandbyPreparing], [Switched, NewBooting, Restoring, Returning], [Releasing], cancellationToken);
        var distinct = odd.Concat(even).Distinct().Count();
        output.WriteLine($"{distinct} distinct moments were hit");
        Assert.True(distinct >= DistinctMomentsMin, $"Only {distinct} distinct moments were hit.");
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
            At(random, 5, 2), At(random, 12, 3), At(random, 2, 1), cancellationToken);
    }

    private static List<Moment> At(Random random, double secondsMax, int count) =>
    [
        .. Enumerable.Range(0, count)
            .Select(_ => TimeSpan.FromSeconds(random.NextDouble() * secondsMax))
            .Order()
            .Select(at => new Moment($"{at.TotalSeconds:0.000} s", (state, elapsed) => state.InstanceId is not null && elapsed >= at)),
    ];

    public sealed class Fixture : WorldFixture;
}
