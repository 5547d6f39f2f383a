using System.Globalization;
using Dumont.Simulation.Server;

namespace Dumont.Simulation;

/// <summary>Thousands of lives of the control plane in virtual time, with everything going wrong that the tables name.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    /// <summary>Share of the rows of both tables that a campaign must have fired.</summary>
    private const double CoverageMin = 0.95;

    /// <summary>Runs with more faults, for longer, and a user who hardly waits.</summary>
    private const int HeavyCount = 400;

    [Fact]
    public void Seeds_Thousands_BreakNothing()
    {
        var settings = SimulationSettings.Read();
        if (settings.Seed is { } seed)
        {
            Replay(seed, settings.IsHeavy);
            return;
        }

        var campaign = Campaign.Run(first: 1, settings.Count, violationsMax: 20, settings.IsHeavy);
        AssertBreaksNothing(campaign);
        Assert.True(campaign.Coverage >= CoverageMin, $"Only {campaign.Coverage:P1} of the tables' rows were fired.");
    }

    [Fact]
    public void HeavySeeds_Hundreds_BreakNothing()
    {
        var campaign = Campaign.Run(first: 1, HeavyCount, violationsMax: 5, isHeavy: true);
        AssertBreaksNothing(campaign);
    }

    [Fact]
    public void Seeds_RunTwice_LeaveTheSameTrace()
    {
        using var bench = Workbench.Open();
        foreach (var seed in Enumerable.Range(1, 40).Select(each => each * 251))
        {
            var (once, twice) = (Simulation.Run(seed, isHeavy: false, bench), Simulation.Run(seed, isHeavy: false, bench));
            Assert.True(once.TraceHash == twice.TraceHash, string.Create(CultureInfo.InvariantCulture, $"seed {seed} went two ways\n{once.Tail}\n---\n{twice.Tail}"));
        }
    }

    private void AssertBreaksNothing(Campaign campaign)
    {
        output.WriteLine(campaign.Report());
        foreach (var outcome in campaign.Violations)
        {
            output.WriteLine(outcome.Report());
        }

        Assert.Empty(campaign.Violations.Select(outcome => outcome.Seed));
    }

    private void Replay(int seed, bool isHeavy)
    {
        using var bench = Workbench.Open();
        var outcome = Simulation.Run(seed, isHeavy, bench);
        output.WriteLine(outcome.Report());
        Assert.Null(outcome.Violation);
    }
}
