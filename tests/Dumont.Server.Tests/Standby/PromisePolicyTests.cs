using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Standby;

public sealed class PromisePolicyTests
{
    private static readonly StandbyOptions Options = new();
    private static readonly FailoverRules Waits = FailoverRules.Of(new AutoStandbySettings { Acknowledge = Acknowledgement.Sync }, own: null, new DetectionOptions());

    [Fact]
    public void Look_NobodyAskedForIt_IsNone()
    {
        var view = Pair(isLive: true) with { Rules = FailoverRules.Of(new AutoStandbySettings(), own: null, new DetectionOptions()) };

        Assert.Equal(FlushPromise.None, Look(view, FlushPromise.None).Promise);
        Assert.Equal(FlushPromise.None, Look(view, FlushPromise.InForce).Promise);
        Assert.False(PromisePolicy.IsWithheld(view));
    }

    [Theory]
    [InlineData(FlushPromise.None)]
    [InlineData(FlushPromise.Suspended)]
    internal void Look_PairIsLive_IsRenewedUnderANewNumber(FlushPromise before)
    {
        // What the agent says of the number before counts for nothing: flushes have passed since.
        var after = Look(Pair(isLive: true, promised: 4), before);

        Assert.Equal((FlushPromise.Renewing, 5), (after.Promise, after.PromiseNumber));
    }

    [Theory]
    [InlineData(null, FlushPromise.Renewing)]
    [InlineData(3L, FlushPromise.Renewing)]
    [InlineData(4L, FlushPromise.InForce)]
    internal void Look_Renewing_IsInForceWhenTheAgentSaysSoOfThisNumber(long? promised, FlushPromise expected)
    {
        var after = Look(Pair(isLive: true, promised), FlushPromise.Renewing);

        Assert.Equal((expected, 4), (after.Promise, after.PromiseNumber));
    }

    [Theory]
    [InlineData(FlushPromise.None)]
    [InlineData(FlushPromise.Suspended)]
    [InlineData(FlushPromise.Renewing)]
    internal void Look_PairIsCut_IsSuspendedAtOnceWhenItDidNotHold(FlushPromise before) =>
        Assert.Equal(FlushPromise.Suspended, Look(Pair(isLive: false), before).Promise);

    [Fact]
    public void Look_PairIsCut_StaysInForceWhileFlushesArePatient()
    {
        var cut = Look(Pair(isLive: false), FlushPromise.InForce);
        Assert.Equal((FlushPromise.InForce, Now), (cut.Promise, cut.CutSince));

        var patient = PromisePolicy.Look(Pair(isLive: false), cut, Now + Options.FlushPatience - TimeSpan.FromTicks(1), Options);
        Assert.Equal(FlushPromise.InForce, patient.Promise);
        Assert.Equal(FlushPromise.Suspended, PromisePolicy.Look(Pair(isLive: false), patient, Now + Options.FlushPatience, Options).Promise);

        var back = PromisePolicy.Look(Pair(isLive: true), patient, Now + Options.FlushPatience, Options);
        Assert.Equal((FlushPromise.InForce, null), (back.Promise, back.CutSince));
    }

    [Theory]
    [InlineData(FlushPromise.Suspended, true)]
    [InlineData(FlushPromise.Renewing, true)]
    [InlineData(FlushPromise.InForce, false)]
    internal void IsWithheld_UnlessItHolds(FlushPromise promise, bool expected)
    {
        var view = Pair(isLive: false);

        Assert.Equal(
            expected, PromisePolicy.IsWithheld(view with { Association = Association(document: new AssociationDocument { Promise = promise, SyncCountNow = 3 }) }));
    }

    [Theory]
    [InlineData(FlushPromise.None, AgentAcknowledge.Async)]
    [InlineData(FlushPromise.Suspended, AgentAcknowledge.Suspended)]
    [InlineData(FlushPromise.Renewing, AgentAcknowledge.Sync)]
    [InlineData(FlushPromise.InForce, AgentAcknowledge.Sync)]
    internal void Order_OfAWriter_FollowsThePromiseUnlessTheStandbyIsGivenUp(FlushPromise promise, AgentAcknowledge expected)
    {
        var association = Association(document: new AssociationDocument { Promise = promise });

        Assert.Equal(expected, association.Acknowledge);
        Assert.Equal(AgentAcknowledge.Async, (association with { Released = true }).Acknowledge);
    }

    private static AssociationDocument Look(StandbyView view, FlushPromise before) =>
        PromisePolicy.Look(view, new AssociationDocument { Promise = before, PromiseNumber = 4 }, Now, Options);

    private static StandbyView Pair(bool isLive, long? promised = null)
    {
        var report = Reports.Of(new MachineId(1), AgentRole.Writer, 1, isLive ? Reports.Sync(new MachineId(2)) : null) with { Promised = promised };
        return new StandbyView(
            Instance(),
            Association(),
            Waits,
            Observed(Machine(used: true), report, TimeSpan.Zero),
            Observed(Machine(id: 2, role: MachineRole.Standby, used: true), Reports.Of(new MachineId(2), AgentRole.Follower, 1), TimeSpan.Zero),
            Candidate: null);
    }
}
