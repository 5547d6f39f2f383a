using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Standby;

public sealed class FailoverServiceTests
{
    private static readonly StandbyOptions Options = new();

    private static readonly FailoverRules Rules = FailoverRules.Of(new AutoStandbySettings(), own: null, new DetectionOptions());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Readiness_PairThatFollows_LacksNothing_AndTellsTheRpo()
    {
        var readiness = Ready(Instance(), Association(), Standby());

        Assert.Empty(readiness.Missing);
        Assert.Equal((true, 0.25, FailoverAdvice.None), (readiness.IsReady, readiness.RpoSeconds, readiness.Advice));
    }

    [Fact]
    public void Readiness_EachLack_IsNamedAndAdvisedOn()
    {
        var silent = Observed(Machine(id: 2, role: MachineRole.Standby), Reports.Of(new MachineId(2), AgentRole.Follower, 1), Options.PartnerSilence);
        var booting = Observed(Machine(MachinePhase.Booting, id: 2, role: MachineRole.Standby), report: null, TimeSpan.Zero);
        var never = Association(document: new AssociationDocument { State = AssociationState.Syncing });
        (FailoverLack Lack, FailoverAdvice Advice, FailoverReadiness Readiness)[] cases =
        [
            (FailoverLack.StrategyDisabled, FailoverAdvice.EnableCpuStandby, Ready(Instance(), Association(), Standby(), Rules with { Strategy = FailoverStrategy.Disabled })),
            (FailoverLack.InstanceNotRunning, FailoverAdvice.ResumeInstance, Ready(Instance(InstanceStatus.Paused, InstanceDesired.Paused), Association(), Standby())),
            (FailoverLack.NoStandby, FailoverAdvice.ProvisionStandby, Ready(Instance(), association: null, standby: null)),
            (FailoverLack.NoStandby, FailoverAdvice.ProvisionStandby, Ready(Instance(), Association(released: true), Standby())),
            (FailoverLack.StandbyNotPrepared, FailoverAdvice.Wait, Ready(Instance(), Association(), booting)),
            (FailoverLack.StandbyNotPrepared, FailoverAdvice.Wait, Ready(Instance(), Association(standby: null), standby: null)),
            (FailoverLack.StandbySilent, FailoverAdvice.Wait, Ready(Instance(), Association(), silent)),
            (FailoverLack.NeverSynced, FailoverAdvice.Wait, Ready(Instance(), never, Standby())),
            (FailoverLack.RunsOnStandby, FailoverAdvice.Wait, Ready(Instance(writer: 2), Association(), Standby())),
        ];
        foreach (var (lack, advice, readiness) in cases)
        {
            Assert.Equal([lack], readiness.Missing);
            Assert.Equal((false, advice), (readiness.IsReady, readiness.Advice));
        }
    }

    [Fact]
    public void Readiness_SyncOff_SaysSo() =>
        Assert.Equal(FailoverAdvice.StartSync, Ready(Instance(), Association() with { SyncEnabled = false }, Standby()).Advice);

    // What the API promises and what the reconciler does must be the same.
    [Fact]
    public void Readiness_AgreesWithThePolicy()
    {
        foreach (var association in (Association[])[Association(), Association(document: new AssociationDocument { State = AssociationState.Syncing })])
        {
            foreach (var silence in (TimeSpan[])[TimeSpan.Zero, Options.PartnerSilence])
            {
                foreach (var status in (InstanceDesired[])[InstanceDesired.Running, InstanceDesired.Paused])
                {
                    var standby = Observed(Machine(id: 2, role: MachineRole.Standby, used: true), Reports.Of(new MachineId(2), AgentRole.Follower, 1), silence);
                    var instance = Instance(status == InstanceDesired.Running ? InstanceStatus.Running : InstanceStatus.Paused, status);
                    var view = new StandbyView(instance, association with { FailoverRequested = "test" }, Rules, Writer(), standby, Candidate: null);
                    var begins = StandbyPolicy.Decide(view, Now, Options) is StandbyStep.DrainWriter or StandbyStep.BeginFailover;
                    Assert.Equal(begins, FailoverReadiness.Of(instance, association, Writer(), standby, Rules, Options).IsReady);
                }
            }
        }
    }

    [Fact]
    public async Task Request_WhileOneRuns_IsRefusedWithItsId()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var service = bench.Get<FailoverService>();

        Assert.IsType<FailoverRequest.Recorded>(await service.RequestAsync(SpineBench.User, id, "one", isForced: false, Cancel));
        Assert.Equal(new FailoverRequest.Running(null), await service.RequestAsync(SpineBench.User, id, "two", isForced: false, Cancel));
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).FailoverActive, TimeSpan.FromMinutes(1));
        var running = (await bench.AssociationAsync(id)).Document.FailoverId;
        Assert.Equal(new FailoverRequest.Running(running), await service.RequestAsync(SpineBench.User, id, "three", isForced: false, Cancel));

        // None of them is left over for after the first.
        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null }], TimeSpan.FromMinutes(2));
        await bench.RunAsync(TimeSpan.FromMinutes(1));
        Assert.Equal("one", Assert.Single(await bench.FailoversAsync()).Reason);
    }

    [Fact]
    public async Task Request_OfAPairThatHasChangedMeanwhile_IsNotRecorded()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var (associations, seen) = (bench.Get<AssociationStore>(), await bench.AssociationAsync(id));
        await associations.SetSyncEnabledAsync(SpineBench.User, id, enabled: true, Cancel);

        Assert.False(await associations.RequestFailoverAsync(seen, "late", Cancel));
        Assert.Null((await bench.AssociationAsync(id)).FailoverRequested);
    }

    [Fact]
    public async Task Request_ThatCannotBeginAnyMore_IsWithdrawn()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        Assert.IsType<FailoverRequest.Recorded>(await bench.Get<FailoverService>().RequestAsync(SpineBench.User, id, "one", isForced: false, Cancel));
        bench.Kill(await bench.StandbyAsync(id));
        bench.Agents.IgnoreOrders = true;
        bench.Clock.Advance(Options.PartnerSilence);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).FailoverRequested is null, TimeSpan.FromMinutes(1));

        Assert.Contains("standby.request_withdrawn", await bench.EventsAsync(id));
        Assert.Empty(await bench.FailoversAsync());
    }

    [Fact]
    public async Task Request_StrategyDisabled_OnlyWhenForced()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        await bench.Get<FailoverSettings>().ChangeOwnAsync(SpineBench.User, id, before => before with { Strategy = FailoverStrategy.Disabled }, Cancel);
        var service = bench.Get<FailoverService>();

        var refused = Assert.IsType<FailoverRequest.NoTarget>(await service.RequestAsync(SpineBench.User, id, "one", isForced: false, Cancel));
        Assert.Equal([FailoverLack.StrategyDisabled], refused.Readiness.Missing);
        Assert.IsType<FailoverRequest.Recorded>(await service.RequestAsync(SpineBench.User, id, "one", isForced: true, Cancel));
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Generation == 2, TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Api_WithoutATarget_SaysWhatIsMissing()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.RunningAsync();

        Assert.Equal(["no_standby"], Words((await server.SendAsync("GET", $"/failover/readiness/{id}")).Body!["missing"]!));
        var status = (await server.SendAsync("GET", $"/failover/status/{id}")).Body!;
        Assert.Equal(("provision_standby", "none", "not_supported"), (Text(status, "recommended_action"), Text(status["cpu_standby"]!, "status"), Text(status["warm_pool"]!, "status")));
        Assert.Contains($"dumont standby provision {id}", Text(status, "message"), StringComparison.Ordinal);

        var dry = await server.SendAsync("POST", $"/failover/test/{id}?dry_run=true");
        Assert.Equal((HttpStatusCode.OK, true, false), (dry.Status, Flag(dry.Body!, "dry_run"), Flag(dry.Body!, "would_succeed")));
        Assert.Empty(dry.Body!["steps"]!.AsArray());

        var none = await server.RefusedAsync(409, "failover-no-target", "POST", $"/failover/test/{id}?dry_run=false");
        Assert.Contains($"dumont standby provision {id}", Text(none, "detail"), StringComparison.Ordinal);
        await server.RefusedAsync(409, "failover-no-target", "POST", "/failover/execute", new { machine_id = id.Value });
        await server.RefusedAsync(409, "failover-no-target", "POST", $"/instances/{id}/failover");
        await server.RefusedAsync(404, "not-found", "POST", $"/standby/failover/simulate/{id}");
        await server.SendAsync("PUT", $"/failover/settings/machines/{id}", new { strategy = "disabled" });
        Assert.Equal(["no_standby", "strategy_disabled"], Words((await server.SendAsync("GET", $"/failover/readiness/{id}")).Body!["missing"]!));
    }

    [Fact]
    public async Task Api_BadFields_AreNamed()
    {
        await using var server = await SpineServer.StartAsync();
        (string Field, object Body)[] bad =
        [
            ("machine_id", new { reason = "x" }),
            ("gpu_instance_id", new { machine_id = 1, gpu_instance_id = 2 }),
            ("workspace_path", new { machine_id = 1, workspace_path = "/home" }),
            ("force_strategy", new { machine_id = 1, force_strategy = "warm_pool" }),
            ("strategy", new { machine_id = 1, strategy = "mars" }),
            ("reason", new { machine_id = 1, reason = new string('x', 65) }),
        ];
        foreach (var (field, body) in bad)
        {
            await server.RefusedFieldAsync("body", field, "POST", "/failover/execute", body);
        }

        await server.RefusedFieldAsync("query", "strategy", "POST", "/failover/test/1?strategy=mars");
        foreach (var path in (string[])["readiness/1", "status/1", "settings/machines/1"])
        {
            await server.RefusedAsync(404, "not-found", "GET", $"/failover/{path}");
        }

        await server.RefusedAsync(404, "not-found", "POST", "/failover/test/1");
        await server.RefusedAsync(404, "not-found", "POST", "/failover/execute", new { machine_id = 1, ssh_host = "example.org", ssh_port = 22 });
    }

    private static FailoverReadiness Ready(Instance instance, Association? association, Observed? standby, FailoverRules? rules = null) =>
        FailoverReadiness.Of(instance, association, Writer(), standby, rules ?? Rules, Options);

    private static Observed Writer() =>
        Observed(Machine(used: true), Reports.Of(new MachineId(1), AgentRole.Writer, 1, Reports.Sync(new MachineId(2)) with { OldestUnackedSeconds = 0.25 }), TimeSpan.Zero);

    private static Observed Standby() =>
        Observed(Machine(id: 2, role: MachineRole.Standby, used: true), Reports.Of(new MachineId(2), AgentRole.Follower, 1), TimeSpan.Zero);

    private static IEnumerable<string> Words(JsonNode list) => list.AsArray().Select(each => each!.GetValue<string>());

    private static string Text(JsonNode node, string member) => node[member]!.GetValue<string>();

    private static bool Flag(JsonNode node, string member) => node[member]!.GetValue<bool>();
}
