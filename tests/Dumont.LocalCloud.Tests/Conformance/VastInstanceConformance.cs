using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Tests.Conformance;

/// <summary>Instances: the type of every documented field, lists, and the calls that refuse.</summary>
[Trait("Suite", "Conformance")]
public sealed class VastInstanceConformance(VastCloudFixture fixture) : IClassFixture<VastCloudFixture>
{
    [Theory]
    [InlineData("id ssh_port machine_dir_ssh_port direct_port_count direct_port_start direct_port_end machine_id host_id num_gpus gpu_ram", "int")]
    [InlineData("intended_status cur_state next_state image_uuid image_runtype ssh_host ssh_idx public_ipaddr local_ipaddrs country_code", "str")]
    [InlineData("verification geolocation gpu_name jupyter_token driver_version cpu_name", "str")]
    [InlineData("actual_status status_msg label onstart template_hash_id template_name", "str|null")]
    [InlineData("template_id", "int|null")]
    [InlineData("image_args", "list|str")]
    [InlineData("extra_env", "list")]
    [InlineData("ports search instance", "obj")]
    [InlineData("is_bid rentable static_ip", "bool")]
    [InlineData("external", "bool|null")]
    [InlineData("min_bid dph_base dph_total start_date end_date disk_space storage_cost reliability2", "float")]
    [InlineData("duration uptime_mins client_run_time host_run_time", "float|null")]
    [InlineData("cpu_util gpu_util gpu_temp mem_usage mem_limit vmem_usage disk_util disk_usage", "float|null")]
    [InlineData("credit_balance credit_discount credit_discount_max", "float|null")]
    public void Instance_Field_HasItsType(string fields, string type)
    {
        foreach (var field in fields.Split(' '))
        {
            Assert.True(fixture.Instance.ContainsKey(field), $"{field} is missing");
            Assert.True(VastCloudFixture.IsOf(fixture.Instance[field], type), $"{field} is {fixture.Instance[field]?.ToJsonString() ?? "null"}, not {type}");
        }
    }

    [Fact]
    public void Instance_Running_ShowsWhatWasAskedFor()
    {
        Assert.Equal(
            ("running", "running", "running", "running"),
            (fixture.Instance["actual_status"]!.ToString(), fixture.Instance["intended_status"]!.ToString(), fixture.Instance["cur_state"]!.ToString(), fixture.Instance["next_state"]!.ToString()));
        Assert.Equal("ssh_direc ssh_proxy", fixture.Instance["image_runtype"]!.ToString());
        Assert.Equal("[[\"COLOUR\",\"green\"],[\"-p 8080:8080\",\"1\"]]", fixture.Instance["extra_env"]!.ToJsonString());
        Assert.StartsWith("success, running ubuntu:22.04", fixture.Instance["status_msg"]!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Instance_Ports_AreTextPerContainerPort()
    {
        var port = fixture.Instance["ports"]!["22/tcp"]![0]!;
        Assert.Equal("0.0.0.0", port["HostIp"]!.ToString());
        Assert.True(VastCloudFixture.IsOf(port["HostPort"], "str"));
        Assert.NotNull(fixture.Instance["ports"]!["8080/tcp"]);
    }

    [Fact]
    public async Task Instance_Stopped_HasNoPortsAndReadsExited()
    {
        var stopped = (await fixture.Cloud.InstanceAsync(fixture.Stopped))!;

        Assert.False(stopped.ContainsKey("ports"));
        Assert.Equal(
            ("exited", "stopped", "stopped", "stopped"),
            (stopped["actual_status"]!.ToString(), stopped["intended_status"]!.ToString(), stopped["cur_state"]!.ToString(), stopped["next_state"]!.ToString()));
    }

    [Fact]
    public async Task Instance_WithJupyter_HasSshOnePortFurther()
    {
        var jupyter = (await fixture.Cloud.InstanceAsync(fixture.Stopped))!;

        Assert.Equal(jupyter["machine_dir_ssh_port"]!.GetValue<int>(), jupyter["ssh_port"]!.GetValue<int>() + 1);
    }

    [Fact]
    public void Instance_VolumeInfo_IsInTheListAlone()
    {
        Assert.Equal("/data", fixture.Listed["volume_info"]![0]!["mount_path"]!.ToString());
        Assert.False(fixture.Instance.ContainsKey("volume_info"));
    }

    [Fact]
    public void Instance_OnABid_SaysSo() => Assert.False(fixture.Instance["is_bid"]!.GetValue<bool>());

    [Theory]
    [InlineData("success", "bool")]
    [InlineData("instances_found", "int")]
    [InlineData("total_instances", "int")]
    [InlineData("label_counts", "obj")]
    [InlineData("next_token", "str|null")]
    [InlineData("instances", "list")]
    public async Task List_Field_HasItsType(string field, string type)
    {
        var list = (await fixture.Cloud.VastAsync("GET", "v1/instances/?limit=2")).Json;

        Assert.True(list.ContainsKey(field) && VastCloudFixture.IsOf(list[field], type), $"{field}: {list[field]}");
    }

    [Theory]
    [InlineData("limit=1", 1)]
    [InlineData("limit=0", 3)]
    [InlineData("limit=1000", 3)]
    [InlineData("select_filters={\"label\":{\"eq\":\"conformance\"}}", 1)]
    [InlineData("select_filters={\"actual_status\":{\"in\":[\"running\"]}}", 2)]
    [InlineData("select_filters={\"is_bid\":{\"eq\":true}}", 1)]
    [InlineData("select_filters={\"gpu_name\":{\"neq\":\"RTX 4090\"}}", 2)]
    [InlineData("select_cols=[\"id\"]&order_by=[{\"col\":\"id\",\"dir\":\"desc\"}]", 3)]
    public async Task List_Question_GivesThatMany(string query, int count) =>
        Assert.Equal(count, (await fixture.Cloud.VastAsync("GET", "v1/instances/?" + query)).Json["instances"]!.AsArray().Count);

    [Theory]
    [InlineData("select_filters={\"dph_total\":{\"lt\":1}}", "invalid_request")]
    [InlineData("select_filters={\"num_gpus\":{\"eq\":1}}", "invalid_request")]
    [InlineData("order_by=[{\"col\":\"dph_total\"}]", "invalid_request")]
    [InlineData("select_filters={", "invalid_request")]
    [InlineData("after_token=nonsense", "invalid_token")]
    [InlineData("limit=many", "invalid_request")]
    public async Task List_BadQuestion_Is400(string query, string error)
    {
        var answer = await fixture.Cloud.VastAsync("GET", "v1/instances/?" + query);

        Assert.Equal((400, error), (answer.Status, answer.Json["error"]!.ToString()));
    }

    [Fact]
    public async Task List_OfOld_HasNoPaging() => Assert.Equal(3, (await fixture.Cloud.VastAsync("GET", "v0/instances/?owner=me")).Json["instances"]!.AsArray().Count);

    [Fact]
    public async Task Filters_AreValuesPerInstance()
    {
        var filters = (await fixture.Cloud.VastAsync("GET", "v0/instances/filters/")).Json["filters"]!.AsArray();

        Assert.All(filters, filter => Assert.True(filter!["actual_status"] is not null && filter["verification"] is not null && filter["gpu_name"] is not null));
    }

    [Fact]
    public async Task Get_Unknown_Is200WithNull()
    {
        var answer = await fixture.Cloud.VastAsync("GET", "v0/instances/5/?owner=me");

        Assert.Equal((200, true, null), (answer.Status, answer.Json.ContainsKey("instances"), answer.Json["instances"]));
    }

    // Every refusal of the tables of errors: call, body, status, code.
    [Theory]
    [InlineData("PUT", "v0/instances/5/", """{"state":"running"}""", 404, "no_such_instance")]
    [InlineData("PUT", "v0/instances/5/", """{"label":"x"}""", 404, "no_such_instance")]
    [InlineData("PUT", "v0/instances/RUNNING/", """{"state":"flying"}""", 400, "invalid_args")]
    [InlineData("PUT", "v0/instances/RUNNING/", "{}", 400, "invalid_args")]
    [InlineData("PUT", "v0/instances/RUNNING/", "{", 400, "invalid_request")]
    [InlineData("DELETE", "v0/instances/5/", "{}", 404, "no_such_instance")]
    [InlineData("DELETE", "v0/instances/", "{}", 400, "invalid_request")]
    [InlineData("PUT", "v0/instances/reboot/5/", "{}", 404, "no_such_instance")]
    [InlineData("PUT", "v0/instances/recycle/5/", "{}", 404, "no_such_instance")]
    [InlineData("PUT", "v0/instances/reboot/STOPPED/", "{}", 400, "invalid_request")]
    [InlineData("PUT", "v0/instances/bid_price/5/", """{"price":1}""", 404, "no_such_instance")]
    [InlineData("PUT", "v0/instances/bid_price/BID/", """{"price":0.0009}""", 400, "invalid_args")]
    [InlineData("PUT", "v0/instances/bid_price/BID/", """{"price":32.5}""", 400, "invalid_args")]
    [InlineData("PUT", "v0/instances/bid_price/RUNNING/", """{"price":1}""", 400, "invalid_args")]
    [InlineData("PUT", "v0/instances/request_logs/5/", "{}", 404, "no_such_instance")]
    [InlineData("PUT", "v0/instances/command/5/", """{"command":"ls"}""", 404, "no_such_instance")]
    [InlineData("PUT", "v0/instances/command/RUNNING/", """{"command":"reboot"}""", 400, "invalid_args")]
    [InlineData("PUT", "v0/instances/command/RUNNING/", "{", 483, "invalid_request")]
    [InlineData("GET", "v0/instances/5/ssh/", null, 404, "no_such_instance")]
    [InlineData("POST", "v0/instances/RUNNING/ssh/", """{"ssh_key":"nonsense"}""", 400, "invalid_request")]
    [InlineData("DELETE", "v0/instances/RUNNING/ssh/5/", null, 404, "no_such_ssh_key")]
    [InlineData("DELETE", "v0/ssh/5/", null, 404, "no_such_ssh_key")]
    [InlineData("PUT", "v0/asks/TAKEN/", """{"image":"x"}""", 410, "no_such_ask")]
    [InlineData("PUT", "v0/asks/5/", """{"image":"x"}""", 404, "invalid_args")]
    [InlineData("PUT", "v0/asks/TAKEN/", "{}", 400, "invalid_args")]
    [InlineData("PUT", "v0/asks/TAKEN/", """{"image":"x","disk":7}""", 400, "invalid_args")]
    [InlineData("PUT", "v0/asks/TAKEN/", """{"image":"x","price":0}""", 400, "invalid_price")]
    [InlineData("PUT", "v0/asks/TAKEN/", """{"image":"x","price":128.5}""", 400, "invalid_price")]
    [InlineData("PUT", "v0/asks/TAKEN/", """{"image":"x","runtype":"telnet"}""", 400, "invalid_args")]
    [InlineData("PUT", "v0/asks/TAKEN/", """{"image":"x","template_id":1}""", 501, "not_supported")]
    [InlineData("PUT", "v0/asks/TAKEN/", """{"image":"x","volume_info":{"volume_id":5}}""", 404, "no_such_volume")]
    [InlineData("DELETE", "v0/volumes/?id=5", null, 404, "no_such_volume")]
    [InlineData("DELETE", "v0/volumes/?id=VOLUME", null, 400, "invalid_args")]
    [InlineData("PUT", "v0/volumes/", """{"size":15}""", 400, "invalid_args")]
    [InlineData("GET", "v0/volumes?type=tape", null, 400, "invalid_args")]
    [InlineData("POST", "v0/volumes/copy/", """{"src_id":5,"dst_id":6}""", 404, "no_such_volume")]
    [InlineData("GET", "v0/charges/?select_filters={}", null, 400, "invalid_request")]
    [InlineData("GET", "v1/invoices/", null, 400, "invalid_request")]
    [InlineData("PUT", "v0/commands/copy_direct/", """{"src_id":"C.RUNNING","dst_id":"s3.101","src_path":"/a","dst_path":"/b"}""", 501, "not_supported")]
    [InlineData("PUT", "v0/commands/copy_direct/", """{"src_id":"V.VOLUME","dst_id":"local","src_path":"/a","dst_path":"/b"}""", 400, "invalid_args")]
    [InlineData("PUT", "v0/commands/rsync/", """{"src_id":null,"dst_id":null,"src_path":"/a","dst_path":"/b"}""", 400, "invalid_args")]
    public async Task Call_Refused_HasStatusAndCode(string method, string path, string? body, int status, string error)
    {
        var answer = await fixture.Cloud.VastAsync(method, fixture.Fill(path), body is null ? null : fixture.Fill(body));

        Assert.Equal((status, error), (answer.Status, answer.Json["error"]!.ToString()));
        Assert.Equal((false, true), (answer.Json["success"]!.GetValue<bool>(), answer.Json["msg"]!.ToString().Length > 0));
    }

    [Theory]
    [InlineData("v0/commands/rsync/", """{"src_id":"C.RUNNING","dst_id":null,"src_path":"/a","dst_path":"b"}""", "src")]
    [InlineData("v0/commands/copy_direct/", """{"src_id":"local","dst_id":"RUNNING","src_path":"a","dst_path":"/b"}""", "dst")]
    public async Task Copy_WithTheClientsComputer_NamesTheMachinesSshd(string path, string body, string side)
    {
        var answer = await fixture.Cloud.VastAsync("PUT", path, fixture.Fill(body));
        if (!File.Exists("/usr/bin/rsync"))
        {
            Assert.Equal(501, answer.Status);
            return;
        }

        Assert.Equal(fixture.Instance["public_ipaddr"]!.ToString(), answer.Json[side + "_addr"]!.ToString());
        Assert.Equal(fixture.Instance["machine_dir_ssh_port"]!.GetValue<int>(), answer.Json[side + "_port"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("id user_id", "int")]
    [InlineData("public_key created_at", "str")]
    [InlineData("deleted_at", "str|null")]
    public async Task Key_Field_HasItsType(string fields, string type)
    {
        var keys = (JsonArray)JsonNode.Parse((await fixture.Cloud.VastAsync("GET", "v0/ssh/")).Text)!;

        Assert.All(fields.Split(' '), field => Assert.True(VastCloudFixture.IsOf(keys[0]![field], type), field));
    }

    [Fact]
    public async Task Keys_OfAnInstance_AreEncodedTwice()
    {
        var answer = (await fixture.Cloud.VastAsync("GET", $"v0/instances/{fixture.Running}/ssh/")).Json;

        Assert.IsType<JsonArray>(JsonNode.Parse(answer["ssh_keys"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("id", "int")]
    [InlineData("email", "str")]
    [InlineData("username", "str")]
    [InlineData("credit", "float")]
    [InlineData("balance", "float")]
    [InlineData("ssh_key", "str|null")]
    [InlineData("sid", "str")]
    [InlineData("can_pay", "bool")]
    public async Task User_Field_HasItsType(string field, string type)
    {
        var user = (await fixture.Cloud.VastAsync("GET", "v0/users/current/")).Json;

        Assert.True(VastCloudFixture.IsOf(user[field], type), $"{field} is {user[field]}");
    }

    [Theory]
    [InlineData("id machine_id host_id", "int")]
    [InlineData("status disk_name verification geolocation label", "str")]
    [InlineData("disk_space storage_total_cost start_date inet_up inet_down reliability2", "float")]
    [InlineData("instances", "list")]
    public async Task Volume_Field_HasItsType(string fields, string type)
    {
        var volume = (await fixture.Cloud.VastAsync("GET", "v0/volumes?owner=me&type=all_volume")).Json["volumes"]![0]!;

        Assert.All(fields.Split(' '), field => Assert.True(VastCloudFixture.IsOf(volume[field], type), $"{field} is {volume[field]}"));
    }
}
