using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>What the API says about instances and does with them.</summary>
public sealed class InstanceTests
{
    [Fact]
    public async Task Instance_JustRented_GoesThroughTheProvidersStates()
    {
        await using var cloud = await TestCloud.StartAsync(options => options.BootDelay = TimeSpan.FromSeconds(2));
        var id = await cloud.RentAsync();
        var seen = new List<string?>();

        await Eventually.IsTrueAsync(
            async () =>
            {
                var status = (await cloud.InstanceAsync(id))!["actual_status"]?.ToString();
                if (seen.Count == 0 || seen[^1] != status)
                {
                    seen.Add(status);
                }

                return status == "running";
            },
            "running");

        Assert.Equal([null, "created", "loading", "running"], seen);
    }

    [Fact]
    public async Task Instance_Shown_HasNullsRatherThanGaps()
    {
        await using var cloud = await TestCloud.StartAsync();
        var instance = (await cloud.InstanceAsync(await cloud.RentAsync()))!;

        foreach (var name in (string[])["label", "template_id", "onstart", "credit_balance", "status_msg", "uptime_mins", "cluster_id", "hostname"])
        {
            Assert.True(instance.ContainsKey(name), name);
        }

        Assert.False(instance.ContainsKey("volume_info"));
        Assert.Equal("ssh_direc ssh_proxy", instance["image_runtype"]!.ToString());
    }

    [Fact]
    public async Task Instance_Destroyed_IsNullAndASecondTimeUnknown()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync();

        var first = await cloud.VastAsync("DELETE", $"v0/instances/{id}", "{}");
        var second = await cloud.VastAsync("DELETE", $"v0/instances/{id}/", "{}");
        var shown = await cloud.VastAsync("GET", $"v0/instances/{id}/?owner=me");

        Assert.Equal(200, first.Status);
        Assert.Equal((404, "no_such_instance"), (second.Status, second.Json["error"]!.ToString()));
        Assert.Equal((200, """{"instances":null}"""), (shown.Status, shown.Text));
    }

    [Fact]
    public async Task Instance_StartedWhileItsGpuIsTaken_QueuesAndStartsWhenFree()
    {
        await using var cloud = await TestCloud.StartAsync();
        var offer = await cloud.CheapestAsync();
        var mine = (await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody())).Json["new_contract"]!.GetValue<long>();
        await cloud.UntilAsync(mine, "running");
        await cloud.VastAsync("PUT", $"v0/instances/{mine}/", """{"state":"stopped"}""");
        var other = (await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody())).Json["new_contract"];

        var start = await cloud.VastAsync("PUT", $"v0/instances/{mine}/", """{"state":"running"}""");
        Assert.Equal(200, start.Status);
        Assert.False(start.Json["success"]!.GetValue<bool>());
        Assert.Equal("Required resources are currently unavailable, state change queued.", start.Json["msg"]!.ToString());
        var queued = await cloud.UntilAsync(mine, "exited");
        Assert.Equal(("running", "stopped", "running"), (queued["intended_status"]!.ToString(), queued["cur_state"]!.ToString(), queued["next_state"]!.ToString()));

        await cloud.VastAsync("DELETE", $"v0/instances/{other}/");
        await cloud.UntilAsync(mine, "running");
    }

    [Fact]
    public async Task Instances_InBulk_AreStoppedStartedAndDestroyed()
    {
        await using var cloud = await TestCloud.StartAsync();
        var (a, b) = (await cloud.RentAsync(), await cloud.RentAsync());
        await cloud.UntilAsync(a, "running");
        await cloud.UntilAsync(b, "running");

        await cloud.VastAsync("PUT", "v0/instances/", $$"""{"state":"stopped","ids":[{{a}},{{b}}]}""");
        await cloud.UntilAsync(a, "exited");
        await cloud.UntilAsync(b, "exited");
        await cloud.VastAsync("POST", "v0/instances/start", $$"""{"IDs":[{{a}}]}""");
        await cloud.UntilAsync(a, "running");
        await cloud.VastAsync("DELETE", "v0/instances/", $$"""{"instance_ids":[{{a}},{{b}}]}""");

        Assert.Empty((await cloud.VastAsync("GET", "v0/instances/?owner=me")).Json["instances"]!.AsArray());
    }

    [Fact]
    public async Task Instances_Listed_ArePagedByCursor()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ids = new List<long>();
        for (var i = 0; i < 5; i++)
        {
            ids.Add(await cloud.RentAsync($"\"target_state\":\"stopped\",\"label\":\"dumont/s/{i % 2}\"", "RTX 3060"));
        }

        var seen = new List<long>();
        string? token = null;
        do
        {
            var page = (await cloud.VastAsync("GET", $$"""v1/instances/?limit=2&order_by=[{"col":"id","dir":"desc"}]&after_token={{Uri.EscapeDataString(token ?? "")}}""")).Json;
            Assert.Equal(5, page["total_instances"]!.GetValue<int>());
            Assert.Equal("""{"dumont/s/0":3,"dumont/s/1":2}""", page["label_counts"]!.ToJsonString());
            seen.AddRange(page["instances"]!.AsArray().Select(instance => instance!["id"]!.GetValue<long>()));
            token = page["next_token"]?.ToString();
        }
        while (token is not null);

        Assert.Equal(ids.AsEnumerable().Reverse(), seen);
    }

    [Fact]
    public async Task Instances_ListedWithFilter_AreThoseAlone()
    {
        await using var cloud = await TestCloud.StartAsync();
        var mine = await cloud.RentAsync("\"target_state\":\"stopped\",\"label\":\"dumont/a\"");
        await cloud.RentAsync("\"target_state\":\"stopped\",\"label\":\"other\"");

        var found = (await cloud.VastAsync("GET", """v1/instances?select_filters={"label":{"eq":"dumont/a"}}&select_cols=["id","label"]""")).Json;

        Assert.Equal($$"""[{"id":{{mine}},"label":"dumont/a"}]""", found["instances"]!.ToJsonString());
    }

    [Fact]
    public async Task Instances_ListedWrongly_AreRefused()
    {
        await using var cloud = await TestCloud.StartAsync();
        foreach (var (query, error) in ((string, string)[])
            [
                ("""select_filters={"dph_total":{"gt":1}}""", "invalid_request"), ("""order_by=[{"col":"num_gpus"}]""", "invalid_request"),
                ("after_token=bm9uc2Vuc2U=", "invalid_token"), ("after_token=%", "invalid_token"),
            ])
        {
            var answer = await cloud.VastAsync("GET", "v1/instances/?" + query);
            Assert.Equal((400, error), (answer.Status, answer.Json["error"]!.ToString()));
        }
    }

    [Fact]
    public async Task Instance_Labelled_ShowsIt()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync();

        await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"label":"new"}""");

        Assert.Equal("new", (await cloud.InstanceAsync(id))!["label"]!.ToString());
    }

    [Fact]
    public async Task Instance_WithJupyter_HasSshOnePortFurther()
    {
        await using var cloud = await TestCloud.StartAsync();
        var answer = await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", """{"image":"x","disk":8,"runtype":"jupyter_direc ssh_direc ssh_proxy"}""");

        var instance = await cloud.UntilAsync(answer.Json["new_contract"]!.GetValue<long>(), "running");

        Assert.Equal((instance["ssh_port"]!.GetValue<int>() + 1).ToString(null, null), instance["ports"]!["22/tcp"]![0]!["HostPort"]!.ToString());
    }

    [Fact]
    public async Task Call_WithWrongKeys_IsRefusedAsTheProviderDoes()
    {
        await using var cloud = await TestCloud.StartAsync();

        var none = await cloud.SendAsync("GET", "/api/v1/instances/");
        var unknown = await cloud.SendAsync("GET", "/api/v1/instances/", null, "nonsense");
        var inAddress = await cloud.SendAsync("GET", "/api/v1/instances/?api_key=" + cloud.VastKey);

        Assert.Equal((403, "auth_error", "This action requires login."), (none.Status, none.Json["error"]!.ToString(), none.Json["msg"]!.ToString()));
        Assert.Equal((404, "auth_error", "Invalid user key"), (unknown.Status, unknown.Json["error"]!.ToString(), unknown.Json["msg"]!.ToString()));
        Assert.Equal(200, inAddress.Status);
    }

    [Fact]
    public async Task Call_WithAContainersKey_ReachesThatContainerAlone()
    {
        await using var cloud = await TestCloud.StartAsync();
        var rented = (await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", TestCloud.RentBody())).Json;
        var (own, key) = (rented["new_contract"]!, rented["instance_api_key"]!.ToString());
        var other = await cloud.RentAsync();

        Assert.Equal(200, (await cloud.SendAsync("GET", $"/api/v0/instances/{own}/", null, key)).Status);
        Assert.Equal(403, (await cloud.SendAsync("DELETE", $"/api/v0/instances/{other}/", null, key)).Status);
        Assert.Equal(403, (await cloud.SendAsync("GET", "/api/v1/instances/", null, key)).Status);
        Assert.Equal(200, (await cloud.SendAsync("DELETE", $"/api/v0/instances/{own}/", null, key)).Status);
    }

    [Fact]
    public async Task Logs_Requested_AreLateAndThenThere()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync("\"onstart\":\"echo hello from onstart\"");
        await cloud.UntilAsync(id, "running");

        var text = "";
        await Eventually.IsTrueAsync(
            async () =>
            {
                var request = (await cloud.VastAsync("PUT", $"v0/instances/request_logs/{id}/", """{"tail":"100"}""")).Json;
                var path = new Uri(request["result_url"]!.ToString()).PathAndQuery;
                Assert.Equal((404, 404), ((await cloud.SendAsync("GET", path)).Status, (await cloud.SendAsync("GET", path)).Status));
                text = (await cloud.SendAsync("GET", path)).Text;
                return text.Contains("hello from onstart", StringComparison.Ordinal);
            },
            "log line");
    }

    [Theory]
    [InlineData("running")]
    [InlineData("stopped")]
    public async Task Command_OnAMachine_SeesItsDiskAndNoShell(string state)
    {
        await using var cloud = await TestCloud.StartAsync(options => options.ResultPollsBeforeReady = 0);
        var id = await cloud.RentAsync("\"onstart\":\"touch '/workspace/a b' /workspace/done\"");
        var folder = Path.Combine(cloud.Options.DataFolder, "machines", $"vast-{id}", "disk", "workspace", "done");
        await Eventually.IsTrueAsync(() => File.Exists(folder), "start script ran");
        if (state == "stopped")
        {
            await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"stopped"}""");
            await cloud.UntilAsync(id, "exited");
        }

        Assert.Equal("a b\ndone\n", await ResultAsync("ls /workspace"));
        Assert.Contains("No such file", await ResultAsync("ls '/workspace;id'"), StringComparison.Ordinal);
        Assert.Equal("", await ResultAsync("rm '/workspace/a b'"));
        Assert.Equal("done\n", await ResultAsync("ls /workspace"));
        Assert.Equal(400, (await cloud.VastAsync("PUT", $"v0/instances/command/{id}/", """{"command":"cat /etc/passwd"}""")).Status);

        async Task<string> ResultAsync(string command)
        {
            var answer = await cloud.VastAsync("PUT", $"v0/instances/command/{id}/", new JsonObject { ["command"] = command }.ToJsonString());
            return (await cloud.SendAsync("GET", new Uri(answer.Json["result_url"]!.ToString()).PathAndQuery)).Text;
        }
    }

    [Fact]
    public async Task Credit_WhileAMachineRuns_GoesDownAndStaysDownAfterDestroying()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync(gpu: "B200", gpus: 1);
        await cloud.UntilAsync(id, "running");

        await Eventually.IsTrueAsync(async () => await CreditAsync() < 1000, "credit spent");
        await cloud.VastAsync("DELETE", $"v0/instances/{id}/");

        Assert.InRange(await CreditAsync(), 999.5, 999.9999999);
        Assert.Empty((await cloud.SendAsync("GET", "/local/machines")).Json["machines"]!.AsArray());

        async Task<double> CreditAsync() => (await cloud.VastAsync("GET", "v0/users/current")).Json["credit"]!.GetValue<double>();
    }

    [Fact]
    public async Task Credit_Spent_StopsEverything()
    {
        await using var cloud = await TestCloud.StartAsync(options => options.StartingCreditUsd = 0.0005m);
        var id = await cloud.RentAsync(gpu: "B200", gpus: 1);

        var stopped = await cloud.UntilAsync(id, "exited");

        Assert.Equal("stopped", stopped["intended_status"]!.ToString());
        Assert.Equal("insufficient_credit", (await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"running"}""")).Json["error"]!.ToString());
    }

    [Fact]
    public async Task AccountKeys_AddedReplacedDeleted_AreListed()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var other = await Ssh.CreateAsync(cloud.Folder);
        var id = JsonNode.Parse((await cloud.VastAsync("GET", "v0/ssh/")).Text)!.AsArray().Single()!["id"]!;

        Assert.Equal(400, (await cloud.VastAsync("POST", "v0/ssh/", """{"ssh_key":"not a key\nat all"}""")).Status);
        await cloud.VastAsync("PUT", $"v0/ssh/{id}/", new JsonObject { ["ssh_key"] = other.PublicKey }.ToJsonString());
        Assert.Equal(other.PublicKey, JsonNode.Parse((await cloud.VastAsync("GET", "v0/ssh")).Text)!.AsArray().Single()!["public_key"]!.ToString());
        Assert.Equal(200, (await cloud.VastAsync("DELETE", $"v0/ssh/{id}/")).Status);
        Assert.Equal(404, (await cloud.VastAsync("DELETE", $"v0/ssh/{id}/")).Status);
        Assert.NotEqual(ssh.PublicKey, other.PublicKey);
    }
}
