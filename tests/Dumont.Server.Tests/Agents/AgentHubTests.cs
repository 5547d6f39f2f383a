using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Agents;

public sealed class AgentHubTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Serve_NewLink_GetsItsOrderAtOnce_AndAnotherOnlyWhenItChanges()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var machine = await bench.MachineAsync(id);
        await using var link = Link.Open(bench, machine);

        var first = await link.ReceiveAsync();
        Assert.Equal((AgentRole.Writer, 1, false), (first.Role, first.Generation, first.Drain));

        // Nothing new, then fenced: the next order to come is the changed one.
        await bench.Get<AgentHub>().RefreshOrdersAsync(machine.InstanceId, [machine], Cancel);
        await bench.Get<AgentHub>().RefreshOrdersAsync(machine.InstanceId, [machine with { Desired = MachineDesired.Gone }], Cancel);
        Assert.Equal(AgentRole.Fenced, (await link.ReceiveAsync()).Role);
    }

    [Fact]
    public async Task Serve_Report_IsSeen_AndTheEndOfTheLinkToo()
    {
        await using var bench = await SpineBench.StartAsync();
        var machine = await bench.MachineAsync(await bench.RunningAsync());
        var hub = bench.Get<AgentHub>();
        hub.Forget(machine.Id);
        Assert.Null(hub.Find(machine.Id));
        var link = Link.Open(bench, machine);
        await link.SendAsync(Reports.Of(machine.Id, AgentRole.Writer, 1) with { Sequence = 77 });
        await link.DisposeAsync();

        Assert.Equal(77, hub.Find(machine.Id)!.Report.Sequence);
        Assert.False(hub.Find(machine.Id)!.Connected);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    public async Task Serve_MessageThatIsNoReport_IsIgnoredAndTheLinkGoesOn(string text)
    {
        await using var bench = await SpineBench.StartAsync();
        var machine = await bench.MachineAsync(await bench.RunningAsync());
        bench.Get<AgentHub>().Forget(machine.Id);
        var link = Link.Open(bench, machine);
        await link.SendAsync(text);
        await link.SendAsync(Reports.Of(machine.Id, AgentRole.Writer, 1));
        await link.DisposeAsync();

        Assert.Equal(1, bench.Get<AgentHub>().Find(machine.Id)!.Report.Sequence);
    }

    [Fact]
    public async Task Serve_ReportOfAnotherMachine_IsNotBelieved()
    {
        await using var bench = await SpineBench.StartAsync();
        var machine = await bench.MachineAsync(await bench.RunningAsync());
        bench.Get<AgentHub>().Forget(machine.Id);
        var link = Link.Open(bench, machine);
        await link.SendAsync(Reports.Of(new MachineId(999), AgentRole.Writer, 1));
        await link.DisposeAsync();

        Assert.Null(bench.Get<AgentHub>().Find(machine.Id));
        Assert.Null(bench.Get<AgentHub>().Find(new MachineId(999)));
    }

    [Fact]
    public async Task Serve_SecondLink_ReplacesTheFirst_WhoseEndIsNotTheMachines()
    {
        await using var bench = await SpineBench.StartAsync();
        var machine = await bench.MachineAsync(await bench.RunningAsync());
        var hub = bench.Get<AgentHub>();
        var first = Link.Open(bench, machine);
        await first.ReceiveAsync();
        await using var second = Link.Open(bench, machine);
        await second.ReceiveAsync();
        await first.Served.WaitAsync(Line.Deadline());
        await second.SendAsync(Reports.Of(machine.Id, AgentRole.Writer, 1));
        await hub.AcceptAsync(machine, Reports.Of(machine.Id, AgentRole.Writer, 1), Cancel);

        Assert.True(hub.Find(machine.Id)!.Connected);
        await first.DisposeAsync();
        Assert.True(hub.Find(machine.Id)!.Connected);
    }

    [Fact]
    public async Task SilenceOf_Machine_CountsFromItsLastReport_OrFromTheServersStart()
    {
        await using var bench = await SpineBench.StartAsync();
        var hub = bench.Get<AgentHub>();
        bench.Clock.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(TimeSpan.FromSeconds(7), hub.SilenceOf(new MachineId(9)));

        var machine = await bench.MachineAsync(await bench.CreateAsync());
        await hub.AcceptAsync(machine, Reports.Of(machine.Id, AgentRole.Idle, 0), Cancel);
        Assert.Equal(TimeSpan.Zero, hub.SilenceOf(machine.Id));
        bench.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(2), hub.SilenceOf(machine.Id));
    }

    [Fact]
    public async Task Accept_ReportThatSaysNothingNew_WakesNobody()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var machine = await bench.MachineAsync(id);
        var report = Reports.Of(machine.Id, AgentRole.Writer, 1);
        await bench.RunAsync(TimeSpan.FromSeconds(2));
        async Task<int> WokenByAsync(AgentReport next)
        {
            await bench.Get<AgentHub>().AcceptAsync(machine, next, Cancel);
            return (await bench.Get<WorkQueue>().ClaimAsync("test", TimeSpan.FromTicks(1), 100, Cancel)).Count(fence => fence.Kind == WorkKinds.Instance);
        }

        Assert.Equal(0, await WokenByAsync(report with { Sequence = 500, UptimeSeconds = 500 }));
        Assert.Equal(1, await WokenByAsync(report with { Role = AgentRole.Fenced }));
    }

    [Fact]
    public async Task FindByTokenHash_Token_OpensOneMachineUntilItIsGone()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var machine = await bench.MachineAsync(id);
        var (identity, store) = (bench.Get<ServerIdentity>(), bench.Get<MachineStore>());
        var token = identity.MachineToken(machine.Tag);
        Assert.Equal(machine.Id, (await store.FindByTokenHashAsync(ServerIdentity.HashToken(token), Cancel))!.Id);
        Assert.Null(await store.FindByTokenHashAsync(ServerIdentity.HashToken(token + "x"), Cancel));
        Assert.Null(await store.FindByTokenHashAsync(ServerIdentity.HashToken(""), Cancel));
        Assert.NotEqual(token, identity.MachineToken(machine.Tag + "1"));

        await bench.Get<InstanceService>().DeleteAsync(SpineBench.User, id, DeleteReason.UserRequest, true, Cancel);
        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(2));
        Assert.Null(await store.FindByTokenHashAsync(ServerIdentity.HashToken(token), Cancel));
    }

    /// <summary>An agent's end of a link in memory.</summary>
    private sealed class Link(WebSocket socket, Task served) : IAsyncDisposable
    {
        public Task Served { get; } = served;

        public static Link Open(SpineBench bench, Machine machine)
        {
            var (up, down) = (new Pipe(), new Pipe());
            var server = WebSocket.CreateFromStream(new Duplex(up.Reader.AsStream(), down.Writer.AsStream()), new WebSocketCreationOptions { IsServer = true });
            var client = WebSocket.CreateFromStream(new Duplex(down.Reader.AsStream(), up.Writer.AsStream()), new WebSocketCreationOptions());
            return new Link(client, ServeAsync());

            async Task ServeAsync()
            {
                using (server)
                {
                    await bench.Get<AgentHub>().ServeAsync(machine, server, Line.Deadline());
                }
            }
        }

        public Task SendAsync(AgentReport report) => SendAsync(JsonSerializer.Serialize(report, AgentLinkJson.Default.AgentReport));

        public Task SendAsync(string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Line.Deadline());

        public async Task<AgentOrder> ReceiveAsync()
        {
            var buffer = new byte[64 * 1024];
            var received = await socket.ReceiveAsync(buffer, Line.Deadline());
            return JsonSerializer.Deserialize(buffer.AsSpan(0, received.Count), AgentLinkJson.Default.AgentOrder)!;
        }

        /// <summary>Closes, and waits until the hub has taken everything that was sent.</summary>
        public async ValueTask DisposeAsync()
        {
            if (!Served.IsCompleted)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Line.Deadline());
                await Served;
            }

            socket.Dispose();
        }
    }

    private sealed class Duplex(Stream reading, Stream writing) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => reading.ReadAsync(buffer, cancellationToken);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await writing.WriteAsync(buffer, cancellationToken);
            await writing.FlushAsync(cancellationToken);
        }

        public override void Flush() => writing.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => writing.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => reading.Read(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => writing.Write(buffer, offset, count);
    }
}
