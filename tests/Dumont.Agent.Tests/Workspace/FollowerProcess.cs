using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Tests.Workspace;

/// <summary>A follower's agent as a process of its own, which a test may kill or run under <c>strace</c>, and a source that talks to its socket.</summary>
internal sealed class FollowerProcess : IAsyncDisposable
{
    private readonly TempFolder _folder;
    private readonly string _state;
    private readonly CancellationTokenSource _stop = new();
    private Process? _process;
    private Task _running = Task.CompletedTask;

    public FollowerProcess(TempFolder folder)
    {
        _folder = folder;
        From = folder.Folder("from");
        To = folder.Folder("to");
        _state = folder.Folder("state");
        new OrderStore(_state, TestAgent.Log).Save(new AgentOrder(1, AgentRole.Follower, To, null, false, []));
        var config = new AgentConfig("http://127.0.0.1:9", new MachineId(2), "none", _state, "/nowhere", TimeSpan.FromSeconds(1));
        File.WriteAllText(folder.File("agent.json"), JsonSerializer.Serialize(config, AgentLinkJson.Default.AgentConfig));
        Changes = new TreeChanges(TimeProvider.System);
        Source = new SyncSource(
            From, new SyncIdentity(1, 0, 1), Changes, new TreeIndex(), new SyncOptions { Debounce = TimeSpan.FromMilliseconds(1) }, TimeProvider.System);
    }

    public string From { get; }

    public string To { get; }

    public TreeChanges Changes { get; }

    public SyncSource Source { get; }

    public Exception? Error { get; private set; }

    public bool HasExited => _process is null || _process.HasExited;

    private string SocketPath => Path.Combine(_state, "sync.sock");

    /// <summary>Starts the agent, under another program when told, and waits until it listens.</summary>
    public async Task StartAsync(params string[] under)
    {
        File.Delete(SocketPath);
        string[] command = [.. under, .. AgentProgram.Command, "run", "--config", _folder.File("agent.json")];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true };
        start.Environment["HOME"] = _folder.Folder("home");
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
        await Eventually.TrueAsync(() => File.Exists(SocketPath), "the agent listens");
    }

    /// <summary>Connects the source unless it is; ends when the connection does.</summary>
    public void Connect()
    {
        if (_running.IsCompleted)
        {
            _running = RunAsync();
        }
    }

    public Task ClosedAsync() => _running.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

    /// <summary>As a power cut, as far as the process is concerned.</summary>
    public async Task KillAsync()
    {
        _process!.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        _process = null;
    }

    /// <summary>Waits until the follower has everything; connects again as often as it takes, because a follower that has just started may
    /// not have its role yet.</summary>
    public async Task CaughtUpAsync()
    {
        var ticket = Changes.RequestRescan();
        await Eventually.TrueAsync(
            () =>
            {
                Connect();
                return Changes.IsCaughtUp(ticket);
            },
            $"caught up; {Error}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await ClosedAsync();
        if (_process is not null)
        {
            await KillAsync();
        }

        Changes.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), _stop.Token);
            await using var stream = new NetworkStream(socket, ownsSocket: false);
            await Source.RunAsync(stream, stream, _stop.Token);
        }
        catch (Exception ended) when (ended is IOException or SocketException or OperationCanceledException)
        {
            Error = ended;
        }
    }
}
