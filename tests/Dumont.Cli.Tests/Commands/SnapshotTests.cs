using Dumont.Cli.Tests.Output;

namespace Dumont.Cli.Tests.Commands;

public sealed class SnapshotTests
{
    private const string Begun = """{"success":true,"id":"snap-12","snapshot_id":"snap-12","name":"backup-v1","instance_id":17,"status":"creating"}""";
    private const string Done = """{"success":true,"id":"snap-12","snapshot_id":"snap-12","name":"backup-v1","instance_id":17,"status":"completed","size_bytes":12345678,"data_added":1000,"tags":[]}""";

    [Fact]
    public async Task Create_NameAndInstance_WaitsForIt()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Answer("POST /api/v1/snapshots", 202, Begun);
        server.Answer("GET /api/v1/snapshots/snap-12", 200, Done);

        var result = await cli.RunAsync("snapshot", "create", "backup-v1", "17");

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Contains("id: snap-12\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("status: completed\n", result.Output, StringComparison.Ordinal);
        var (_, path, body) = server.Requests.First(request => request.Method == "POST" && request.Path.StartsWith("/api/v1/snapshots", StringComparison.Ordinal));
        Assert.Equal(("/api/v1/snapshots?wait=false", "backup-v1", "17"), (path, body!["name"]!.ToString(), body["instance_id"]!.ToString()));
    }

    [Fact]
    public async Task Create_Failed_SaysWhyAndWhereToLook()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Answer("POST /api/v1/snapshots", 202, Begun);
        server.Answer("GET /api/v1/snapshots/snap-12", 200, """{"id":"snap-12","status":"failed","error":"the disk is full"}""");

        var result = await cli.RunAsync("snapshot", "create", "backup-v1", "17");

        Assert.Equal(ExitCode.Failure, result.ExitCode);
        Assert.Contains("the disk is full", result.Error, StringComparison.Ordinal);
        Assert.Contains("dumont snapshot get snap-12", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_ShowsSizesAsPeopleReadThem()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Answer("GET /api/v1/snapshots", 200, $$"""{"snapshots":[{{Done}}],"count":1}""");

        var result = await cli.RunAsync("snapshot", "list");

        Assert.Matches("snap-12 +backup-v1 +17 +completed +12.3 MB +1.0 kB", result.Output);
    }

    [Fact]
    public async Task Restore_ToAGpu_TellsTheNewInstance()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Answer("POST /api/v1/snapshots/restore", 202, """{"success":true,"operation_id":31,"status":"pending","new_instance_id":18}""");
        server.Answer(
            "GET /api/v1/snapshots/operations/31", 200, """{"success":true,"operation_id":31,"status":"done","snapshot_id":"snap-12","new_instance_id":18,"files_restored":3}""");

        var result = await cli.RunAsync("snapshot", "restore", "snap-12", "gpu_name=rtx4090");

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Contains("new_instance_id: 18\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("files_restored: 3\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sync_Forced_IsAskedForInTheQuery()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Answer("POST /api/v1/instances/17/sync", 202, """{"success":false,"instance_id":17,"snapshot_id":"snap-12","status":"creating"}""");
        server.Answer("GET /api/v1/snapshots/snap-12", 200, Done);

        var result = await cli.RunAsync("instance", "sync", "17", "force=true");

        Assert.Contains("snapshot_id: snap-12\n", result.Output, StringComparison.Ordinal);
        Assert.Contains(server.Requests, request => request.Path == "/api/v1/instances/17/sync?wait=false&force=true");
    }
}
