using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Gateway;

/// <summary>Listens on the port of every instance and forwards to the machine that writes at present. Ports open and close with the instances; a
/// connection made to an older generation is cut as soon as another machine writes.</summary>
internal sealed class GatewayService(
    InstanceStore instances,
    InstanceChanges changes,
    GatewayRouter router,
    IOptions<ServerOptions> options,
    TimeProvider time,
    ILogger<GatewayService> logger) : BackgroundService
{
    /// <summary>Safety net: how late a change made by another replica is seen.</summary>
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan MinInterval = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentDictionary<InstanceId, GatewayEndpoint> _endpoints = new();

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var wake = new SemaphoreSlim(0);
        void OnChanged(InstanceId id) => wake.Release();
        changes.Changed += OnChanged;
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                await RefreshAsync(stoppingToken);

                // Many instances may change at once; new connections look up their own route anyway.
                await Task.Delay(MinInterval, time, stoppingToken);
                await wake.WaitAsync(RefreshInterval, stoppingToken);
                while (wake.Wait(TimeSpan.Zero, CancellationToken.None))
                {
                    // Several changes are one refresh.
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
        finally
        {
            changes.Changed -= OnChanged;
            foreach (var endpoint in _endpoints.Values)
            {
                await endpoint.DisposeAsync();
            }
        }
    }

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            var present = (await instances.ListAllAsync(cancellationToken)).ToDictionary(instance => instance.Id);
            foreach (var (id, endpoint) in _endpoints)
            {
                if (!present.ContainsKey(id) && _endpoints.TryRemove(id, out _))
                {
                    await endpoint.DisposeAsync();
                }
            }

            foreach (var instance in present.Values)
            {
                Refresh(instance);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            GatewayLog.RefreshFailed(logger, exception);
        }
    }

    private void Refresh(Instance instance)
    {
        if (_endpoints.TryGetValue(instance.Id, out var endpoint))
        {
            endpoint.SetGeneration(instance.Generation);
            return;
        }

        try
        {
            var address = new IPEndPoint(IPAddress.Parse(options.Value.BindAddress), instance.GatewayPort);
            _endpoints[instance.Id] = new GatewayEndpoint(instance.Id, address, instance.Generation, router, time, logger);
            GatewayLog.Opened(logger, instance.Id, instance.GatewayPort);
        }
        catch (SocketException exception)
        {
            // Tried again at the next refresh.
            GatewayLog.PortTaken(logger, instance.Id, instance.GatewayPort, exception.SocketErrorCode);
        }
    }
}
