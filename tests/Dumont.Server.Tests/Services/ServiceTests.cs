using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Services;

public sealed class ServiceTests
{
    [Fact]
    public async Task Services_AreSetReplacedAndRemoved_AndReadBack()
    {
        await using var server = await SpineServer.StartAsync();
        var path = $"/instances/{await server.CreateAsync()}";
        Assert.Empty((await server.SendAsync("GET", path + "/services")).Body!["services"]!.AsArray());

        await PutAsync(server, path + "/services/web", new { command = "serve" });
        await PutAsync(server, path + "/services/api", new { command = "listen", runs_on = "gpu" });
        var body = await PutAsync(server, path + "/services/web", new { command = "serve --fast" });
        Assert.Equal(
            [("api", "listen", "gpu", "unknown"), ("web", "serve --fast", "any", "unknown")],
            body["services"]!.AsArray().Select(each => (Text(each, "name"), Text(each, "command"), Text(each, "runs_on"), Text(each, "state"))));

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("DELETE", path + "/services/api")).Status);
        Assert.Equal("web", Text(Assert.Single((await server.SendAsync("GET", path + "/services")).Body!["services"]!.AsArray()), "name"));
        await server.RefusedAsync(404, "not-found", "DELETE", path + "/services/api");
    }

    [Fact]
    public async Task Hooks_AreSetAndRemoved_AndReadBack()
    {
        await using var server = await SpineServer.StartAsync();
        var path = $"/instances/{await server.CreateAsync()}";
        await PutAsync(server, path + "/hooks/on_failover", new { command = "tell" });
        var body = await PutAsync(server, path + "/hooks/on_recovery", new { command = "warm up", timeout_seconds = 300 });
        Assert.Equal(("tell", 60.0), (Text(body["on_failover"], "command"), body["on_failover"]!["timeout_seconds"]!.GetValue<double>()));
        Assert.Equal(("warm up", 300.0), (Text(body["on_recovery"], "command"), body["on_recovery"]!["timeout_seconds"]!.GetValue<double>()));

        body = (await server.SendAsync("DELETE", path + "/hooks/on_failover")).Body!;
        Assert.Null(body["on_failover"]);
        Assert.NotNull(body["on_recovery"]);
    }

    [Fact]
    public async Task Bad_Fields_AreNamedWithWhatIsAllowed()
    {
        await using var server = await SpineServer.StartAsync();
        var path = $"/instances/{await server.CreateAsync()}";
        await server.RefusedFieldAsync("path", "name", "PUT", path + "/services/Web", new { command = "serve" });
        await server.RefusedFieldAsync("path", "name", "PUT", path + "/services/a.b", new { command = "serve" });
        await server.RefusedFieldAsync("body", "command", "PUT", path + "/services/web", new { command = " " });
        await server.RefusedFieldAsync("body", "command", "PUT", path + "/services/web", new { command = new string('x', 4097) });
        await server.RefusedFieldAsync("body", "runs_on", "PUT", path + "/services/web", new { command = "serve", runs_on = "mars" });
        await server.RefusedFieldAsync("path", "name", "PUT", path + "/hooks/on_sunday", new { command = "rest" });
        await server.RefusedFieldAsync("body", "timeout_seconds", "PUT", path + "/hooks/on_failover", new { command = "rest", timeout_seconds = 0.5 });
        await server.RefusedAsync(404, "not-found", "PUT", "/instances/999/services/web", new { command = "serve" });
        await server.RefusedAsync(404, "not-found", "GET", "/instances/999/services");
    }

    [Fact]
    public async Task Services_MoreThanAllowed_AreRefusedAndReplacingIsNot()
    {
        await using var server = await SpineServer.StartAsync();
        var path = $"/instances/{await server.CreateAsync()}/services";
        for (var i = 0; i < 16; i++)
        {
            await PutAsync(server, $"{path}/web-{i}", new { command = "serve" });
        }

        await server.RefusedAsync(409, "conflict", "PUT", path + "/other", new { command = "serve" });
        await PutAsync(server, path + "/web-3", new { command = "serve again" });
    }

    [Fact]
    public async Task Page_ShowsSetsAndRemoves_AndKeepsWhatWasTypedWrong()
    {
        await using var server = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(server.Server.BaseAddress);
        var path = $"/instances/{await server.CreateAsync()}/services";
        var page = await user.GetAsync(path);
        var wrong = await user.SendAsync(page, "#service form", ("name", "My Web"), ("command", "serve <fast>"), ("runs_on", "gpu"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.Status);
        Assert.Equal(["name-error"], wrong.Document.QuerySelectorAll(".field-error").Select(error => error.Id));
        Assert.Equal("serve <fast>", wrong.TextOf("#command"));

        Assert.Equal(path, (await user.SendAsync(wrong, "#service form", ("name", "web"), ("command", "serve <fast>"), ("runs_on", "gpu"))).Location);
        page = await user.GetAsync(path);
        Assert.Equal("serve <fast>", page.TextOf("#services code"));

        Assert.Equal(path, (await user.SendAsync(page, "form[action*='/hooks/on_recovery']", ("command", "warm up"), ("timeout_seconds", "20"))).Location);
        page = await user.GetAsync(path);
        Assert.Equal("warm up", page.TextOf("#on_recovery"));
        Assert.Equal(path, (await user.SendAsync(page, "form[action*='/hooks/on_recovery']", ("command", ""), ("timeout_seconds", "20"))).Location);
        Assert.Null((await server.SendAsync("GET", path)).Body!["on_recovery"]);
        Assert.Equal(HttpStatusCode.NotFound, (await user.GetAsync("/instances/999/services")).Status);
    }

    [Theory]
    [InlineData(false, true, 1, "api web", null)]
    [InlineData(false, true, 3, "api web", "on_recovery")]
    [InlineData(false, false, 3, "web", "on_recovery")]
    [InlineData(true, false, 2, "web", "on_failover")]
    public void OrderFor_RoleAndGeneration_TellWhatRunsThere(bool isStandby, bool hasGpu, long generation, string services, string? hook)
    {
        var declared = new DeclaredServices
        {
            Services = [new DeclaredService("api", "listen", ServicePlace.Gpu), new DeclaredService("web", "serve", ServicePlace.Any)],
            OnFailover = new DeclaredHook("tell", TimeSpan.FromSeconds(1)),
            OnRecovery = new DeclaredHook("warm up", TimeSpan.FromSeconds(2)),
        };
        var order = declared.OrderFor(isStandby ? MachineRole.Standby : MachineRole.Gpu, hasGpu, generation);
        Assert.Equal(services, string.Join(' ', order.Services!.Select(service => service.Name)));
        Assert.Equal(hook, order.Hook?.Name);
        Assert.True(order.Hook is null || order.Hook.Number == generation);
    }

    [Fact]
    public async Task Hook_ThatEnded_IsToldOnce()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.RunningAsync();
        await PutAsync(server, $"/instances/{id}/hooks/on_recovery", new { command = "warm up" });
        var hub = server.Server.Get<AgentHub>();
        var instance = (await server.Server.Get<InstanceStore>().FindAsync(id, Line.Deadline()))!;
        var machine = (await server.Server.Get<MachineStore>().FindAsync(instance.WriterMachineId!.Value, Line.Deadline()))!;
        var report = hub.Find(machine.Id)!.Report;
        foreach (var (number, exit) in ((long, int?)[])[(2, 0), (2, 0), (3, 7), (4, null)])
        {
            var ended = report with { Hook = new AgentHookReport(number, "on_recovery", AgentServiceState.Ended, exit, 1.5) };
            await hub.AcceptAsync(machine, ended, Line.Deadline());
            await server.UntilAsync(id, async () => (await HooksAsync(server, id)).Count >= Math.Min(3, number - 1) ? "told" : null);
        }

        Assert.Equal(
            ["Hook on_recovery is done after 1.5 s.", "Hook on_recovery ended with exit code 7 after 1.5 s.", "Hook on_recovery was killed after 1.5 s."],
            await HooksAsync(server, id));
    }

    private static async Task<List<string>> HooksAsync(SpineServer server, InstanceId id) =>
        [.. (await server.SendAsync("GET", $"/instances/{id}/events")).Body!["events"]!.AsArray()
            .Where(each => Text(each, "type").StartsWith("hook.", StringComparison.Ordinal)).Select(each => Text(each, "message")).Reverse()];

    private static async Task<JsonNode> PutAsync(SpineServer server, string path, object body)
    {
        var (status, answer) = await server.SendAsync("PUT", path, body);
        Assert.True(status == HttpStatusCode.OK, answer?.ToJsonString());
        return answer!;
    }

    private static string Text(JsonNode? node, string member) => node![member]!.GetValue<string>();
}
