using System.Diagnostics;
using System.Text.Json;
using Dumont.Agent.Tests.Workspace;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Machine;

/// <summary>The real signals, in a process namespace of their own so that nothing else on this computer is in reach.</summary>
public sealed class UserProcessesTests
{
    // Process 1 of the namespace. Two user processes, one of which will not go when asked; the agent has to end both and stay.
    private const string Script = """
        sleep 1000 & polite=$!
        bash -c 'trap "" TERM; while :; do sleep 0.1; done' & stubborn=$!
        "$@" & agent=$!
        exec 3<> <(:)
        for i in $(seq 300); do
            read -r -t 0.1 -u 3
            if ! kill -0 $polite 2> /dev/null && ! kill -0 $stubborn 2> /dev/null; then
                kill -0 $agent && echo "ended, agent lives"
                exit
            fi
        done
        echo "not ended"
        """;

    [Fact]
    public async Task Fenced_RealProcesses_AreEndedAndTheAgentLives()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "A process namespace needs root.");
        using var folder = new TempFolder();
        var state = folder.Folder("state");
        new OrderStore(state, TestAgent.Log).Save(new AgentOrder(4, AgentRole.Fenced, folder.Folder("workspace"), null, false, []));
        var config = new AgentConfig("http://127.0.0.1:9", new MachineId(1), "none", state, "/nowhere", TimeSpan.FromSeconds(1));
        await File.WriteAllTextAsync(
            folder.File("agent.json"), JsonSerializer.Serialize(config, AgentLinkJson.Default.AgentConfig), TestContext.Current.CancellationToken);

        var start = new ProcessStartInfo("unshare", [
            "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", Script, "machine",
            .. AgentProgram.Command, "run", "--config", folder.File("agent.json")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["HOME"] = folder.Folder("home");
        using var machine = Process.Start(start)!;
        var errors = machine.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await machine.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.True(output.Trim() == "ended, agent lives", $"{output}\n{await errors}");
    }
}
