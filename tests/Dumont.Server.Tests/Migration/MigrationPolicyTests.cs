using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Migration;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Migration;

public sealed class MigrationPolicyTests
{
    private static readonly MigrationOptions Options = new();

    [Fact]
    public void Searching_Fresh_Places() => Assert.IsType<MigrationStep.Place>(Decide(At(MigrationPhase.Searching) with { TargetMachineId = null }, target: null));

    [Fact]
    public void Searching_BeforeTheRetry_Waits() =>
        Assert.IsType<MigrationStep.Observe>(Decide(At(MigrationPhase.Searching) with { TargetMachineId = null, RetryAt = Now.AddSeconds(1) }, target: null));

    [Fact]
    public void Searching_TooManyTries_GivesUp() => Fails(At(MigrationPhase.Searching) with { TargetMachineId = null, Attempts = Options.OfferAttempts });

    [Fact]
    public void Searching_TheNamedOfferCameToNothing_GivesUp()
    {
        var document = At(MigrationPhase.Searching);
        Fails(document with { TargetMachineId = null, Attempts = 1, Goal = document.Goal with { OfferId = "7" } });
    }

    [Fact]
    public void Provisioning_TargetFailed_LooksForAnother() =>
        Assert.IsType<MigrationStep.DropTarget>(Decide(At(MigrationPhase.Provisioning), target: Target(failure: MachineFailure.BootTimeout)));

    [Fact]
    public void Provisioning_AccountCannotPay_GivesUpWithItsWords()
    {
        var step = Decide(At(MigrationPhase.Provisioning), target: Target(failure: MachineFailure.InsufficientCredit));
        Assert.Equal(new MigrationStep.Abandon(MigrationPhase.Failed, nameof(MachineFailure.InsufficientCredit)), step);
    }

    [Fact]
    public void Searching_TooManyTriesOrTooLong_SaysWhatTheLastTroubleWas()
    {
        var document = At(MigrationPhase.Searching) with { TargetMachineId = null, LastTrouble = "It was not heard of." };
        Assert.Contains("It was not heard of.", Why(document with { Attempts = Options.OfferAttempts }), StringComparison.Ordinal);
        Assert.Contains("It was not heard of.", Why(document with { Timeline = [new MigrationMark(MigrationPhase.Searching, Now - Options.SearchTimeout)] }), StringComparison.Ordinal);

        string Why(MigrationDocument each) => Assert.IsType<MigrationStep.Abandon>(Decide(each, target: null)).Why;
    }

    [Theory]
    [InlineData(MachinePhase.Ready)]
    [InlineData(MachinePhase.Asking)]
    public void Provisioning_NotHeardOf_IsDroppedAfterItsOwnTime(object phase)
    {
        var options = new MigrationOptions { HearTimeout = TimeSpan.FromMinutes(2), SearchTimeout = TimeSpan.FromHours(1) };
        Assert.IsType<MigrationStep.Observe>(After(options.HearTimeout - TimeSpan.FromSeconds(1)));
        Assert.Equal(new MigrationStep.DropTarget("It was not heard of."), After(options.HearTimeout));

        MigrationStep After(TimeSpan time)
        {
            var machine = Machine((MachinePhase)phase, id: 3);
            var target = Observed(machine with { Document = machine.Document with { PhaseSince = Now - time } }, report: null, TimeSpan.MaxValue);
            return MigrationPolicy.Decide(ViewOf(At(MigrationPhase.Provisioning), Source(null), target), Now, options);
        }
    }

    [Fact]
    public void Provisioning_TargetIsHeard_Copies() =>
        Assert.Equal(new MigrationStep.Enter(MigrationPhase.Copying), Decide(At(MigrationPhase.Provisioning), target: Target()));

    [Fact]
    public void Copying_NotYetLive_Waits() =>
        Assert.IsType<MigrationStep.Observe>(Decide(At(MigrationPhase.Copying), source: Source(Reports.Sync(new MachineId(3), AgentSyncState.Initial))));

    [Fact]
    public void Copying_LiveWithAnotherPeer_Waits() =>
        Assert.IsType<MigrationStep.Observe>(Decide(At(MigrationPhase.Copying), source: Source(Reports.Sync(new MachineId(9)))));

    [Fact]
    public void Copying_Live_Verifies() =>
        Assert.Equal(new MigrationStep.Enter(MigrationPhase.Verifying), Decide(At(MigrationPhase.Copying), source: Source(Reports.Sync(new MachineId(3)))));

    [Fact]
    public void Verifying_TargetHasNotForgottenYet_Waits() =>
        Assert.IsType<MigrationStep.Observe>(Decide(At(MigrationPhase.Verifying) with { TargetCheck = 1 }, source: Source(Reports.Sync(new MachineId(3)))));

    [Fact]
    public void Verifying_TargetHasForgotten_TellsTheSource() =>
        Assert.IsType<MigrationStep.CheckSource>(Decide(At(MigrationPhase.Verifying) with { TargetCheck = 1 }, target: Target(check: 1)));

    [Theory]
    [InlineData(0, 0.1, false)]
    [InlineData(1, 0.1, true)]
    [InlineData(1, 5.0, false)]
    public void Verifying_SourceTold_DrainsWhenThatComparisonIsDoneAndLittleIsLeft(long check, double lag, bool drains)
    {
        var step = Decide(
            At(MigrationPhase.Verifying) with { TargetCheck = 1, SourceCheck = 1 },
            source: Source(Reports.Sync(new MachineId(3)) with { Check = check, OldestUnackedSeconds = lag }),
            target: Target(check: 1));
        Assert.Equal(drains, step is MigrationStep.Enter { Phase: MigrationPhase.Draining });
    }

    [Fact]
    public void Draining_Drained_Promotes() =>
        Assert.IsType<MigrationStep.Promote>(Decide(At(MigrationPhase.Draining), source: Source(Reports.Sync(new MachineId(3), drained: true))));

    [Fact]
    public void Draining_NeverDrained_LetsTheSourceGoOn()
    {
        var document = At(MigrationPhase.Draining, since: Now - Options.DrainTimeout);
        Assert.IsType<MigrationStep.Abandon>(Decide(document, source: Source(Reports.Sync(new MachineId(3)))));
    }

    [Theory]
    [InlineData((int)MigrationPhase.Searching)]
    [InlineData((int)MigrationPhase.Provisioning)]
    [InlineData((int)MigrationPhase.Copying)]
    [InlineData((int)MigrationPhase.Verifying)]
    [InlineData((int)MigrationPhase.Draining)]
    public void BeforeTheSwitch_WhateverTheUserOrAFailoverWants_GivesTheTargetAway(int phase)
    {
        var document = At((MigrationPhase)phase);
        Assert.Equal(MigrationPhase.Cancelled, Ends(Decide(document, wish: MigrationWish.Cancel)));
        Assert.Equal(MigrationPhase.Cancelled, Ends(Decide(document, instance: Instance(desired: InstanceDesired.Paused))));
        Assert.Equal(MigrationPhase.Cancelled, Ends(Decide(document, instance: Instance(desired: InstanceDesired.Deleted))));
        Assert.Equal(MigrationPhase.Failed, Ends(Decide(document, association: Association(requested: "requested"))));
        Assert.Equal(MigrationPhase.Failed, Ends(Decide(document, association: Association(document: new AssociationDocument { FailoverId = "fo-1" }))));
        Assert.Equal(MigrationPhase.Failed, Ends(Decide(document, instance: Instance(writer: 2))));
    }

    [Fact]
    public void Switching_TargetWrites_Completes() =>
        Assert.IsType<MigrationStep.Complete>(Decide(Switching(), target: Target(role: AgentRole.Writer, generation: 2)));

    [Theory]
    [InlineData(MigrationWish.Cancel)]
    [InlineData(null)]
    public void Switching_TargetHasNotSaidSo_WaitsWhateverIsWished(object? wish) =>
        Assert.IsType<MigrationStep.Observe>(Decide(
            Switching(), wish: (MigrationWish?)wish, instance: Instance(desired: InstanceDesired.Paused), association: Association(requested: "requested")));

    [Fact]
    public void Switching_TargetLost_GivesTheSourceTheWordBack()
    {
        Assert.IsType<MigrationStep.GiveBack>(Decide(Switching(), target: Target(failure: MachineFailure.Lost)));
        Assert.IsType<MigrationStep.GiveBack>(Decide(Switching(Now - Options.PromotionTimeout)));
    }

    [Fact]
    public void Returning_SourceWrites_IsOver()
    {
        var document = At(MigrationPhase.Returning) with { Pending = new PendingWriter(new MachineId(1), 3) };
        Assert.IsType<MigrationStep.Observe>(Decide(document));
        var writes = new Server.Standby.Observed(Machine(), new(Reports.Of(new MachineId(1), AgentRole.Writer, 3), Now, Connected: true), TimeSpan.Zero);
        Assert.Equal(MigrationPhase.Failed, Ends(Decide(document, source: writes)));
    }

    [Fact]
    public void Kept_UntilTheUserGivesItUp()
    {
        Assert.IsType<MigrationStep.Observe>(Decide(At(MigrationPhase.Complete), state: MigrationState.Kept));
        Assert.IsType<MigrationStep.ReleaseSource>(Decide(At(MigrationPhase.Complete), state: MigrationState.Kept, wish: MigrationWish.ReleaseSource));
        Assert.IsType<MigrationStep.ReleaseSource>(Decide(At(MigrationPhase.Complete), state: MigrationState.Kept, instance: Instance(desired: InstanceDesired.Deleted)));
    }

    private static void Fails(MigrationDocument document) => Assert.Equal(MigrationPhase.Failed, Ends(Decide(document, target: null)));

    private static MigrationPhase Ends(MigrationStep step) => Assert.IsType<MigrationStep.Abandon>(step).Phase;

    private static MigrationStep Decide(MigrationDocument document, Server.Standby.Observed? target) => Decide(document, target: target, withTarget: false);

    private static MigrationStep Decide(
        MigrationDocument document,
        Server.Standby.Observed? source = null,
        Server.Standby.Observed? target = null,
        Instance? instance = null,
        Association? association = null,
        MigrationWish? wish = null,
        MigrationState state = MigrationState.Running,
        bool withTarget = true) =>
        MigrationPolicy.Decide(ViewOf(document, source ?? Source(null), target ?? (withTarget ? Target() : null), instance, association, wish, state), Now, Options);

    private static MigrationView ViewOf(
        MigrationDocument document,
        Server.Standby.Observed source,
        Server.Standby.Observed? target,
        Instance? instance = null,
        Association? association = null,
        MigrationWish? wish = null,
        MigrationState state = MigrationState.Running) =>
        new(new InstanceMigration(1, Id, new UserId(1), state, wish, 1, Now, null, document), instance ?? Instance(), association, source, target);

    private static MigrationDocument At(MigrationPhase phase, DateTimeOffset? since = null) =>
        new()
        {
            Goal = new MigrationGoal(WithGpu: true, "rtx4090", 2, null, 100, KeepSource: false, null, null),
            SourceMachineId = new MachineId(1),
            TargetMachineId = new MachineId(3),
            Phase = phase,
            Timeline = [new MigrationMark(phase, since ?? Now)],
        };

    private static MigrationDocument Switching(DateTimeOffset? since = null) =>
        At(MigrationPhase.Switching, since) with { Pending = new PendingWriter(new MachineId(3), 2) };

    private static Server.Standby.Observed Source(AgentSyncReport? copy) =>
        Observed(Machine(), Reports.Of(new MachineId(1), AgentRole.Writer, 1) with { Migration = copy }, TimeSpan.Zero);

    private static Server.Standby.Observed Target(
        MachineFailure? failure = null, AgentRole role = AgentRole.Follower, long generation = 1, long check = 0) =>
        Observed(
            Machine(id: 3, failure: failure), Reports.Of(new MachineId(3), role, generation, Reports.Sync(null) with { Check = check }), TimeSpan.Zero);
}
