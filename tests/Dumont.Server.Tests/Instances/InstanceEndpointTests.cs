using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Store;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Instances;

public sealed class InstanceEndpointTests
{
    [Fact]
    public async Task Create_Offer_IsAnsweredAtOnceWithPlaceAndAddress()
    {
        await using var server = await SpineServer.StartAsync();
        using var response = await server.User.PostAsJsonAsync("/api/v1/instances", new { offer_id = 1, label = " mine ", disk_size = 50 }, Line.Deadline());
        var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(Line.Deadline()))!;

        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Equal($"/api/v1/instances/{body["id"]}", response.Headers.Location!.ToString());
        Assert.Equal(("mine", 50, "RTX 4090"), (body["label"]!.GetValue<string>(), body["disk_space"]!.GetValue<double>(), body["gpu_name"]!.GetValue<string>()));
        Assert.InRange(body["ssh_port"]!.GetValue<int>(), 22000, 30000);

        var (status, found) = await server.SendAsync("GET", $"/instances/{body["id"]}");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(body["ssh_port"]!.GetValue<int>(), found!["ssh_port"]!.GetValue<int>());
    }

    [Fact]
    public async Task Create_BadFields_AreNamed()
    {
        await using var server = await SpineServer.StartAsync();
        (string Field, object Body)[] bad =
        [
            ("offer_id", new { }),
            ("offer_id", new { offer_id = -1 }),
            ("offer_id", new { offer_id = 1, use_wizard = true }),
            ("disk_size", new { offer_id = 1, disk_size = 5 }),
            ("disk_space", new { offer_id = 1, disk_space = 1e9 }),
            ("label", new { offer_id = 1, label = "" }),
            ("name", new { offer_id = 1, name = "a\nb" }),
            ("image", new { offer_id = 1, image = "a;reboot" }),
            ("bid_price", new { offer_id = 1, bid_price = 0 }),
            ("region", new { use_wizard = true, region = "MARS" }),
            ("ports", new { offer_id = 1, ports = new[] { 70000 } }),
        ];
        foreach (var (field, body) in bad)
        {
            await server.RefusedFieldAsync("body", field, "POST", "/instances", body);
        }

        Assert.Empty(server.Vast.Calls);
    }

    [Theory]
    [InlineData("/instances", "POST")]
    [InlineData("/instances/batch-delete", "POST")]
    [InlineData("/instances/1", "PATCH")]
    public async Task Body_ThatIsNotTheExpectedJson_IsRefusedAndNever500(string path, string method)
    {
        await using var server = await SpineServer.StartAsync();
        foreach (var body in new[]
        {
            "{", "", "null", "[]", "1", "\"text\"", "{\"offer_id\":\"abc\"}", "{\"ids\":null}", "{\"ids\":[null]}", "{\"ids\":[\"x\"]}", "{\"label\":5}",
            "{\"offer_id\":1e400}", "{\"offer_id\":99999999999999999999}", "{\"offer_id\":1,\"disk_size\":\"NaN\"}", "{\"offer_id\":1,\"env\":{\"A\":null}}",
            "{\"offer_id\":1,\"ports\":[null]}", "{\"offer_id\":1,\"env\":[]}", "{\"label\":\"\\ud800\"}", new string('[', 200),
        })
        {
            var (status, _) = await server.SendAsync(method, path, body);
            Assert.True((int)status is >= 400 and < 500, $"{method} {path} {body} was answered {status}.");
        }
    }

    [Fact]
    public async Task UnknownDeletedAndForeignId_AreAnsweredAlike()
    {
        await using var server = await SpineServer.StartAsync();
        var mine = await server.CreateAsync();
        var deleted = await server.CreateAsync();
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("DELETE", $"/instances/{deleted}")).Status);
        using var other = await server.Server.LoggedInAsync("eve@example.com");
        foreach (var (method, suffix, body) in new (string, string, object?)[]
        {
            ("GET", "", null), ("DELETE", "", null), ("PATCH", "", new { label = "x" }), ("POST", "/pause", null), ("POST", "/resume", null),
            ("GET", "/events", null), ("POST", "/failover", null),
        })
        {
            async Task<string> BodyAsync(HttpClient user, string id)
            {
                var (status, answer) = await SendAsync(user, new HttpMethod(method), $"/api/v1/instances/{id}{suffix}", body);
                Assert.True(status == HttpStatusCode.NotFound, $"{method} {suffix} of {id}: {status}");
                answer!.AsObject().Remove("request_id");
                return answer.ToJsonString().Replace($"/{id}", "/ID", StringComparison.Ordinal).Replace($" {id}.", " ID.", StringComparison.Ordinal);
            }

            var unknown = await BodyAsync(other, "987654321");
            Assert.Equal(unknown, await BodyAsync(other, $"{mine}"));
            Assert.Equal(unknown, await BodyAsync(server.User, $"{deleted}"));
        }

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("GET", $"/instances/{mine}")).Status);
        Assert.Equal(0, (await GetAsync(other, "/api/v1/instances")).Body!["count"]!.GetValue<int>());
        Assert.Equal(0, (await GetAsync(other, "/api/v1/events")).Body!["count"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("-1")]
    [InlineData("0")]
    [InlineData("1.5")]
    [InlineData("99999999999999999999")]
    [InlineData("%00")]
    [InlineData("1%2F..%2F2")]
    public async Task IdThatIsNone_IsRefusedAndNever500(string id)
    {
        await using var server = await SpineServer.StartAsync();
        foreach (var method in new[] { "GET", "DELETE" })
        {
            var (status, _) = await server.SendAsync(method, $"/instances/{id}");
            Assert.True((int)status is 404 or 422 or 400, $"{method} {id}: {status}");
        }
    }

    [Fact]
    public async Task Create_UnknownOffer_Is404_AndNoMatchIs400()
    {
        await using var server = await SpineServer.StartAsync();

        await server.RefusedAsync(404, "not-found", "POST", "/instances", new { offer_id = 4711 });
        await server.RefusedAsync(400, "no-matching-offer", "POST", "/instances", new { use_wizard = true, gpu_name = "H100", max_price = 0.01 });
    }

    [Fact]
    public async Task Create_NoCredit_Is402()
    {
        await using var server = await SpineServer.StartAsync();
        server.Vast.CreditUsd = 0.39m;

        await server.RefusedAsync(402, "insufficient-credit", "POST", "/instances", new { offer_id = 1 });
        Assert.Empty(server.Vast.Calls);
    }

    [Fact]
    public async Task Create_ProviderDown_Is503WithRetryAfter()
    {
        await using var server = await SpineServer.StartAsync();
        server.Vast.IsDown = true;
        using var response = await server.User.PostAsJsonAsync("/api/v1/instances", new { offer_id = 1 }, Line.Deadline());

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.True(response.Headers.RetryAfter!.Delta > TimeSpan.Zero);
    }

    [Fact]
    public async Task Create_QuotaReached_Is429_UntilOneIsDeleted()
    {
        await using var server = await SpineServer.StartAsync("Instances:QuotaPerUser=2");
        var first = await server.CreateAsync();
        await server.CreateAsync();
        await server.RefusedAsync(429, "too-many-requests", "POST", "/instances", new { offer_id = 3 });
        await server.SendAsync("DELETE", $"/instances/{first}");

        await server.CreateAsync();
    }

    [Fact]
    public async Task Create_SameIdempotencyKey_MakesOneInstance()
    {
        await using var server = await SpineServer.StartAsync();
        async Task<(HttpStatusCode Status, JsonNode Body)> CreateAsync(object body)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/instances") { Content = JsonContent.Create(body) };
            request.Headers.Add("Idempotency-Key", "key-1");
            using var response = await server.User.SendAsync(request, Line.Deadline());
            return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Line.Deadline()))!);
        }

        var first = await CreateAsync(new { offer_id = 1 });
        var second = await CreateAsync(new { offer_id = 1 });
        Assert.Equal(HttpStatusCode.Created, first.Status);
        Assert.Equal(first.Body["id"]!.GetValue<long>(), second.Body["id"]!.GetValue<long>());
        Assert.Equal(1, (await server.SendAsync("GET", "/instances")).Body!["count"]!.GetValue<int>());

        var other = await CreateAsync(new { offer_id = 2 });
        Assert.Equal((HttpStatusCode)422, other.Status);
        Assert.Equal("idempotency-mismatch", other.Body["code"]!.GetValue<string>());
    }

    [Fact]
    public async Task PauseResume_WhileCreating_IsTheWrongState()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.CreateAsync();

        await server.RefusedAsync(400, "wrong-state", "POST", $"/instances/{id}/pause");
        await server.RefusedAsync(400, "wrong-state", "POST", $"/instances/{id}/resume");
    }

    [Fact]
    public async Task PauseResume_WhileItRunsForASnapshot_SayWhatComesAfterIt()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.RunningAsync();
        await server.SendAsync("POST", $"/instances/{id}/pause");
        await server.Server.Get<Database>().WriteAsync(
            transaction => server.Server.Get<InstanceStore>().RunForAsync(transaction, id, operation: 7), Line.Deadline());
        var (_, paused) = await server.SendAsync("POST", $"/instances/{id}/pause");
        Assert.Equal("Accepted; the instance runs until its snapshot is done, and pauses then.", paused!["message"]!.GetValue<string>());
        Assert.Equal(
            "It runs until its snapshot is done, and pauses then.", (await server.SendAsync("GET", $"/instances/{id}")).Body!["status_message"]!.GetValue<string>());
        await server.UntilAsync(
            id, async () => await server.Server.Get<InstanceStore>().FindAsync(id, Line.Deadline()) is { Status: InstanceStatus.Running } running ? running : null);
        var (_, resumed) = await server.SendAsync("POST", $"/instances/{id}/resume");
        Assert.Equal("The instance is running, and stays so after its snapshot.", resumed!["message"]!.GetValue<string>());

        // Its snapshot is done: the last word of the user holds.
        await server.Server.Get<Database>().WriteAsync(
            async transaction =>
            {
                await server.Server.Get<InstanceStore>().EndRunAsync(transaction, id, operation: 7);
                return true;
            },
            Line.Deadline());
        Assert.Equal(InstanceDesired.Running, (await server.Server.Get<InstanceStore>().FindAsync(id, Line.Deadline()))!.Wanted);
    }

    [Fact]
    public async Task Pause_Running_IsAcceptedAndComesTrue()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.RunningAsync();
        var (status, body) = await server.SendAsync("POST", $"/instances/{id}/pause");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.True(body!["success"]!.GetValue<bool>());

        await server.UntilAsync(
            id, async () => await server.Server.Get<InstanceStore>().FindAsync(id, Line.Deadline()) is { Status: InstanceStatus.Paused } paused ? paused : null);
        Assert.Equal(1, (await server.SendAsync("GET", "/instances?status=paused")).Body!["count"]!.GetValue<int>());
        Assert.Equal(0, (await server.SendAsync("GET", "/instances?status=running")).Body!["count"]!.GetValue<int>());
        Assert.Contains("stop vast-1", server.Vast.Calls);
    }

    [Fact]
    public async Task Update_Label_RenamesOrNamesTheField()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.CreateAsync();
        var (status, body) = await server.SendAsync("PATCH", $"/instances/{id}", new { label = " new name " });

        Assert.Equal((HttpStatusCode.OK, "new name"), (status, body!["label"]!.GetValue<string>()));
        await server.RefusedFieldAsync("body", "label", "PATCH", $"/instances/{id}", new { label = "" });
        await server.RefusedFieldAsync("body", "label", "PATCH", $"/instances/{id}", new { });
    }

    [Fact]
    public async Task Delete_Reason_IsCheckedAndRecorded()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.CreateAsync();
        await server.RefusedFieldAsync("query", "reason", "DELETE", $"/instances/{id}?reason=boredom");
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("DELETE", $"/instances/{id}?reason=gpu_failure&destroy_standby=false")).Status);

        Assert.Equal(DeleteReason.GpuFailure, await server.Server.Get<InstanceStore>().FindDeleteReasonAsync(id, Line.Deadline()));
        Assert.Equal(HttpStatusCode.NotFound, (await server.SendAsync("DELETE", $"/instances/{id}")).Status);
    }

    [Fact]
    public async Task BatchDelete_MixedIds_SaysWhatBecameOfEach()
    {
        await using var server = await SpineServer.StartAsync();
        var (first, second) = (await server.CreateAsync(), await server.CreateAsync());
        var (status, body) = await server.SendAsync(
            "POST", "/instances/batch-delete", new { ids = new[] { first.Value, second.Value, first.Value, 987_654_321 } });

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.False(body!["success"]!.GetValue<bool>());
        Assert.Equal([first.Value, second.Value], body["deleted"]!.AsArray().Select(id => id!.GetValue<long>()));
        Assert.Equal([987_654_321], body["not_found"]!.AsArray().Select(id => id!.GetValue<long>()));
        await server.RefusedFieldAsync("body", "ids", "POST", "/instances/batch-delete", new { ids = Array.Empty<long>() });
        await server.RefusedFieldAsync("body", "ids", "POST", "/instances/batch-delete", new { ids = Enumerable.Range(1, 101) });
    }

    [Fact]
    public async Task Events_OfAnInstance_AreNewestFirst_AndTheLimitIsChecked()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.RunningAsync();
        var (_, body) = await server.SendAsync("GET", $"/instances/{id}/events");

        Assert.Equal(["instance.running", "instance.created"], body!["events"]!.AsArray().Select(each => each!["type"]!.GetValue<string>()));
        Assert.StartsWith("Runs on RTX 4090 after ", body["events"]![0]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(1, (await server.SendAsync("GET", "/events?limit=1")).Body!["count"]!.GetValue<int>());
        var newest = body["events"]![0]!["id"]!.GetValue<long>();
        Assert.Equal(0, (await server.SendAsync("GET", $"/events?after={newest}")).Body!["count"]!.GetValue<int>());
        foreach (var limit in new[] { 0, -1, 501 })
        {
            await server.RefusedFieldAsync("query", "limit", "GET", $"/events?limit={limit}");
            await server.RefusedFieldAsync("query", "limit", "GET", $"/instances/{id}/events?limit={limit}");
        }
    }

    [Theory]
    [InlineData("/events")]
    [InlineData("/instances/{id}/events")]
    public async Task Events_PortugueseWanted_AreToldInIt(string path)
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.RunningAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1" + path.Replace("{id}", id.ToString(), StringComparison.Ordinal));
        request.Headers.AcceptLanguage.ParseAdd("pt-BR");
        using var response = await server.User.SendAsync(request, TestContext.Current.CancellationToken);
        var events = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["events"]!.AsArray();

        Assert.Equal(["pt-BR"], response.Content.Headers.ContentLanguage);
        Assert.Contains("Accept-Language", response.Headers.Vary);
        Assert.Equal(["instance.running", "instance.created"], events.Select(each => each!["type"]!.GetValue<string>()));
        Assert.StartsWith("Roda em RTX 4090 depois de ", events[0]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.StartsWith("Aluga a oferta ", events[1]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Routes_WithoutCredentials_Are401()
    {
        await using var server = await SpineServer.StartAsync();
        foreach (var (method, path) in new[]
        {
            ("GET", "/instances"), ("POST", "/instances"), ("GET", "/instances/1"), ("DELETE", "/instances/1"), ("POST", "/instances/1/pause"),
            ("GET", "/events"), ("GET", "/agent/status"), ("GET", "/standby/status"), ("DELETE", "/standby/associations/1"), ("GET", "/agent/link"),
        })
        {
            var (status, _) = await SendAsync(server.Server.Client, new HttpMethod(method), "/api/v1" + path, method == "POST" ? "{}" : null);
            Assert.True(status == HttpStatusCode.Unauthorized, $"{method} {path}: {status}");
        }
    }
}
