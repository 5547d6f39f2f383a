using Dumont.Agent.Machine;
using Dumont.Contracts;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Tests;

/// <summary>A whole agent in this process, with its own state, home and workspace, and nobody's processes to end.</summary>
internal sealed class TestAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly StringWriter _text = new();
    private readonly Task _running;

    public TestAgent(TempFolder folder, string name, string serverUrl, long machineId, string keyFile = "/nowhere", FakeProcesses? processes = null, TimeSpan? heartbeat = null)
    {
        Workspace = folder.Folder($"{name}-workspace");
        State = folder.Folder($"{name}-state");
        Home = folder.Folder($"{name}-home");
        Processes = processes ?? new FakeProcesses();
        var config = new AgentConfig(serverUrl, new MachineId(machineId), "secret-token", State, keyFile, heartbeat ?? TimeSpan.FromMilliseconds(200));
        var surroundings = new AgentSurroundings { Home = Home, NvidiaSmiProgram = "/nowhere", Processes = Processes };
        var log = new AgentLog(TextWriter.Synchronized(_text), TimeProvider.System);
        _running = new AgentHost(config, Options, surroundings, log, TimeProvider.System).RunAsync(_stop.Token);
    }

    /// <summary>A log that nobody reads.</summary>
    public static AgentLog Log { get; } = new(TextWriter.Null, TimeProvider.System);

    public static AgentOptions Options { get; } = new()
    {
        BackoffMinimum = TimeSpan.FromMilliseconds(20),
        BackoffMaximum = TimeSpan.FromMilliseconds(200),
        StopPeriod = TimeSpan.FromMilliseconds(200),
        WorkspacePeriod = TimeSpan.FromMilliseconds(50),
        Sync = new SyncOptions { RescanPeriod = TimeSpan.FromSeconds(30) },
    };

    public string Workspace { get; }

    public string State { get; }

    public string Home { get; }

    public FakeProcesses Processes { get; }

    public string LogText => _text.ToString();

    public AgentOrder Order(long generation, AgentRole role, AgentSyncTarget? target = null, bool drain = false, params string[] keys) =>
        new(generation, role, Workspace, target, drain, keys);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _running.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        _stop.Dispose();
        await _text.DisposeAsync();
    }
}

/// <summary>Counts how often user processes were ended.</summary>
internal sealed class FakeProcesses : IUserProcesses
{
    private int _stops;

    public int Stops => Volatile.Read(ref _stops);

    public Task<int> StopAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _stops);
        return Task.FromResult(0);
    }
}
