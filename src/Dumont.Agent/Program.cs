using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Dumont.Agent;
using Dumont.Agent.Flush;
using Dumont.Agent.Workspace;
using Dumont.Contracts;

// dumont-agent run --config FILE     the resident agent
// dumont-agent sink --config FILE    forced command of the sync key: joins SSH to the resident agent
// dumont-agent session --config FILE forced command of a user's key where flushes are supervised: becomes the user's shell or command
// dumont-agent --version
//
// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
const string DefaultConfig = "/opt/dumont/agent.json";
const int Failed = 1;
const int WrongUsage = 2;

var log = new AgentLog(Console.Error, TimeProvider.System);
switch (args)
{
    case ["--version"]:
        Console.WriteLine($"dumont-agent {AgentHost.Version}");
        return 0;
    case ["run", .. var rest] when ConfigPath(rest) is { } path:
        return await RunAsync(path);
    case ["sink", .. var rest] when ConfigPath(rest) is { } path:
        return await SinkAsync(path);
    case ["session", .. var rest] when ConfigPath(rest) is { } path:
        return Session(path);
    default:
        Console.Error.WriteLine("usage: dumont-agent run|sink|session [--config FILE] | --version");
        return WrongUsage;
}

static string? ConfigPath(string[] rest) => rest switch
{
    [] => DefaultConfig,
    ["--config", var path] => path,
    _ => null,
};

async Task<int> RunAsync(string path)
{
    if (ReadConfig(path) is not { } config)
    {
        return WrongUsage;
    }

    using var stop = new CancellationTokenSource();
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

    // The shell that started us may go away.
    using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, static context => context.Cancel = true);
    try
    {
        // Reads HOME, else the password database.
        var surroundings = new AgentSurroundings
        {
            Home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
            SessionCommand = $"{Environment.ProcessPath} session --config {Path.GetFullPath(path)}",
        };
        await new AgentHost(config, new AgentOptions(), surroundings, log, TimeProvider.System).RunAsync(stop.Token);
        return 0;
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        log.Info("agent.stop");
        return 0;
    }
    catch (Exception failed)
    {
        log.Warn("agent.failed", ("error", failed.ToString()));
        return Failed;
    }

    void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        stop.Cancel();
    }
}

async Task<int> SinkAsync(string path)
{
    if (ReadConfig(path) is not { } config)
    {
        return WrongUsage;
    }

    try
    {
        await using var input = Console.OpenStandardInput();
        await using var output = Console.OpenStandardOutput();
        await SinkPipe.RunAsync(config.StateDirectory, input, output, CancellationToken.None);
        return 0;
    }
    catch (Exception failed) when (failed is SocketException or IOException)
    {
        log.Warn("sink.failed", ("error", failed.Message));
        return Failed;
    }
}

int Session(string path)
{
    if (ReadConfig(path) is not { } config)
    {
        return WrongUsage;
    }

    try
    {
        // As sshd sets them for a forced command.
        var given = Environment.GetEnvironmentVariables();
        SessionLauncher.Become(config.StateDirectory, given["SHELL"] as string, given["SSH_ORIGINAL_COMMAND"] as string);
    }
    catch (Exception failed) when (failed is SocketException or IOException)
    {
        log.Warn("session.failed", ("error", failed.Message));
    }

    return Failed;
}

AgentConfig? ReadConfig(string path)
{
    try
    {
        using var file = File.OpenRead(path);
        var config = JsonSerializer.Deserialize(file, AgentLinkJson.Default.AgentConfig);
        if (config is { ServerUrl: not null, Token: not null, StateDirectory: not null, SyncKeyFile: not null })
        {
            return config.HeartbeatInterval > TimeSpan.Zero ? config : config with { HeartbeatInterval = TimeSpan.FromSeconds(1) };
        }

        log.Warn("config.incomplete", ("path", path));
    }
    catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException or JsonException)
    {
        // Not the text of a JSON error: it may quote the file, which holds the token.
        log.Warn("config.unreadable", ("path", path), ("kind", wrong.GetType().Name));
    }

    return null;
}
