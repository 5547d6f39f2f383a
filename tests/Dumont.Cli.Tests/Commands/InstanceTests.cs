using System.Text.Json.Nodes;
using Dumont.Cli.Tests.Output;

namespace Dumont.Cli.Tests.Commands;

public sealed class InstanceTests
{
    [Fact]
    public async Task Create_Accepted_WaitsUntilItRuns()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);

        var result = await cli.RunAsync("instance", "create", "offer_id=1", "label=test-gpu", "disk_size=100");

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Contains("id: 17\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("status: running\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("phase=creating", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_NoWait_ReturnsTheFirstAnswer()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);

        var result = await cli.RunAsync("instance", "create", "offer_id=1", "--no-wait", "-o", "json");

        Assert.Equal("creating", JsonNode.Parse(result.Output)!["status"]!.ToString());
    }

    [Fact]
    public async Task Create_FirstTime_RegistersThisComputersKey()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);

        await cli.RunAsync("instance", "create", "offer_id=1", "-d");
        await cli.RunAsync("instance", "create", "offer_id=1", "-d");

        var key = server.Requests.Single(r => r is { Method: "POST", Path: "/api/v1/settings/ssh-keys" }).Body!["public_key"]!.ToString();
        Assert.StartsWith("ssh-ed25519 ", key, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(cli.Home, ".dumont", "id_ed25519")));
    }

    [Fact]
    public async Task Create_MachineBreaks_FailsWithTheState()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);

        var result = await cli.RunAsync("instance", "create", "offer_id=1", "image=broken");

        Assert.Equal(ExitCode.Failure, result.ExitCode);
        Assert.Contains("17: status error", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_TakesTooLong_EndsWithEight()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Answer("GET /api/v1/instances/17", 200, """{"id":17,"status":"creating"}""");

        Assert.Equal(ExitCode.WaitTimeout, (await cli.RunAsync("instance", "create", "offer_id=1", "--timeout", "0.2")).ExitCode);
    }

    [Fact]
    public async Task PauseAndResume_Waited_ShowTheNewState()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        await cli.RunAsync("instance", "create", "offer_id=1", "label=train");

        var paused = await cli.RunAsync("instance", "pause", "17");
        var resumed = await cli.RunAsync("instance", "resume", "train");

        Assert.Contains("success: true", paused.Output, StringComparison.Ordinal);
        Assert.Contains("status: paused", paused.Output, StringComparison.Ordinal);
        Assert.Contains("success: true", resumed.Output, StringComparison.Ordinal);
        Assert.Contains("status: running", resumed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_ClosedInput_NeitherAsksNorHangs()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        await cli.RunAsync("instance", "create", "offer_id=1", "-d");

        var result = await cli.RunAsync("instance", "delete", "17");

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Contains("success: true", result.Output, StringComparison.Ordinal);
        Assert.Equal("count: 0\n", (await cli.RunAsync("instance", "list")).Output);
    }

    [Theory]
    [InlineData("n\n", ExitCode.Usage)]
    [InlineData("", ExitCode.Usage)]
    [InlineData("y\n", ExitCode.Ok)]
    public async Task Delete_OnATerminal_Asks(string answer, object exitCode)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        await cli.RunAsync("instance", "create", "offer_id=1", "-d");
        cli.IsTerminal = true;
        cli.Input = new StringReader(answer);

        var result = await cli.RunAsync("instance", "delete", "17");

        Assert.Equal((ExitCode)exitCode, result.ExitCode);
        Assert.Contains("Destroy instance 17", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_UnknownLabel_SuggestsTheNearest()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        await cli.RunAsync("instance", "create", "offer_id=1", "label=train", "-d");

        var result = await cli.RunAsync("instance", "get", "tarin");

        Assert.Equal(ExitCode.NotFound, result.ExitCode);
        Assert.Contains("did you mean train?", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Api_RawCall_GoesBelowTheVersion()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);

        var result = await cli.RunAsync("api", "GET", "/instances", "limit=5", "-o", "json");

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Equal("/api/v1/instances?limit=5", server.Requests.Last().Path);
    }

    [Theory]
    [InlineData(400, ExitCode.Failure)]
    [InlineData(401, ExitCode.Auth)]
    [InlineData(402, ExitCode.Budget)]
    [InlineData(403, ExitCode.Auth)]
    [InlineData(404, ExitCode.NotFound)]
    [InlineData(409, ExitCode.Conflict)]
    [InlineData(412, ExitCode.Conflict)]
    [InlineData(422, ExitCode.Usage)]
    [InlineData(429, ExitCode.RateLimited)]
    [InlineData(500, ExitCode.Failure)]
    [InlineData(502, ExitCode.Unavailable)]
    [InlineData(503, ExitCode.Unavailable)]
    [InlineData(504, ExitCode.Unavailable)]
    public async Task AnyCommand_ProblemStatus_HasItsExitCode(int status, object exitCode)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);
        server.Answer("GET /api/v1/balance", status, FakeServer.ProblemBody(status, "some_problem", "What went wrong.", "What to do."), retryAfter: 7);

        var result = await cli.RunAsync("balance");

        Assert.Equal((ExitCode)exitCode, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains($"error: {status} ", result.Error, StringComparison.Ordinal);
        Assert.Contains("What went wrong.", result.Error, StringComparison.Ordinal);
        Assert.Contains("hint: ", result.Error, StringComparison.Ordinal);
        Assert.Contains("req-1", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyCommand_ValidationProblem_NamesTheField()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);
        server.Answer("GET /api/v1/balance", 422, """{"error":"Validation error","detail":[{"loc":["query","limit"],"msg":"Too large.","type":"range"}],"status":422}""");

        Assert.Contains("query.limit: Too large.", (await cli.RunAsync("balance")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyCommand_JsonOutput_ErrorsAreJsonOnStandardError()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);

        var result = await cli.RunAsync("balance", "-o", "json");

        Assert.Empty(result.Output);
        Assert.Equal("unauthorized", JsonNode.Parse(result.Error)!["code"]!.ToString());
    }

    [Fact]
    public async Task AnyCommand_NoServer_EndsWithSeven()
    {
        using var cli = new CliHarness(new Uri("http://127.0.0.1:9"));

        var result = await cli.RunAsync("instance", "list");

        Assert.Equal(ExitCode.Unavailable, result.ExitCode);
        Assert.Contains("Could not connect to http://127.0.0.1:9", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyCommand_NotADumontServer_SaysSo()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);
        server.Answer("GET /health", 200, "<html>");

        var result = await cli.RunAsync("health", "list");

        Assert.Equal(ExitCode.Failure, result.ExitCode);
        Assert.Contains("Is the base URL that of a Dumont server?", result.Error, StringComparison.Ordinal);
    }
}
