using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Snapshots;
using Dumont.Server.Tests.Offers;

namespace Dumont.Server.Tests.Snapshots;

public sealed class OperationPolicyTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddYears(56);
    private static readonly AgentWorkResult Result = new("abc", 1, 0, 0, 10, 5, 0.1, IsIncremental: false, []);

    [Fact]
    public void Decide_RunningAndLinked_Orders() => Assert.IsType<OperationStep.Order>(Decide(View()));

    [Fact]
    public void Decide_WriterHasOtherWork_Waits() => Assert.IsType<OperationStep.Wait>(Decide(View() with { WriterBusy = true }));

    [Fact]
    public void Decide_WriterIsSilent_Waits() => Assert.IsType<OperationStep.Wait>(Decide(View() with { WriterLinked = false }));

    [Fact]
    public void Decide_PausedInstance_RunsForASnapshotAndNotForARestore()
    {
        var paused = Instance(InstanceStatus.Paused, InstanceDesired.Paused);
        Assert.IsType<OperationStep.RunInstance>(Decide(View() with { Instance = paused }));
        Assert.IsType<OperationStep.Fail>(Decide(View(Operation() with { Kind = OperationKind.Restore }) with { Instance = paused }));
    }

    [Theory]
    [InlineData(InstanceStatus.Running)]
    [InlineData(InstanceStatus.Pausing)]
    internal void Decide_PausedByTheUserMeanwhile_RunsOnUntilTheSnapshotIsDone(InstanceStatus status)
    {
        var ordered = Operation() with { State = OperationState.Running, MachineId = new MachineId(3) };
        Assert.IsType<OperationStep.RunInstance>(Decide(View(ordered) with { Instance = Instance(status, InstanceDesired.Paused), Report = Report(7, AgentWorkState.Running) }));
    }

    [Fact]
    public void Decide_RunsForIt_GoesOnAsIfNothingWere()
    {
        Assert.IsType<OperationStep.Wait>(Decide(View() with { Instance = Instance(InstanceStatus.Paused, InstanceDesired.Paused) with { RunsFor = 7 } }));
        Assert.IsType<OperationStep.Order>(Decide(View() with { Instance = Instance(InstanceStatus.Running, InstanceDesired.Paused) with { RunsFor = 7 } }));
    }

    [Theory]
    [InlineData(AgentWorkState.Running, typeof(OperationStep.Note))]
    [InlineData(AgentWorkState.Done, typeof(OperationStep.Complete))]
    [InlineData(AgentWorkState.Failed, typeof(OperationStep.Fail))]
    public void Decide_MachineReports_FollowsIt(AgentWorkState state, Type step)
    {
        var ordered = Operation() with { State = OperationState.Running, MachineId = new MachineId(3) };
        Assert.IsType(step, Decide(View(ordered) with { Report = Report(7, state) }));

        // What it says of other work is none of ours.
        Assert.IsType<OperationStep.Wait>(Decide(View(ordered) with { Report = Report(6, state) }));
    }

    [Fact]
    public void Decide_WriterIsAnotherMachineNow_OrdersAnew() =>
        Assert.IsType<OperationStep.Order>(Decide(View(Operation() with { State = OperationState.Running, MachineId = new MachineId(2) })));

    [Fact]
    public void Decide_InstanceGoneOrTimeOver_Fails()
    {
        Assert.Equal("instance_gone", Assert.IsType<OperationStep.Fail>(Decide(View() with { Instance = null })).Failure);
        Assert.Equal("instance_gone", Assert.IsType<OperationStep.Fail>(Decide(View() with { Instance = Instance(InstanceStatus.Deleting, InstanceDesired.Deleted) })).Failure);
        Assert.Equal("instance_error", Assert.IsType<OperationStep.Fail>(Decide(View() with { Instance = Instance(InstanceStatus.Error, InstanceDesired.Running) })).Failure);
        Assert.Equal("timeout", Assert.IsType<OperationStep.Fail>(OperationPolicy.Decide(View(), Now.AddDays(2))).Failure);
    }

    [Fact]
    public void Decide_Cancelled_Ends() => Assert.IsType<OperationStep.Cancel>(Decide(View(Operation() with { CancelRequested = true })));

    [Fact]
    public void StatusOf_FilesThatCouldNotBeRead_IsPartial()
    {
        Assert.Equal(SnapshotStatus.Completed, OperationPolicy.StatusOf(Result));
        Assert.Equal(SnapshotStatus.Partial, OperationPolicy.StatusOf(Result with { Warnings = ["/a: denied"] }));
    }

    [Fact]
    public void IsWorthNoting_OncePerSecondOrPhase()
    {
        var at = new OperationDocument { Progress = new OperationProgress("transferring", 10, 100, 1, 2), ProgressAt = Now };
        Assert.False(OperationPolicy.IsWorthNoting(at, Report(7, AgentWorkState.Running) with { Phase = "transferring", BytesDone = 20 }, Now.AddMilliseconds(900)));
        Assert.True(OperationPolicy.IsWorthNoting(at, Report(7, AgentWorkState.Running) with { Phase = "transferring", BytesDone = 20 }, Now.AddSeconds(1)));
        Assert.False(OperationPolicy.IsWorthNoting(at, Report(7, AgentWorkState.Running) with { Phase = "transferring", BytesDone = 10 }, Now.AddSeconds(9)));
        Assert.True(OperationPolicy.IsWorthNoting(at, Report(7, AgentWorkState.Running) with { Phase = "placing", BytesDone = 10 }, Now));
    }

    private static OperationStep Decide(OperationView view) => OperationPolicy.Decide(view, Now);

    private static OperationView View(SnapshotOperation? operation = null) =>
        new(operation ?? Operation(), Instance(InstanceStatus.Running, InstanceDesired.Running), WriterLinked: true, WriterBusy: false, Report: null);

    private static SnapshotOperation Operation() =>
        new(
            7, new UserId(1), OperationKind.Snapshot, OperationState.Pending, 1, new SnapshotNumber(4), new InstanceId(5), null, CancelRequested: false, 1, Now, null,
            new OperationDocument { Before = Now.AddDays(1) });

    private static Instance Instance(InstanceStatus status, InstanceDesired desired) =>
        new(
            new InstanceId(5),
            new UserId(1),
            "train",
            desired,
            status,
            1,
            new MachineId(3),
            22000,
            1,
            Now,
            new InstanceDocument { WantedOffer = OfferSamples.Rtx4090(1), Spec = new MachineSpec("image", 20, null, new Dictionary<string, string>(), [], null) });

    private static AgentWorkReport Report(long operation, AgentWorkState state) =>
        new(operation, state, "transferring", 1, 2, 0, 0, state == AgentWorkState.Done ? Result : null, null, null);
}
