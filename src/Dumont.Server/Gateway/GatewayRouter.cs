using System.Net.Sockets;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Gateway;

/// <summary>Connects to the machine that writes for an instance, waiting for it when it is on its way: while it is created, resumed or failed over, a
/// new connection is held rather than refused.</summary>
internal sealed class GatewayRouter(
    InstanceStore instances, MachineStore machines, InstanceChanges changes, IOptions<GatewayOptions> options, TimeProvider time)
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(200);

    /// <summary>An open connection and the generation it leads to; null when none could be had in time.</summary>
    public async Task<(Socket Socket, long Generation)?> ConnectAsync(InstanceId id, CancellationToken cancellationToken)
    {
        var deadline = time.GetUtcNow() + options.Value.HoldLimit;
        while (true)
        {
            if (await instances.FindAsync(id, cancellationToken) is not { Desired: not InstanceDesired.Deleted } instance)
            {
                return null;
            }

            if (await FindTargetAsync(instance, cancellationToken) is { } target && await TryConnectAsync(target, cancellationToken) is { } socket)
            {
                return (socket, instance.Generation);
            }

            var left = deadline - time.GetUtcNow();
            if (left <= TimeSpan.Zero || instance is { Wanted: InstanceDesired.Paused, Status: InstanceStatus.Paused })
            {
                return null;
            }

            // Looks again when something happens to the instance, and a few times a second in any case.
            await changes.WaitForAsync<object>(id, () => Task.FromResult<object?>(null), left < Retry ? left : Retry, cancellationToken);
        }
    }

    private async Task<SshEndpoint?> FindTargetAsync(Instance instance, CancellationToken cancellationToken) =>
        instance.WriterMachineId is { } writer
        && await machines.FindAsync(writer, cancellationToken) is { Phase: MachinePhase.Ready, Ssh: { } endpoint }
            ? endpoint
            : null;

    private async Task<Socket?> TryConnectAsync(SshEndpoint target, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var timeout = new CancellationTokenSource(options.Value.ConnectTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await socket.ConnectAsync(target.Host, target.Port, either.Token);
            return socket;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            return null;
        }
    }
}
