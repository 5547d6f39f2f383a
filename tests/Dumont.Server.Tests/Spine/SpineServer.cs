using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Settings;
using Dumont.Server.Tests.Offers;
using Microsoft.Extensions.DependencyInjection;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Spine;

/// <summary>The real server with a scripted provider, and a user who is logged in.</summary>
internal sealed class SpineServer : IAsyncDisposable
{
    private SpineServer(TestServer server, HttpClient user, ScriptedProvider vast) => (Server, User, Vast) = (server, user, vast);

    public TestServer Server { get; }

    public HttpClient User { get; }

    public ScriptedProvider Vast { get; }

    public static async Task<SpineServer> StartAsync(params string[] settings)
    {
        var vast = new ScriptedProvider("vast", TimeProvider.System);
        vast.Offers.AddRange(Enumerable.Range(1, 6).Select(id => OfferSamples.Rtx4090(id)));
        var server = await TestServer.StartAsync(
            builder =>
            {
                builder.Services.AddSingleton<ProviderClientFactory>((_, _) => vast);
                builder.Services.AddSingleton<ISshClient>(new ScriptedSsh());
            },
            directory: null,
            ["Instances:ActionWait=00:00:00", $"Server:AgentFile={typeof(SpineServer).Assembly.Location}", .. settings]);
        return new SpineServer(server, await server.LoggedInAsync(), vast);
    }

    /// <summary>Creates an instance on offer 1 over the API.</summary>
    public async Task<InstanceId> CreateAsync()
    {
        var (status, body) = await PostAsync(User, "/api/v1/instances", new { offer_id = 1 });
        Assert.Equal(HttpStatusCode.Created, status);
        return new InstanceId(body!["id"]!.GetValue<long>());
    }

    /// <summary>An instance that runs: its machine is ready, and its agent has said that it writes.</summary>
    public async Task<InstanceId> RunningAsync()
    {
        var id = await CreateAsync();
        var machine = await UntilAsync(
            id, async () => (await Server.Get<MachineStore>().ListAsync(id, Line.Deadline())).FirstOrDefault(each => each.Phase == MachinePhase.Ready));
        await Server.Get<AgentHub>().AcceptAsync(machine, Reports.Of(machine.Id, AgentRole.Writer, 1), Line.Deadline());
        await UntilAsync(id, async () => await Server.Get<InstanceStore>().FindAsync(id, Line.Deadline()) is { Status: InstanceStatus.Running } running ? running : null);
        return id;
    }

    /// <summary>Waits for something to become so of an instance.</summary>
    public async Task<T> UntilAsync<T>(InstanceId id, Func<Task<T?>> read)
        where T : class =>
        await Server.Get<InstanceChanges>().WaitForAsync(id, read, TimeSpan.FromSeconds(20), Line.Deadline())
        ?? throw new TimeoutException("Not within 20 s.");

    public Task<(HttpStatusCode Status, JsonNode? Body)> SendAsync(string method, string path, object? body = null) =>
        TestServer.SendAsync(User, new HttpMethod(method), "/api/v1" + path, body);

    /// <summary>Sends a request that must be refused as <paramref name="code"/>.</summary>
    public async Task<JsonNode> RefusedAsync(int status, string code, string method, string path, object? body = null)
    {
        var answer = await SendAsync(method, path, body);
        Assert.True(status == (int)answer.Status, $"{method} {path} {body}: {answer.Status} {answer.Body?.ToJsonString()}");
        Assert.Equal(code, answer.Body!["code"]!.GetValue<string>());
        return answer.Body;
    }

    /// <summary>As above, for a field of body or query.</summary>
    public async Task RefusedFieldAsync(string part, string field, string method, string path, object? body = null)
    {
        var problem = await RefusedAsync(422, "validation-failed", method, path, body);
        Assert.Equal([part, field], problem["detail"]![0]!["loc"]!.AsArray().Select(each => each!.GetValue<string>()));
    }

    public async ValueTask DisposeAsync()
    {
        User.Dispose();
        await Server.DisposeAsync();
    }
}
