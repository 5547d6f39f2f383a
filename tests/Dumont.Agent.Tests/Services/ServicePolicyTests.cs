using Dumont.Agent.Services;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Services;

public sealed class ServicePolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 4, 0, 0, TimeSpan.Zero);
    private static readonly AgentService Web = new("web", "serve");
    private static readonly ServiceFacts Alive = new(Web, new ProcessStamp(7, 70), true, Now - TimeSpan.FromSeconds(10), null, 0, TimeSpan.Zero, null);
    private static readonly ServiceFacts Ended = Alive with { IsAlive = false, EndedAt = Now - TimeSpan.FromSeconds(1), Pause = TimeSpan.FromSeconds(1) };

    [Theory]
    [InlineData(AgentRole.Writer, false, true, true)]
    [InlineData(AgentRole.Writer, true, true, false)]
    [InlineData(AgentRole.Writer, false, false, false)]
    [InlineData(AgentRole.Follower, false, true, false)]
    [InlineData(AgentRole.Fenced, false, true, false)]
    [InlineData(AgentRole.Idle, false, true, false)]
    public void MayRun_OnlyOnAWriterThatDoesNotDrainAfterItsHook(AgentRole role, bool drain, bool isHookOver, bool may) =>
        Assert.Equal(may, ServicePolicy.MayRun(new AgentOrder(1, role, "/workspace", null, drain, []), isHookOver));

    [Fact]
    public void Decide_NeverRun_StartsWhenItMay()
    {
        Assert.Equal(ServiceStep.Start, ServicePolicy.Decide(Web, null, mayRun: true, Now));
        Assert.Equal(ServiceStep.Rest, ServicePolicy.Decide(Web, null, mayRun: false, Now));
    }

    [Fact]
    public void Decide_Alive_IsLeftAlone()
    {
        Assert.Equal(ServiceStep.Rest, ServicePolicy.Decide(Web, Alive, mayRun: true, Now));
        // Its end is the role's business: the role sees to all processes of the user, and waits for it.
        Assert.Equal(ServiceStep.Rest, ServicePolicy.Decide(Web, Alive, mayRun: false, Now));
    }

    [Fact]
    public void Decide_OtherCommandOrNone_StopsFirst()
    {
        var other = Web with { Command = "serve --fast" };
        Assert.Equal(ServiceStep.Stop, ServicePolicy.Decide(other, Alive, mayRun: true, Now));
        Assert.Equal(ServiceStep.Start, ServicePolicy.Decide(other, Ended, mayRun: true, Now));
        Assert.Equal(ServiceStep.Stop, ServicePolicy.Decide(null, Alive, mayRun: true, Now));
        Assert.Equal(ServiceStep.Forget, ServicePolicy.Decide(null, Ended, mayRun: true, Now));
    }

    [Fact]
    public void Decide_Ended_StartsAfterItsPause()
    {
        Assert.Equal(ServiceStep.Start, ServicePolicy.Decide(Web, Ended, mayRun: true, Now));
        Assert.Equal(ServiceStep.Rest, ServicePolicy.Decide(Web, Ended with { Pause = TimeSpan.FromSeconds(2) }, mayRun: true, Now));
        Assert.Equal(ServiceStep.Rest, ServicePolicy.Decide(Web, Ended, mayRun: false, Now));
    }

    [Fact]
    public void PauseAfter_EndsInARow_DoublesToAHalfMinute()
    {
        var facts = Alive with { StartedAt = Now };
        var pauses = new List<double>();
        for (var i = 0; i < 7; i++)
        {
            facts = facts with { Pause = ServicePolicy.PauseAfter(facts, Now) };
            pauses.Add(facts.Pause.TotalSeconds);
        }

        Assert.Equal([1, 2, 4, 8, 16, 30, 30], pauses);
    }

    [Fact]
    public void PauseAfter_LongLife_BeginsAnew() =>
        Assert.Equal(ServicePolicy.PauseMin, ServicePolicy.PauseAfter(Alive with { StartedAt = Now - ServicePolicy.Settled, Pause = ServicePolicy.PauseMax }, Now));
}
