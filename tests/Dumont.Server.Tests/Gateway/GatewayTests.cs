using System.Net;
using System.Net.Sockets;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Gateway;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Store;
using Dumont.Server.Tests.Spine;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Tests.Gateway;

public sealed class GatewayTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connection_Bytes_AreForwardedBothWays()
    {
        await using var bench = await SpineBench.StartAsync();
        using var machine = new LoopbackServer();
        await using var gateway = await OpenAsync(bench, machine);
        using var user = await Line.ConnectAsync(gateway.Port);
        using var sshd = await machine.AcceptAsync();

        // An SSH server speaks first.
        await sshd.SendAsync("SSH-2.0-x\r\n");
        await user.ExpectAsync("SSH-2.0-x\r\n");
        await user.SendAsync(new string('u', 300_000));
        await sshd.ExpectAsync(new string('u', 300_000));
    }

    [Fact]
    public async Task Connection_HalfClosed_TheOtherDirectionGoesOn()
    {
        await using var bench = await SpineBench.StartAsync();
        using var machine = new LoopbackServer();
        await using var gateway = await OpenAsync(bench, machine);
        using var user = await Line.ConnectAsync(gateway.Port);
        using var sshd = await machine.AcceptAsync();
        await user.SendAsync("request");
        user.EndSending();
        await sshd.ExpectAsync("request");
        await sshd.ExpectEndAsync();
        await sshd.SendAsync("answer");
        await user.ExpectAsync("answer");
        sshd.EndSending();
        await user.ExpectEndAsync();
    }

    [Fact]
    public async Task Connection_MachineCloses_TheUserIsToldSo()
    {
        await using var bench = await SpineBench.StartAsync();
        using var machine = new LoopbackServer();
        await using var gateway = await OpenAsync(bench, machine);
        using var user = await Line.ConnectAsync(gateway.Port);
        (await machine.AcceptAsync()).Dispose();

        await user.ExpectEndAsync();
    }

    [Fact]
    public async Task Connection_NoWriterYet_IsHeldUntilThereIsOne()
    {
        await using var bench = await SpineBench.StartAsync();
        using var machine = new LoopbackServer();
        bench.Vast.SshAddress = ("127.0.0.1", machine.Port);
        var id = await bench.CreateAsync();
        await using var gateway = await OpenAsync(bench, id);
        using var user = await Line.ConnectAsync(gateway.Port);
        await user.SendAsync("early");
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, TimeSpan.FromSeconds(50));
        using var sshd = await machine.AcceptAsync();

        await sshd.ExpectAsync("early");
    }

    [Fact]
    public async Task Connection_NoWriterInTime_IsEnded()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.CreateAsync();
        var router = Router(bench, TimeSpan.Zero);

        Assert.Null(await router.ConnectAsync(id, Line.Deadline()));
    }

    [Fact]
    public async Task Connection_WriterMoves_OldOnesAreCutAndNewOnesLeadThere()
    {
        await using var bench = await SpineBench.StartAsync();
        using var machine = new LoopbackServer();
        await using var gateway = await OpenAsync(bench, machine);
        using var before = await Line.ConnectAsync(gateway.Port);
        using var oldSide = await machine.AcceptAsync();
        await before.SendAsync("a");
        await oldSide.ExpectAsync("a");

        // Another instance's machine stands for the one that takes over.
        using var other = new LoopbackServer();
        bench.Vast.SshAddress = ("127.0.0.1", other.Port);
        var next = (await bench.WriterAsync(await bench.RunningAsync(2))).Id;
        await bench.Database.WriteAsync(
            transaction => bench.Get<InstanceStore>().MoveWriterAsync(transaction, gateway.Id, 1, 2, next), Cancel);
        gateway.Endpoint.SetGeneration(2);
        await before.ExpectEndAsync();
        await oldSide.ExpectEndAsync();

        using var after = await Line.ConnectAsync(gateway.Port);
        using var newSide = await other.AcceptAsync();
        await after.SendAsync("b");
        await newSide.ExpectAsync("b");

        // The same generation again cuts nothing.
        gateway.Endpoint.SetGeneration(2);
        await newSide.SendAsync("c");
        await after.ExpectAsync("c");
    }

    [Fact]
    public async Task Connection_PausedInstance_IsEndedAtOnce()
    {
        await using var bench = await SpineBench.StartAsync();
        using var machine = new LoopbackServer();
        await using var gateway = await OpenAsync(bench, machine);
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, gateway.Id, InstanceDesired.Paused, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(gateway.Id)).Status == InstanceStatus.Paused, TimeSpan.FromMinutes(1));
        using var user = await Line.ConnectAsync(gateway.Port);

        await user.ExpectEndAsync();
    }

    [Fact]
    public async Task Connection_DeletedInstance_IsEndedAtOnce()
    {
        await using var bench = await SpineBench.StartAsync();
        using var machine = new LoopbackServer();
        await using var gateway = await OpenAsync(bench, machine);
        await bench.Get<InstanceService>().DeleteAsync(SpineBench.User, gateway.Id, DeleteReason.UserRequest, true, Cancel);
        using var user = await Line.ConnectAsync(gateway.Port);

        await user.ExpectEndAsync();
    }

    [Fact]
    public async Task Endpoint_Disposed_EndsConnectionsAndFreesThePort()
    {
        await using var bench = await SpineBench.StartAsync();
        using var machine = new LoopbackServer();
        await using var gateway = await OpenAsync(bench, machine);
        using var user = await Line.ConnectAsync(gateway.Port);
        using var sshd = await machine.AcceptAsync();
        await gateway.Endpoint.DisposeAsync();

        await user.ExpectEndAsync();
        await sshd.ExpectEndAsync();
        await Assert.ThrowsAsync<SocketException>(() => Line.ConnectAsync(gateway.Port));
    }

    [Fact]
    public void Choose_PortInUseByAnotherProgram_IsPassedOver()
    {
        using var busy = new LoopbackServer();
        var ports = Ports(busy.Port, 3);

        Assert.DoesNotContain(busy.Port, Enumerable.Range(0, 6).Select(_ => ports.Choose(new HashSet<int>(), last: null)));
    }

    [Fact]
    public void Choose_FreedPort_IsNotUsedAgainAtOnce()
    {
        var first = FreeRange(4);
        var ports = Ports(first, 4);
        var chosen = new[] { ports.Choose(new HashSet<int>(), last: null), ports.Choose(new HashSet<int>(), last: null), ports.Choose(new HashSet<int>(), last: null) };

        Assert.Equal(3, chosen.Distinct().Count());
        Assert.All(chosen, port => Assert.InRange(port, first, first + 3));
    }

    [Fact]
    public void Choose_TakenPorts_AreNotChosen_AndAFullRangeIsRefused()
    {
        var first = FreeRange(3);
        var ports = Ports(first, 3);

        Assert.Equal(first + 2, ports.Choose(new HashSet<int> { first, first + 1 }, last: null));
        Assert.Throws<InvalidOperationException>(() => ports.Choose(new HashSet<int> { first, first + 1, first + 2 }, last: null));
    }

    [Fact]
    public void Choose_AfterARestart_GoesOnBehindTheOneGivenLastThoughItsInstanceIsDeleted()
    {
        var first = FreeRange(4);

        Assert.Equal(first + 2, Ports(first, 4).Choose(new HashSet<int>(), last: first + 1));
        Assert.Equal(first, Ports(first, 4).Choose(new HashSet<int>(), last: first + 3));
        Assert.Equal(first + 3, Ports(first, 4).Choose(new HashSet<int> { first + 1, first + 2 }, last: first));
        Assert.InRange(Ports(first, 4).Choose(new HashSet<int>(), last: first - 500), first, first + 3);
    }

    [Fact]
    public async Task Create_AfterARestart_TheDeletedInstancesPortIsNotGivenToTheNext()
    {
        await using var bench = await SpineBench.StartAsync();
        var before = (await bench.InstanceAsync(await bench.CreateAsync())).GatewayPort;
        await bench.Get<Database>().WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync("UPDATE instances SET deleted_at = 1", transaction: transaction), Cancel);

        var (taken, last) = await bench.Get<Database>().WriteAsync(
            async transaction => (await InstanceStore.GatewayPortsAsync(transaction), await InstanceStore.LastGatewayPortAsync(transaction)), Cancel);

        Assert.Empty(taken);
        Assert.Equal(before, last);
    }

    private static GatewayPorts Ports(int first, int count) =>
        new(Options.Create(new ServerOptions { GatewayFirstPort = first, GatewayPortCount = count }), port => GatewayPorts.IsFree("127.0.0.1", port));

    /// <summary>The first of <paramref name="count"/> neighbouring ports that are free now.</summary>
    private static int FreeRange(int count)
    {
        for (var first = LoopbackServer.FreePort(); ; first = LoopbackServer.FreePort())
        {
            try
            {
                for (var port = first; port < first + count; port++)
                {
                    using var listener = new TcpListener(IPAddress.Loopback, port);
                    listener.Start();
                }

                return first;
            }
            catch (Exception exception) when (exception is SocketException or ArgumentOutOfRangeException)
            {
                // Somebody else has one of them.
            }
        }
    }

    private static GatewayRouter Router(SpineBench bench, TimeSpan hold) =>
        new(
            bench.Get<InstanceStore>(),
            bench.Get<MachineStore>(),
            new InstanceChanges(TimeProvider.System),
            Options.Create(new GatewayOptions { HoldLimit = hold }),
            TimeProvider.System);

    /// <summary>A running instance whose machine's sshd is <paramref name="machine"/>.</summary>
    private static async Task<Opened> OpenAsync(SpineBench bench, LoopbackServer machine)
    {
        bench.Vast.SshAddress = ("127.0.0.1", machine.Port);
        return await OpenAsync(bench, await bench.RunningAsync());
    }

    private static async Task<Opened> OpenAsync(SpineBench bench, InstanceId id)
    {
        var port = LoopbackServer.FreePort();
        var instance = await bench.InstanceAsync(id);
        return new Opened(
            id,
            port,
            new GatewayEndpoint(
                id, new IPEndPoint(IPAddress.Loopback, port), instance.Generation, Router(bench, TimeSpan.FromMinutes(1)), TimeProvider.System, NullLogger.Instance));
    }

    private sealed record Opened(InstanceId Id, int Port, GatewayEndpoint Endpoint) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Endpoint.DisposeAsync();
    }
}
