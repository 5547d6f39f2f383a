using Dumont.Agent.Machine;
using Dumont.Agent.Services;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Services;

/// <summary>Real shells and processes.</summary>
public sealed class ServiceRunnerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly TempFolder _folder = new();
    private readonly string _state;
    private readonly string _workspace;
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;
    private readonly Clock _time = new();
    private AgentOrder _order;

    public ServiceRunnerTests()
    {
        (_state, _workspace) = (_folder.Folder("state"), _folder.Folder("workspace"));
        _order = new AgentOrder(2, AgentRole.Writer, _workspace, null, false, []);
    }

    [Fact]
    public async Task Service_Ordered_RunsInTheWorkspaceAndIsReported()
    {
        using var runner = NewRunner();
        _order = _order with { Services = [new AgentService("web", "echo $DUMONT_SERVICE $DUMONT_GENERATION >said; exec sleep 1000")] };
        await LookUntilAsync(runner, () => File.Exists(Work("said")));
        Assert.Equal("web 2", Said("said"));
        Assert.Equal(("web", AgentServiceState.Running, 0), Told(runner));
        await EndAsync(runner);
        Assert.Null(runner.Services);
    }

    [Fact]
    public async Task Service_Ends_BeginsAgainAfterAPauseAndTellsTheCode()
    {
        using var runner = NewRunner();
        _order = _order with { Services = [new AgentService("web", "echo again >>said; exit 3")] };
        await LookUntilAsync(runner, () => runner.Services is [{ State: AgentServiceState.Ended }]);
        Assert.Equal(3, runner.Services![0].ExitCode);
        await runner.LookAsync(_cancellationToken);
        Assert.Equal("again", Said("said"));

        _time.Ahead += ServicePolicy.PauseMin;
        await LookUntilAsync(runner, () => Said("said") == "again\nagain" && runner.Services is [{ State: AgentServiceState.Ended }]);
        Assert.Equal(1, runner.Services![0].Restarts);
        _order = _order with { Services = null };
    }

    [Fact]
    public async Task Service_CommandWithQuotesAndLines_IsOneArgument()
    {
        using var runner = NewRunner();
        _order = _order with { Services = [new AgentService("web", "echo 'it'\"'\"'s' \\\"$(echo one)\\\" >said\nprintf '%s' '$0 \\n' >>said; exec sleep 1000")] };
        await LookUntilAsync(runner, () => File.Exists(Work("said")) && Said("said").EndsWith('n'));
        Assert.Equal("it's \"one\"\n$0 \\n", Said("said"));
        await EndAsync(runner);
    }

    [Fact]
    public async Task Service_AgentIsReplaced_IsNotStartedASecondTime()
    {
        _order = _order with { Services = [new AgentService("web", "echo one >>said; exec sleep 1000")] };
        using (var first = NewRunner())
        {
            await LookUntilAsync(first, () => File.Exists(Work("said")));
        }

        using var second = NewRunner();
        await second.LookAsync(_cancellationToken);
        Assert.Equal(("web", AgentServiceState.Running, 0), Told(second));
        Assert.Equal("one", Said("said"));
        await EndAsync(second);
    }

    [Fact]
    public async Task Service_OtherCommand_ReplacesTheProcess()
    {
        using var runner = NewRunner();
        _order = _order with { Services = [new AgentService("web", "trap '' TERM; echo one >>said; while :; do sleep 0.1; done")] };
        await LookUntilAsync(runner, () => File.Exists(Work("said")));
        _order = _order with { Services = [new AgentService("web", "echo two >>said; exec sleep 1000")] };
        await LookUntilAsync(runner, () => Said("said").EndsWith("two", StringComparison.Ordinal), ahead: TimeSpan.FromSeconds(1));
        Assert.Equal("one\ntwo", Said("said"));
        await EndAsync(runner);
    }

    [Theory]
    [InlineData(AgentRole.Follower, false)]
    [InlineData(AgentRole.Fenced, false)]
    [InlineData(AgentRole.Writer, true)]
    public async Task Service_MachineDoesNotWrite_IsNotStarted(AgentRole role, bool drain)
    {
        using var runner = NewRunner();
        _order = _order with { Role = role, Drain = drain, Services = [new AgentService("web", "echo one >>said")], Hook = HookOf("echo hook >>said") };
        await runner.LookAsync(_cancellationToken);
        Assert.Equal(("web", AgentServiceState.Waiting, 0), Told(runner));
        Assert.Null(runner.Hook);
    }

    [Fact]
    public async Task Hook_NewNumber_RunsOnceAndBeforeTheServices()
    {
        _order = _order with { Hook = HookOf("echo hook >>said"), Services = [new AgentService("web", "echo service >>said; exec sleep 1000")] };
        using (var runner = NewRunner())
        {
            await LookUntilAsync(runner, () => Exists("said") && Said("said").EndsWith("service", StringComparison.Ordinal));
            Assert.Equal((2, "on_failover", AgentServiceState.Ended, 0), HookOf(runner));
        }

        using var next = NewRunner();
        await next.LookAsync(_cancellationToken);
        Assert.Equal("hook\nservice", Said("said"));

        _order = _order with { Generation = 3, Hook = _order.Hook! with { Number = 3, Command = "echo other >>said; exit 4" } };
        await LookUntilAsync(next, () => next.Hook is { Number: 3, State: AgentServiceState.Ended });
        Assert.Equal((3, "on_failover", AgentServiceState.Ended, 4), HookOf(next));
        await EndAsync(next);
    }

    [Fact]
    public async Task Hook_LongerThanItsTime_IsEndedAndTheServicesBegin()
    {
        using var runner = NewRunner();
        _order = _order with { Hook = HookOf("sleep 1000 & echo $! >child; wait"), Services = [new AgentService("web", "echo service >>said; exec sleep 1000")] };
        await LookUntilAsync(runner, () => File.Exists(Work("child")) && Said("child").Length > 0);
        Assert.False(File.Exists(Work("said")));

        _time.Ahead += TimeSpan.FromSeconds(30);
        await LookUntilAsync(runner, () => File.Exists(Work("said")) && !Lives(Said("child")));
        Assert.Equal((2, "on_failover", AgentServiceState.TimedOut, null), HookOf(runner));
        await EndAsync(runner);
    }

    public void Dispose() => _folder.Dispose();

    private static AgentHook HookOf(string command) => new(2, "on_failover", command, TimeSpan.FromSeconds(30));

    private static (long Number, string Name, AgentServiceState State, int? ExitCode) HookOf(ServiceRunner runner) =>
        runner.Hook is { } hook ? (hook.Number, hook.Name, hook.State, hook.ExitCode) : default;

    private static (string Name, AgentServiceState State, long Restarts) Told(ServiceRunner runner)
    {
        var told = Assert.Single(runner.Services!);
        return (told.Name, told.State, told.Restarts);
    }

    private ServiceRunner NewRunner() => new(
        _state,
        new ServiceSurroundings(() => _order, () => _order, "dumont-agent session"),
        new ServiceProcess("/proc"),
        new NoProcesses(),
        new AgentOptions(),
        TestAgent.Log,
        _time);

    private async Task EndAsync(ServiceRunner runner)
    {
        _order = _order with { Services = null };
        await LookUntilAsync(runner, () => runner.Services is null, ahead: TimeSpan.FromSeconds(1));
    }

    private async Task LookUntilAsync(ServiceRunner runner, Func<bool> isSo, TimeSpan ahead = default)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            await runner.LookAsync(_cancellationToken);
            if (isSo())
            {
                return;
            }

            Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, "It did not come to pass.");
            _time.Ahead += ahead;
            await Task.Delay(20, _cancellationToken);
        }
    }

    // The first process of a container may be slow to bury what it inherits.
    private static bool Lives(string process) =>
        File.Exists($"/proc/{process}/stat") && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);

    private string Work(string name) => Path.Combine(_workspace, name);

    private bool Exists(string name) => File.Exists(Work(name));

    private string Said(string name) => File.ReadAllText(Work(name)).Trim();

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
    }

    private sealed class NoProcesses : IUserProcesses
    {
        public Task<int> StopAsync(CancellationToken cancellationToken) => Task.FromResult(0);
    }
}
