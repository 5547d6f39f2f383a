using System.Globalization;
using Dumont.Simulation.Bugs;

namespace Dumont.Simulation;

/// <summary>The simulation is worth what it finds: each of these defects is put into the server from outside and must be found.</summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private const int RunsMax = 2000;

    [Fact]
    public void SkipIntent_IsFound() => Find(new SkipIntent(), "I2 no twin");

    [Fact]
    public void SkipFence_IsFound() => Find(new SkipFence(), "I7 single writer");

    [Fact]
    public void TrustEmptyList_IsFound() => Find(new TrustEmptyList(), "I4 no false gone");

    [Fact]
    public void ForgetLoser_IsFound() => Find(new ForgetLoser(), "I1 no orphan");

    [Fact]
    public void PromoteTwice_IsFound() => Find(new PromoteTwice(), "I7 single writer");

    [Fact]
    public void MoveUnfenced_IsFound() => Find(new MoveUnfenced(), "I6 destroy after safe");

    [Fact]
    public void TrustOldAnswer_IsFound() => Find(new TrustOldAnswer(), "I13 snapshot is what was asked for");

    [Fact]
    public void ForgetPause_IsFound() => Find(new ForgetPause(), "I14 operation ends and leaves nothing");

    [Fact]
    public void OverrideWish_IsFound() => Find(new OverrideWish(), "I18 the user's wish stands");

    [Fact]
    public void TurnApart_IsFound() => Find(new TurnApart(), "I19 a due snapshot is taken once");

    [Fact]
    public void DropAll_IsFound() => Find(new DropAll(), "I12 snapshot is kept");

    [Fact]
    public void PassFlushes_IsFound() => Find(new PassFlushes(), "I20 what was flushed is there");

    [Fact]
    public void ServeEarly_IsFound() => Find(new ServeEarly(), "I24 services run where the instance is written");

    [Fact]
    public void PromoteEmpty_IsFound() => Find(new PromoteEmpty(), "I21 recovered as in the snapshot");

    private void Find(Bug bug, string invariant)
    {
        var campaign = Campaign.Run(first: 1, RunsMax, violationsMax: 1, bug: bug);
        var found = campaign.Violations.FirstOrDefault();
        Assert.True(found is not null, $"'{bug.Name}' broke nothing in {RunsMax} runs.");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"'{bug.Name}' was found by seed {found.Seed}: {found.Violation}"));
        Assert.Equal(invariant, found.Violation!.Invariant);
    }
}
