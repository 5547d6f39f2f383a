using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Migration;

public sealed class MigrationDocumentTests
{
    private static readonly MachineId Target = new(3);

    [Theory]
    [InlineData("Searching Provisioning", "Searching")]
    [InlineData("Searching Failed", "")]
    [InlineData("Searching Provisioning Copying Cancelled", "Searching Provisioning")]
    [InlineData("Searching Provisioning Copying Searching", "")]
    [InlineData("Searching Provisioning Searching Provisioning Failed", "Searching")]
    [InlineData("Searching Provisioning Copying Verifying Draining Switching Returning Failed", "Searching Provisioning Copying Verifying Draining")]
    [InlineData(
        "Searching Provisioning Copying Verifying Draining Switching Complete",
        "Searching Provisioning Copying Verifying Draining Switching Complete")]
    public void PhasesDone_AreThoseWhoseNextWasEntered(string entered, string done) =>
        Assert.Equal(done, string.Join(' ', entered.Split(' ').Aggregate(Document(), (document, phase) => document.Enter(Enum.Parse<MigrationPhase>(phase), Now)).ListPhasesDone()));

    [Fact]
    public void Count_ComparisonAfterTheCopy_AddsToItAndDoesNotMeasureTheLine()
    {
        var copied = Document().Enter(MigrationPhase.Copying, Now).Count("boot", Sync(bytes: 1000, check: 0, rate: 5e6));
        Assert.Equal((1000, 5e6), (copied.BytesCopied, copied.BytesPerSecond));

        var verifying = copied.Enter(MigrationPhase.Verifying, Now);
        var compared = verifying.Count("boot", Sync(bytes: 50, check: 1, rate: 70));
        Assert.Equal((1050, 5e6), (compared.BytesCopied, compared.BytesPerSecond));
        Assert.Equal(1080, compared.Count("boot", Sync(bytes: 80, check: 1, rate: 70)).BytesCopied);
    }

    [Fact]
    public void Count_AgentStartedAgain_CountsOnFromWhereItWas()
    {
        var copied = Document().Enter(MigrationPhase.Copying, Now).Count("boot", Sync(bytes: 1000, check: 0));
        Assert.Equal(1300, copied.Count("another", Sync(bytes: 300, check: 0)).BytesCopied);
    }

    [Fact]
    public void Drop_TargetThatHadMuch_LeavesNothingOfItToTheNext()
    {
        var dropped = Document().Enter(MigrationPhase.Copying, Now).Count("boot", Sync(bytes: 1000, check: 0)).Drop("It was lost.", Now);
        Assert.Equal((0, null, "It was lost.", MigrationPhase.Searching), (dropped.BytesCopied, dropped.TargetMachineId, dropped.LastTrouble, dropped.Phase));
        Assert.Equal(20, dropped.Count("boot", Sync(bytes: 20, check: 0)).BytesCopied);
    }

    private static MigrationDocument Document() =>
        new()
        {
            Goal = new MigrationGoal(WithGpu: true, "rtx4090", 2, null, 100, KeepSource: false, null, null),
            SourceMachineId = new MachineId(1),
            TargetMachineId = Target,
        };

    private static AgentSyncReport Sync(long bytes, long check, double? rate = null) =>
        Reports.Sync(Target) with { BytesTotal = bytes, Check = check, BytesPerSecond = rate };
}
