using System.Net;
using System.Text.Json.Nodes;
using Dapper;
using Dumont.Providers.Tests.Ssh;
using Dumont.Server.Platform.Store;
using Dumont.Server.Settings;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.OwnMachines;

public sealed class OwnMachineEndpointTests
{
    private const string Path = "/api/v1/own-machines";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Add_StepByStep_EachProblemHasItsCodeAndTheMachineJoins()
    {
        await using var computer = await ComputerAsync();
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();

        Assert.Equal("own-machine-host-key-unconfirmed", await CodeAsync(ana, Request(computer, fingerprint: null), HttpStatusCode.Conflict));
        Assert.Equal("own-machine-host-key-changed", await CodeAsync(ana, Request(computer, fingerprint: "SHA256:" + new string('A', 43)), HttpStatusCode.Conflict));
        Assert.DoesNotContain("publickey", computer.Log, StringComparison.Ordinal);

        var (status, refused) = await PostAsync(ana, Path, Request(computer, computer.Fingerprint));
        Assert.Equal((HttpStatusCode.BadRequest, "own-machine-auth-refused"), (status, refused!["code"]!.GetValue<string>()));
        var (_, key) = await GetAsync(ana, Path + "/key");
        Assert.Contains(key!["public_key"]!.GetValue<string>(), refused["detail"]!.GetValue<string>(), StringComparison.Ordinal);

        computer.Authorize(key["public_key"]!.GetValue<string>());
        var (created, machine) = await PostAsync(ana, Path, Request(computer, computer.Fingerprint));
        Assert.Equal(HttpStatusCode.Created, created);
        Assert.Equal(("ready", true, "RTX 4090", "gpu"), (
            machine!["state"]!.GetValue<string>(), machine["is_free"]!.GetValue<bool>(), machine["gpu_name"]!.GetValue<string>(), machine["uses"]!.GetValue<string>()));
        Assert.Equal(computer.Fingerprint, machine["host_key_fingerprint"]!.GetValue<string>());
        Assert.Equal("conflict", await CodeAsync(ana, Request(computer, computer.Fingerprint), HttpStatusCode.Conflict));
        Assert.False(System.IO.Directory.Exists(System.IO.Path.Combine(computer.Folder, "claim")));
    }

    [Fact]
    public async Task Machine_OfAna_IsSeenRentedCheckedAndRemovedByAnaAlone()
    {
        await using var computer = await ComputerAsync();
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var bo = await server.LoggedInAsync("bo@example.com");
        var machine = await JoinAsync(ana, computer);
        var one = $"{Path}/{machine["id"]}";

        Assert.Equal(HttpStatusCode.OK, (await GetAsync(ana, one)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(bo, one)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync(bo, one + "/check")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(bo, HttpMethod.Delete, one, null)).Status);
        Assert.Empty((await GetAsync(bo, Path)).Body!["own_machines"]!.AsArray());
        Assert.NotEqual((await GetAsync(ana, Path + "/key")).Body!["public_key"]!.GetValue<string>(), (await GetAsync(bo, Path + "/key")).Body!["public_key"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(server.Client, Path)).Status);

        var offer = machine["offer_id"]!.GetValue<long>();
        Assert.Contains(await OffersAsync(ana, "gpu_name=rtx4090"), each => each["id"]!.GetValue<long>() == offer && each["dph_total"]!.GetValue<decimal>() == 0);
        Assert.Empty(await OffersAsync(ana, "gpu_name=A100"));
        Assert.Empty(await OffersAsync(ana, "min_price=0.01"));
        Assert.Empty(await OffersAsync(bo, "gpu_name=rtx4090"));
        Assert.Empty(await OffersAsync(server.Client, "gpu_name=rtx4090"));
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync(bo, "/api/v1/instances", new { offer_id = offer })).Status);
        Assert.Equal(HttpStatusCode.Created, (await PostAsync(ana, "/api/v1/instances", new { offer_id = offer, disk_size = 10 })).Status);
        Assert.Empty(await OffersAsync(ana, "gpu_name=rtx4090"));

        var (status, problem) = await SendAsync(ana, HttpMethod.Delete, one, null);
        Assert.Equal((HttpStatusCode.Conflict, "own-machine-in-use"), (status, problem!["code"]!.GetValue<string>()));
        Assert.Equal(HttpStatusCode.Conflict, (await SendAsync(ana, HttpMethod.Delete, one + "?force=true", null)).Status);
    }

    [Fact]
    public async Task Check_MachineLost_SaysSoAndForceRemovesIt()
    {
        await using var computer = await ComputerAsync();
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var machine = await JoinAsync(ana, computer);
        var one = $"{Path}/{machine["id"]}";
        Assert.Equal("ready", (await PostAsync(ana, one + "/check")).Body!["state"]!.GetValue<string>());

        await computer.PowerOffAsync();
        await PostAsync(ana, one + "/check");
        var (_, lost) = await PostAsync(ana, one + "/check");

        Assert.Equal(("unreachable", false), (lost!["state"]!.GetValue<string>(), lost["is_free"]!.GetValue<bool>()));
        Assert.NotEmpty(lost["detail"]!.GetValue<string>());
        Assert.Empty(await OffersAsync(ana, "gpu_name=rtx4090"));
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(ana, HttpMethod.Delete, one, null)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(ana, one)).Status);
        Assert.Null((await server.Get<ProviderAccounts>().FindAsync("ssh", machine["id"]!.GetValue<long>(), Cancelled)) is { } account
            ? (await account.Client.GetAsync("1/0123456789abcdef", Cancelled)) as Dumont.Providers.MachineReading.Unknown
            : null);
    }

    [Fact]
    public async Task Add_Unreachable_HasItsCode()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();

        Assert.Equal(
            "own-machine-unreachable",
            await CodeAsync(ana, new JsonObject { ["host"] = "127.0.0.1", ["port"] = OwnComputer.FreePort() }, HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task Add_BadFields_AreNamedAllAtOnceAndNothingIsRun()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();

        var (status, body) = await PostAsync(ana, Path, new { host = "-oProxyCommand=id", port = 70000, user = "Root", folder = "/", instance_port = 0, uses = "cpu" });

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Equal(
            ["folder", "host", "instance_port", "port", "user", "uses"], body!["errors"]!.AsObject().Select(error => error.Key).Order(StringComparer.Ordinal));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await PostAsync(ana, Path, new { port = 22 })).Status);
    }

    [Fact]
    public async Task Add_GivenPrivateKey_IsKeptEncryptedAndNeverShown()
    {
        await using var computer = await ComputerAsync();
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var request = Request(computer, computer.Fingerprint);
        request["private_key"] = computer.PrivateKey;
        request["uses"] = "both";

        var (status, body) = await PostAsync(ana, Path, request);

        Assert.Equal(HttpStatusCode.Created, status);
        var secret = computer.PrivateKey.Split('\n')[1];
        Assert.DoesNotContain(secret, body!.ToJsonString(), StringComparison.Ordinal);
        var kept = await server.Get<Database>().ReadAsync(connection => connection.ExecuteScalarAsync<string>("SELECT private_key FROM own_machines"), Cancelled);
        Assert.NotNull(kept);
        Assert.DoesNotContain(secret, kept, StringComparison.Ordinal);

        // The first check may be under way; with its connection its key file goes.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        patience.CancelAfter(TimeSpan.FromSeconds(20));
        while (System.IO.Directory.EnumerateFileSystemEntries(System.IO.Path.Combine(server.Directory, "ssh", "own")).Any())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }

    [Fact]
    public async Task Configure_StandbyWithOwnMachineOnly_NeedsNoCloud()
    {
        await using var computer = await ComputerAsync();
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(ana, "/api/v1/standby/configure", new { enabled = true })).Status);
        var request = Request(computer, computer.Fingerprint);
        request["uses"] = "standby";
        await JoinAsync(ana, computer, request);

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(ana, "/api/v1/standby/configure", new { enabled = true })).Status);
        Assert.True((await GetAsync(ana, "/api/v1/standby/status")).Body!["configured"]!.GetValue<bool>());
        Assert.Empty(await OffersAsync(ana, "gpu_name=rtx4090"));
    }

    private static async Task<OwnComputer> ComputerAsync()
    {
        Assert.SkipWhen(OwnComputer.Missing is not null, OwnComputer.Missing ?? "");
        return await OwnComputer.StartAsync("NVIDIA GeForce RTX 4090, 24564");
    }

    private static async Task<JsonNode> JoinAsync(HttpClient client, OwnComputer computer, JsonObject? request = null)
    {
        computer.Authorize((await GetAsync(client, Path + "/key")).Body!["public_key"]!.GetValue<string>());
        var (status, body) = await PostAsync(client, Path, request ?? Request(computer, computer.Fingerprint));
        Assert.True(status == HttpStatusCode.Created, body?.ToJsonString());
        return body!;
    }

    private static async Task<string> CodeAsync(HttpClient client, JsonObject request, HttpStatusCode expected)
    {
        var (status, body) = await PostAsync(client, Path, request);
        Assert.True(status == expected, body?.ToJsonString());
        return body!["code"]!.GetValue<string>();
    }

    private static async Task<IReadOnlyList<JsonNode>> OffersAsync(HttpClient client, string filter) =>
        [.. (await GetAsync(client, $"/api/v1/instances/offers?{filter}")).Body!["offers"]!.AsArray().Select(offer => offer!)];

    private static JsonObject Request(OwnComputer computer, string? fingerprint) => new()
    {
        ["name"] = "tower",
        ["host"] = computer.Host,
        ["port"] = computer.Port,
        ["folder"] = computer.Folder,
        ["instance_port"] = computer.InstancePort,
        ["host_key_fingerprint"] = fingerprint,
    };
}
