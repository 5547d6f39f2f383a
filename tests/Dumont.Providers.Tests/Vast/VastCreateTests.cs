using System.Text.Json;
using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Vast;

public sealed class VastCreateTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_OnDemand_SendsTheWholeBody()
    {
        using var bench = VastBench.Answering("""{"success":true,"new_contract":555,"instance_api_key":"k"}""");
        var request = Operations.Request() with
        {
            OnStart = "echo hi",
            Environment = new Dictionary<string, string> { ["A"] = "b" },
            Ports = [8080, 22, 8080],
        };

        Assert.Equal(new CreateResult.Created("555"), await bench.Provider.CreateAsync(request, Cancel));

        var put = Assert.Single(bench.Network.Sent, sent => sent.Method == HttpMethod.Put);
        Assert.Equal("/api/v0/asks/100/", put.Path);
        AssertJson(
            """
            {"client_id":"me","image":"dumont/base:1","env":{"A":"b","-p 8080:8080":"1"},"price":null,"disk":20,"label":"dumont/srv/12/3",
             "runtype":"ssh_direc ssh_proxy","target_state":"running","onstart":"echo hi","cancel_unavail":true}
            """,
            put.Body!);
    }

    [Fact]
    public async Task Create_Bid_SendsThePriceAndMayWait()
    {
        using var bench = VastBench.Answering("""{"success":true,"new_contract":555}""");

        await bench.Provider.CreateAsync(Operations.Request() with { BidUsdPerHour = 0.12m, DiskGb = 2 }, Cancel);

        var body = Assert.Single(bench.Network.Sent, sent => sent.Method == HttpMethod.Put).Json;
        Assert.Equal((0.12m, 8), (body.GetProperty("price").GetDecimal(), body.GetProperty("disk").GetInt32()));
        Assert.False(body.TryGetProperty("cancel_unavail", out _));
    }

    public static TheoryData<string> Refusals() => ["onstart", "label", "image", "ports", "port", "bid", "key", "two keys", "variable", "value", "offer", "disk"];

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Create_BeyondALimit_IsRefusedBeforeAnythingIsSent(string what)
    {
        using var bench = VastBench.Answering("{}");
        var good = Operations.Request();
        var (bad, word) = what switch
        {
            "onstart" => (good with { OnStart = new string('x', 4097) }, "4096"),
            "label" => (good with { Tag = new string('x', 257) }, "256"),
            "image" => (good with { Image = null }, "image"),
            "ports" => (good with { Ports = [.. Enumerable.Range(1000, 65)] }, "64"),
            "port" => (good with { Ports = [0] }, "65535"),
            "bid" => (good with { BidUsdPerHour = 0.0001m }, "0.001"),
            "key" => (good with { AuthorizedKeys = [" "] }, "key"),
            "two keys" => (good with { AuthorizedKeys = ["ssh-ed25519 A\nssh-ed25519 B"] }, "line"),
            "variable" => (good with { Environment = new Dictionary<string, string> { ["-v /:/host"] = "1" } }, "name"),
            "value" => (good with { Environment = new Dictionary<string, string> { ["A"] = new('x', 257) } }, "256"),
            "offer" => (good with { OfferId = "7/../../users" }, "number"),
            _ => (good with { DiskGb = double.NaN }, "disk"),
        };

        var rejected = Assert.IsType<CreateResult.Rejected>(await bench.Provider.CreateAsync(bad, Cancel));

        Assert.Equal(ProviderErrorKind.Invalid, rejected.Kind);
        Assert.Contains(word, rejected.Reason, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(bench.Network.Sent);
    }

    [Fact]
    public async Task Create_KeyMissingOnAccount_IsAddedOnceBeforeRentingAndAttachedAfter()
    {
        using var bench = new VastBench(request => request switch
        {
            { Path: "/api/v0/ssh/", Method.Method: "GET" } => ScriptedHandler.Json("[]"),
            { Method.Method: "PUT" } => ScriptedHandler.Json("""{"success":true,"new_contract":5}"""),
            _ => ScriptedHandler.Json("""{"success":true,"key":{"id":1}}"""),
        });

        await bench.Provider.CreateAsync(Operations.Request(), Cancel);
        await bench.Provider.CreateAsync(Operations.Request("101"), Cancel);

        Assert.Equal(
            ["GET /api/v0/ssh/", "POST /api/v0/ssh/", "PUT /api/v0/asks/100/", "POST /api/v0/instances/5/ssh/", "PUT /api/v0/asks/101/", "POST /api/v0/instances/5/ssh/"],
            bench.Network.Sent.Select(sent => $"{sent.Method} {sent.Path}"));
        Assert.Equal(Operations.Key, bench.Network.Sent[1].Json.GetProperty("ssh_key").GetString());
    }

    [Theory]
    [InlineData("""[{"public_key":"KEY another comment","deleted_at":null}]""", 0)]
    [InlineData("""{"success":true,"ssh_keys":[{"public_key":"KEY"}]}""", 0)]
    [InlineData("""[{"public_key":"KEY","deleted_at":17}]""", 1)]
    [InlineData("""[{"public_key":"ssh-rsa AAAA other"}]""", 1)]
    public async Task Create_KeyOnAccount_IsKnownByTypeAndData(string keys, int added)
    {
        var listing = keys.Replace("KEY", string.Join(' ', Operations.Key.Split(' ')[..2]), StringComparison.Ordinal);
        using var bench = new VastBench(request => request switch
        {
            { Path: "/api/v0/ssh/", Method.Method: "GET" } => ScriptedHandler.Json(listing),
            _ => ScriptedHandler.Json("""{"success":true,"new_contract":5}"""),
        });

        await bench.Provider.CreateAsync(Operations.Request(), Cancel);

        Assert.Equal(added, bench.Network.Sent.Count(sent => sent is { Path: "/api/v0/ssh/", Method.Method: "POST" }));
    }

    [Fact]
    public async Task Create_KeysCannotBeAdded_RentsNothing()
    {
        using var bench = new VastBench(_ => ScriptedHandler.Text("nope", 503));

        var rejected = Assert.IsType<CreateResult.Rejected>(await bench.Provider.CreateAsync(Operations.Request(), Cancel));

        Assert.Equal(ProviderErrorKind.Transient, rejected.Kind);
        Assert.DoesNotContain(bench.Network.Sent, sent => sent.Method == HttpMethod.Put);
    }

    [Theory]
    [InlineData("""{"success":false,"error":"invalid_args","msg":"SSH key already exists"}""", 400, 1)]
    [InlineData("no", 503, 2)] // the account is read anew for the next rental
    public async Task Create_AttachFails_StillRented(string body, int status, int reads)
    {
        using var bench = new VastBench(request => request switch
        {
            { Path: "/api/v0/instances/5/ssh/" } => ScriptedHandler.Text(body, status, "application/json"),
            { Method.Method: "PUT" } => ScriptedHandler.Json("""{"success":true,"new_contract":5}"""),
            _ => VastBench.Keys(request),
        });

        Assert.IsType<CreateResult.Created>(await bench.Provider.CreateAsync(Operations.Request(), Cancel));
        Assert.IsType<CreateResult.Created>(await bench.Provider.CreateAsync(Operations.Request(), Cancel));

        Assert.Equal(reads, bench.Network.Sent.Count(sent => sent is { Path: "/api/v0/ssh/", Method.Method: "GET" }));
    }

    [Fact]
    public async Task Key_PutTogether_PrintsNowhere()
    {
        using var bench = VastBench.Answering("{}");

        Assert.Equal("***", new Secret(VastBench.Canary).ToString());
        Assert.Equal("{}", JsonSerializer.Serialize(new Secret(VastBench.Canary)));
        Assert.DoesNotContain(VastBench.Canary, bench.Provider.ToString(), StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<ProviderException>(() => bench.Provider.SearchOffersAsync(new OfferQuery(), Cancel));
        Assert.DoesNotContain(VastBench.Canary, error.ToString(), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Secret(" \n"));
    }

    private static void AssertJson(string expected, string actual) =>
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), JsonElement.Parse(actual)), actual);
}
