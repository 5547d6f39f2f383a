using System.Net;
using System.Net.WebSockets;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Machines;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Agents;

public sealed class AgentEndpointTests
{
    [Fact]
    public async Task Status_NoAgents_IsIdle_AndOneThatReportsIsOnline()
    {
        await using var server = await SpineServer.StartAsync();
        Assert.Equal("idle", (await server.SendAsync("GET", "/agent/status")).Body!["status"]!.GetValue<string>());
        var id = await server.RunningAsync();

        Assert.Equal("healthy", (await server.SendAsync("GET", "/agent/status")).Body!["status"]!.GetValue<string>());
        var (status, agent) = await server.SendAsync("GET", $"/agent/instances/{id}");
        Assert.Equal((HttpStatusCode.OK, "writer"), (status, agent!["role"]!.GetValue<string>()));
        using var eve = await server.Server.LoggedInAsync("eve@example.com");
        Assert.Equal(HttpStatusCode.NotFound, (await TestServer.GetAsync(eve, $"/api/v1/agent/instances/{id}")).Status);
        Assert.Equal("idle", (await TestServer.GetAsync(eve, "/api/v1/agent/status")).Body!["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Link_UsersToken_OpensNothing_MachinesTokenOpensOnlyTheLink()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.RunningAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync("GET", "/agent/link")).Status);

        var machine = (await server.Server.Get<MachineStore>().ListAsync(id, Line.Deadline()))[0];
        var token = server.Server.Get<ServerIdentity>().MachineToken(machine.Tag);
        using var agent = server.Server.WithBearer(token);
        Assert.Equal(HttpStatusCode.Unauthorized, (await TestServer.GetAsync(agent, "/api/v1/instances")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await TestServer.GetAsync(agent, "/api/v1/agent/link")).Status);

        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{server.Server.BaseAddress.Port}/api/v1/agent/link"), Line.Deadline());
        var buffer = new byte[64 * 1024];
        var received = await socket.ReceiveAsync(buffer, Line.Deadline());
        var order = System.Text.Json.JsonSerializer.Deserialize(buffer.AsSpan(0, received.Count), AgentLinkJson.Default.AgentOrder)!;
        Assert.Equal((AgentRole.Writer, 1), (order.Role, order.Generation));
        Assert.NotNull(server.Server.Get<AgentHub>().Find(machine.Id));
    }
}
