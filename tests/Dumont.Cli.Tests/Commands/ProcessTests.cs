using System.Diagnostics;
using Dumont.Cli.Tests.Output;

namespace Dumont.Cli.Tests.Commands;

/// <summary>The program as a process: real streams, and a stand-in for ssh on the path.</summary>
public sealed class ProcessTests
{
    [Fact]
    public async Task Ssh_RemoteCommand_ReturnsItsExitCodeWithThePinnedKey()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        await cli.RunAsync("instance", "create", "offer_id=1", "label=train");
        var folder = Directory.CreateDirectory(Path.Combine(cli.Home, "bin")).FullName;
        await WriteProgramAsync(Path.Combine(folder, "ssh"), $"printf '%s\\n' \"$@\" > {cli.Home}/ssh-arguments; cat; exit 7");

        var (exitCode, output) = await StartAsync(cli, folder, "hello", "ssh", "train", "--", "nvidia-smi", "-L");

        Assert.Equal(7, exitCode);
        Assert.Equal("hello", output);
        var arguments = await File.ReadAllLinesAsync(Path.Combine(cli.Home, "ssh-arguments"), TestContext.Current.CancellationToken);
        Assert.Contains("StrictHostKeyChecking=yes", arguments);
        Assert.Equal(["-p", "22017", "-l", "root", "--", "127.0.0.1", "nvidia-smi", "-L"], arguments[^8..]);
        Assert.Equal(
            $"[127.0.0.1]:22017 {FakeServer.HostKey}\n",
            await File.ReadAllTextAsync(Path.Combine(cli.Home, ".dumont", "known_hosts"), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("-oProxyCommand=touch /tmp/owned", FakeServer.HostKey)]
    [InlineData("127.0.0.1", "ssh-ed25519 AAAA\n* ssh-ed25519 BBBB")]
    public async Task Ssh_HostileEndpoint_IsRefused(string host, string hostKey)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Answer("GET /api/v1/instances/17", 200, new System.Text.Json.Nodes.JsonObject
        {
            ["id"] = 17,
            ["ssh_host"] = host,
            ["ssh_port"] = 22,
            ["ssh_host_key"] = hostKey,
        }.ToJsonString());

        Assert.Equal(ExitCode.Failure, (await cli.RunAsync("ssh", "17", "--", "true")).ExitCode);
    }

    [Fact]
    public async Task Ssh_PausedInstance_SaysHowToGoOn()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Answer("GET /api/v1/instances/17", 200, """{"id":17,"status":"paused","ssh_host":null,"ssh_port":null}""");

        var result = await cli.RunAsync("ssh", "17");

        Assert.Equal(ExitCode.Conflict, result.ExitCode);
        Assert.Contains("dumont instance resume 17", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_StandardInputClosed_EndsInTime()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        await cli.RunAsync("instance", "create", "offer_id=1", "-d");

        var (exitCode, output) = await StartAsync(cli, "/usr/bin", null, "instance", "delete", "17");

        Assert.Equal(0, exitCode);
        Assert.Contains("success: true", output, StringComparison.Ordinal);
    }

    private static async Task WriteProgramAsync(string path, string script)
    {
        await File.WriteAllTextAsync(path, $"#!/bin/sh\n{script}\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static async Task<(int ExitCode, string Output)> StartAsync(CliHarness cli, string path, string? input, params string[] args)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "dumont-cli");
        var start = input is null
            ? new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" <&-", program, .. args])
            : new ProcessStartInfo(program, args) { RedirectStandardInput = true };
        start.RedirectStandardOutput = true;
        foreach (var (name, value) in cli.Variables)
        {
            start.Environment[name] = value;
        }

        start.Environment["PATH"] = $"{path}:/usr/bin:/bin";
        using var process = Process.Start(start)!;
        if (input is not null)
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }

        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output);
    }
}
