using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Reconcile;

namespace Dumont.Server.Agents;

/// <summary>Says what a machine's agent should be doing. Implemented by the feature that owns roles; the hub only carries orders.</summary>
internal interface IAgentOrders
{
    /// <summary>The orders for <paramref name="machines"/> of one instance now, in the same order; null where there is none.</summary>
    Task<IReadOnlyList<AgentOrder?>> ListAsync(InstanceId instanceId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken);
}

/// <summary>Says what a machine's agent should do once. Implemented by the feature whose work it is.</summary>
internal interface IAgentWorkSource
{
    /// <summary>The work of <paramref name="machine"/> in the role that it is ordered to have; null when it has none.</summary>
    Task<AgentWork?> FindAsync(Machine machine, AgentRole role, CancellationToken cancellationToken);
}

/// <summary>What this server has seen of one agent.</summary>
/// <param name="Report">Its last report.</param>
/// <param name="LastSeenAt">When that came.</param>
/// <param name="Connected">Whether its link is open.</param>
internal sealed record AgentSighting(AgentReport Report, DateTimeOffset LastSeenAt, bool Connected);

/// <summary>The open agent links of this process and the last report of each machine. Reports stay in memory: they are measurements, a second old at
/// best, and whoever needs them after a restart gets new ones within a second or two.</summary>
internal sealed class AgentHub(IAgentOrders orders, WorkQueue queue, TimeProvider time, ILogger<AgentHub> logger, IAgentWorkSource? work = null)
{
    private const int MaxMessageBytes = 256 * 1024;
    private const int FirstBufferBytes = 4 * 1024;

    private readonly ConcurrentDictionary<MachineId, AgentSighting> _sightings = new();
    private readonly ConcurrentDictionary<MachineId, Link> _links = new();

    /// <summary>When this process began to listen. Silence is never counted from before.</summary>
    public DateTimeOffset ListeningSince { get; } = time.GetUtcNow();

    /// <summary>The last sighting of a machine's agent; null when there was none since the start.</summary>
    public AgentSighting? Find(MachineId id) => _sightings.GetValueOrDefault(id);

    /// <summary>How long the agent has been silent: since its last report, or since this process listens.</summary>
    public TimeSpan SilenceOf(MachineId id) => time.GetUtcNow() - (Find(id)?.LastSeenAt ?? ListeningSince);

    /// <summary>Sends the present orders to machines of one instance whose links are open and whose orders differ from the last ones sent.</summary>
    public async Task RefreshOrdersAsync(InstanceId instanceId, IEnumerable<Machine> machines, CancellationToken cancellationToken)
    {
        var linked = machines.Where(machine => _links.ContainsKey(machine.Id)).ToList();
        if (linked.Count == 0)
        {
            return;
        }

        var present = await ListOrdersAsync(instanceId, linked, cancellationToken);
        for (var i = 0; i < linked.Count; i++)
        {
            if (_links.TryGetValue(linked[i].Id, out var link))
            {
                await link.SendIfNewAsync(present[i], cancellationToken);
            }
        }
    }

    /// <summary>Drops what is known of a machine that is gone.</summary>
    public void Forget(MachineId id) => _sightings.TryRemove(id, out _);

    /// <summary>Serves one link until it closes. A second link of the same machine replaces the first.</summary>
    public async Task ServeAsync(Machine machine, WebSocket socket, CancellationToken cancellationToken)
    {
        using var closing = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var link = new Link(socket, closing);
        _links.AddOrUpdate(
            machine.Id,
            link,
            (_, older) =>
            {
                older.Close();
                return link;
            });
        AgentsLog.Linked(logger, machine.Id);
        try
        {
            var present = await ListOrdersAsync(machine.InstanceId, [machine], closing.Token);
            await link.SendIfNewAsync(present[0], closing.Token);
            await ReceiveAsync(machine, socket, closing.Token);
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
            // Replaced, or the server stops.
        }
        catch (WebSocketException exception)
        {
            AgentsLog.LinkBroke(logger, machine.Id, exception.Message);
        }
        finally
        {
            if (_links.TryRemove(new KeyValuePair<MachineId, Link>(machine.Id, link)))
            {
                await NoteClosedAsync(machine);
            }
        }
    }

    private async Task<IReadOnlyList<AgentOrder?>> ListOrdersAsync(
        InstanceId instanceId, List<Machine> machines, CancellationToken cancellationToken)
    {
        var present = await orders.ListAsync(instanceId, machines, cancellationToken);
        if (work is null)
        {
            return present;
        }

        var whole = new List<AgentOrder?>(present.Count);
        for (var i = 0; i < present.Count; i++)
        {
            // Only who writes has the workspace that is to be kept, and only who does not write yet may be filled for a recovery.
            whole.Add(
                present[i] is { Role: AgentRole.Writer or AgentRole.Fenced } order
                    ? order with { Work = await work.FindAsync(machines[i], order.Role, cancellationToken) }
                    : present[i]);
        }

        return whole;
    }

    private async Task NoteClosedAsync(Machine machine)
    {
        if (_sightings.TryGetValue(machine.Id, out var sighting))
        {
            _sightings[machine.Id] = sighting with { Connected = false };
        }

        AgentsLog.Unlinked(logger, machine.Id);
        await WakeAsync(machine, CancellationToken.None);
    }

    private async Task ReceiveAsync(Machine machine, WebSocket socket, CancellationToken cancellationToken)
    {
        // Reports are a few hundred bytes; with room for the largest from the start, a thousand links would hold 256 MB.
        var buffer = new byte[FirstBufferBytes];
        while (socket.State == WebSocketState.Open)
        {
            var length = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                if (length == buffer.Length)
                {
                    Array.Resize(ref buffer, Math.Min(2 * buffer.Length, MaxMessageBytes));
                }

                received = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                length += received.Count;
                if (received.MessageType == WebSocketMessageType.Close || (length == MaxMessageBytes && !received.EndOfMessage))
                {
                    return;
                }
            }
            while (!received.EndOfMessage);

            await TakeReportAsync(machine, buffer.AsMemory(0, length), cancellationToken);
        }
    }

    private async Task TakeReportAsync(Machine machine, ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        AgentReport? report;
        try
        {
            report = JsonSerializer.Deserialize(message.Span, AgentLinkJson.Default.AgentReport);
        }
        catch (JsonException exception)
        {
            AgentsLog.BadReport(logger, machine.Id, exception.Message);
            return;
        }

        await AcceptAsync(machine, report, cancellationToken);
    }

    /// <summary>Takes one report that came over the link of <paramref name="machine"/>.</summary>
    internal async Task AcceptAsync(Machine machine, AgentReport? report, CancellationToken cancellationToken)
    {
        // The token says which machine it is; what the agent believes does not count.
        if (report is null || report.MachineId != machine.Id)
        {
            AgentsLog.BadReport(logger, machine.Id, "It names another machine.");
            return;
        }

        var before = Find(machine.Id);
        _sightings[machine.Id] = new AgentSighting(report, time.GetUtcNow(), Connected: true);
        if (before is not { Connected: true } || Matters(before.Report, report))
        {
            await WakeAsync(machine, cancellationToken);
        }
    }

    private async Task WakeAsync(Machine machine, CancellationToken cancellationToken)
    {
        await queue.WakeAsync(WorkKinds.Instance, machine.InstanceId.Value, cancellationToken);
        await queue.WakeAsync(WorkKinds.Standby, machine.InstanceId.Value, cancellationToken);
    }

    private static bool Matters(AgentReport before, AgentReport after) =>
        before.Generation != after.Generation
        || before.Role != after.Role
        || before.BootId != after.BootId
        || before.Sync?.State != after.Sync?.State
        || before.Sync?.Peer != after.Sync?.Peer
        || before.Sync?.Drained != after.Sync?.Drained
        || before.Hook?.Number != after.Hook?.Number
        || before.Hook?.State != after.Hook?.State;

    /// <summary>One open link. Orders are sent one at a time, and only when they say something new. Who comes while one is being sent leaves his own
    /// to be sent next and does not wait: a slow link holds up nobody.</summary>
    private sealed class Link(WebSocket socket, CancellationTokenSource closing) : IDisposable
    {
        private readonly Lock _lock = new();
        private string? _lastOrder;
        private string? _next;
        private bool _isSending;

        public async Task SendIfNewAsync(AgentOrder? order, CancellationToken cancellationToken)
        {
            if (order is null || !IsToSend(JsonSerializer.Serialize(order, AgentLinkJson.Default.AgentOrder)))
            {
                return;
            }

            try
            {
                while (TakeNext() is { } text)
                {
                    await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
                }
            }
            catch (Exception exception) when (exception is WebSocketException or ObjectDisposedException)
            {
                // The receiving side notices and ends the link; the next link gets the order.
            }
            catch (OperationCanceledException)
            {
                Forget();
                throw;
            }
        }

        public void Close()
        {
            try
            {
                closing.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It ended by itself.
            }
        }

        public void Dispose()
        {
            lock (_lock)
            {
                _next = null;
            }
        }

        /// <summary>Leaves an order to be sent; true when the caller is to do it.</summary>
        private bool IsToSend(string text)
        {
            lock (_lock)
            {
                _next = text == _lastOrder ? null : text;
                return _next is not null && !_isSending && (_isSending = true);
            }
        }

        private string? TakeNext()
        {
            lock (_lock)
            {
                if (_next is null || socket.State != WebSocketState.Open)
                {
                    _isSending = false;
                    return null;
                }

                (_lastOrder, _next) = (_next, null);
                return _lastOrder;
            }
        }

        // Cut off while it was sent: whether it arrived is not known, so it is sent again.
        private void Forget()
        {
            lock (_lock)
            {
                (_lastOrder, _isSending) = (null, false);
            }
        }
    }
}
