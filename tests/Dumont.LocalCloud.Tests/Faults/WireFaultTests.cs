using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Faults;

/// <summary>Faults of the wire: the answer is wrong, late, cut or not there.</summary>
public sealed class WireFaultTests : IAsyncLifetime
{
    private TestCloud _cloud = null!;

    public async ValueTask InitializeAsync() => _cloud = await TestCloud.StartAsync();

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Theory]
    [InlineData("vast", "too-many-requests", "", 429, "text/plain", "API requests too frequent")]
    [InlineData("gcp", "too-many-requests", "", 429, "application/json", "\"reason\":\"rateLimitExceeded\"")]
    [InlineData("vast", "server-error-before", "", 500, "application/json", "\"error\":\"internal_error\"")]
    [InlineData("gcp", "server-error-before", "", 500, "application/json", "\"reason\":\"backendError\"")]
    [InlineData("vast", "server-error-before", ",\"status\":502", 502, "text/html", "502 Bad Gateway")]
    [InlineData("gcp", "server-error-before", ",\"status\":503", 503, "application/json", "\"reason\":\"backendError\"")]
    [InlineData("gcp", "server-error-after", ",\"status\":504", 504, "text/html", "504 Gateway Time-out")]
    [InlineData("vast", "key-revoked", "", 404, "application/json", "\"error\":\"auth_error\",\"msg\":\"Invalid user key\"")]
    [InlineData("gcp", "key-revoked", "", 401, "application/json", "\"reason\":\"authError\"")]
    [InlineData("vast", "scope-lost", "", 403, "application/json", "\"success\":false")]
    [InlineData("gcp", "scope-lost", "", 403, "application/json", "\"reason\":\"insufficientPermissions\"")]
    [InlineData("vast", "success-false", "", 200, "application/json", "\"success\":false")]
    [InlineData("vast", "garbage-body", "", 200, "text/html", "<html>")]
    [InlineData("gcp", "garbage-body", "", 200, "text/html", "<html>")]
    public async Task List_Struck_AnswersInTheProvidersForm(string provider, string kind, string extra, int status, string type, string text)
    {
        var bench = new FaultBench(_cloud, provider);
        await bench.ArmAsync(kind, "list", "\"count\":1" + extra);

        var answer = await bench.ListAsync();

        Assert.Equal((status, type), (answer.Status, answer.ContentType));
        Assert.Contains(text, answer.Text, StringComparison.Ordinal);
        Assert.Equal((200, "application/json"), ((await bench.ListAsync()).Status, (await bench.ListAsync()).ContentType));
    }

    [Theory]
    [InlineData("vast", "connection-refused-like", "")]
    [InlineData("gcp", "connection-refused-like", "")]
    [InlineData("vast", "no-answer-before-effect", ",\"delay_seconds\":0.01")]
    [InlineData("gcp", "no-answer-before-effect", ",\"delay_seconds\":0.01")]
    public async Task Create_ConnectionBrokenBefore_DidNothing(string provider, string kind, string extra)
    {
        var bench = new FaultBench(_cloud, provider);
        await bench.ArmAsync(kind, "create", "\"count\":1" + extra);
        var ssh = await Ssh.CreateAsync(_cloud.Folder);

        await Assert.ThrowsAsync<HttpRequestException>(() => bench.TryCreateAsync("a", ssh));

        Assert.Empty(bench.Machines(await bench.ListAsync()));
    }

    [Theory]
    [InlineData("vast", "answer-lost-after-effect")]
    [InlineData("gcp", "answer-lost-after-effect")]
    [InlineData("vast", "reset-mid-body")]
    [InlineData("gcp", "reset-mid-body")]
    public async Task Create_ConnectionBrokenAfter_DidEverything(string provider, string kind)
    {
        var bench = new FaultBench(_cloud, provider);
        await bench.ArmAsync(kind, "create");
        var ssh = await Ssh.CreateAsync(_cloud.Folder);

        await Assert.ThrowsAsync<HttpRequestException>(() => bench.TryCreateAsync("a", ssh));

        Assert.Single(bench.Machines(await bench.ListAsync()));
    }

    [Theory]
    [InlineData("vast", "slow", "\"delay_seconds\":0.4", 0.4)]
    [InlineData("gcp", "slow", "\"delay_seconds\":0.4", 0.4)]
    [InlineData("vast", "drip", "\"bytes_per_second\":100", 1)]
    [InlineData("gcp", "drip", "\"bytes_per_second\":100", 1)]
    public async Task List_Late_ComesWhole(string provider, string kind, string extra, double seconds)
    {
        var bench = new FaultBench(_cloud, provider);
        await bench.ListAsync();
        await bench.ArmAsync(kind, "list", "\"count\":1," + extra);

        var watch = Stopwatch.StartNew();
        var late = await bench.ListAsync();

        Assert.True(watch.Elapsed.TotalSeconds >= seconds * 0.98, watch.Elapsed.ToString());
        Assert.Equal((await bench.ListAsync()).Text, late.Text);
    }

    [Theory]
    [InlineData("vast")]
    [InlineData("gcp")]
    public async Task List_BodySpoiled_CannotBeRead(string provider)
    {
        var bench = new FaultBench(_cloud, provider);
        var whole = (await bench.ListAsync()).Text;

        await bench.ArmAsync("truncated-body", "list");
        Assert.Equal(whole[..(whole.Length / 2)], (await bench.ListAsync()).Text);
        await bench.ArmAsync("huge-body", "list", "\"count\":1,\"size_mb\":2");
        var huge = (await bench.ListAsync()).Text;
        Assert.True(huge.Length > 2 << 20);
        Assert.Equal(whole[1..], huge[^(whole.Length - 1)..]);
        await bench.ArmAsync("garbage-body", "list", "\"count\":1,\"variant\":\"types\"");
        var twisted = (await bench.ListAsync()).Json;
        Assert.Equal(
            provider == "vast" ? JsonValueKind.String : JsonValueKind.Number,
            twisted[provider == "vast" ? "instances_found" : "kind"]!.GetValueKind());
    }

    [Fact]
    public async Task Get_WithABareNan_IsNotJson()
    {
        var bench = new FaultBench(_cloud, "vast");
        await bench.ArmAsync("garbage-body", "list", "\"count\":1,\"variant\":\"nan\"");

        var answer = await bench.ListAsync();

        Assert.Contains(":NaN", answer.Text, StringComparison.Ordinal);
        Assert.ThrowsAny<JsonException>(() => answer.Json);
    }

    [Theory]
    [InlineData("vast")]
    [InlineData("gcp")]
    public async Task ClockSkew_Armed_ShiftsTheDateAndEveryInstant(string provider)
    {
        var bench = new FaultBench(_cloud, provider);
        var id = await bench.CreateAsync("a", await Ssh.CreateAsync(_cloud.Folder));
        var truth = MadeAt(bench.Machine(await bench.GetAsync(id))!);
        await bench.ArmAsync("clock-skew", "get", "\"count\":1,\"skew_seconds\":-3600");

        var answer = await bench.GetAsync(id);

        Assert.Equal(truth - 3600, MadeAt(bench.Machine(answer)!), 0.01);
        var late = TimeProvider.System.GetUtcNow() - answer.Date!.Value;
        Assert.InRange(late.TotalSeconds, 3590, 3700);
    }

    [Theory]
    [InlineData("create")]
    [InlineData("stop")]
    [InlineData("destroy")]
    public async Task SuccessFalse_OnGcp_IsAnOperationThatFails(string operation)
    {
        var bench = new FaultBench(_cloud, "gcp");
        var ssh = await Ssh.CreateAsync(_cloud.Folder);
        if (operation != "create")
        {
            await bench.CreateAsync("a", ssh);
        }

        await bench.ArmAsync("success-false", operation);
        var answer = operation switch { "create" => await bench.TryCreateAsync("a", ssh), "stop" => await bench.StopAsync("a"), _ => await bench.DestroyAsync("a") };

        Assert.Equal((200, "DONE", "INTERNAL_ERROR"), (answer.Status, answer.Json["status"]!.ToString(), answer.Json["error"]!["errors"]![0]!["code"]!.ToString()));
        Assert.Equal(operation == "create" ? 0 : 1, bench.Machines(await bench.ListAsync()).Length);
    }

    private static double MadeAt(System.Text.Json.Nodes.JsonObject machine) => machine["start_date"]?.GetValue<double>()
        ?? DateTimeOffset.Parse(machine["creationTimestamp"]!.ToString(), CultureInfo.InvariantCulture).ToUnixTimeMilliseconds() / 1000.0;
}
