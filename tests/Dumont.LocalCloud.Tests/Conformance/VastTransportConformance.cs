namespace Dumont.LocalCloud.Tests.Conformance;

/// <summary>What every call of Vast.ai has in common: content type, slashes, keys.</summary>
[Trait("Suite", "Conformance")]
public sealed class VastTransportConformance(VastCloudFixture fixture) : IClassFixture<VastCloudFixture>
{
    /// <summary>Method, path without a slash at its end, body, status.</summary>
    public static TheoryData<string, string, string?, int> Calls => new()
    {
        { "POST", "/api/v0/bundles", "{}", 200 },
        { "GET", "/api/v0/bundles", null, 200 },
        { "PUT", "/api/v0/search/asks", """{"select_cols":["*"],"q":{}}""", 200 },
        { "GET", "/api/v0/gpu_names/unique", null, 200 },
        { "GET", "/api/v0/gpu_types", null, 200 },
        { "POST", "/api/v0/volumes/search", "{}", 200 },
        { "GET", "/api/v1/instances", null, 200 },
        { "GET", "/api/v0/instances", null, 200 },
        { "GET", "/api/v0/instances/filters", null, 200 },
        { "GET", "/api/v0/instances/RUNNING", null, 200 },
        { "PUT", "/api/v0/instances/RUNNING", """{"label":"conformance"}""", 200 },
        { "PUT", "/api/v0/instances/request_logs/RUNNING", """{"tail":"10"}""", 200 },
        { "PUT", "/api/v0/instances/RUNNING/request_logs", """{"tail":"10"}""", 200 },
        { "PUT", "/api/v0/instances/command/RUNNING", """{"command":"ls"}""", 200 },
        { "PUT", "/api/v0/instances/bid_price/BID", """{"client_id":"me","price":2}""", 200 },
        { "GET", "/api/v0/instances/RUNNING/ssh", null, 200 },
        { "GET", "/api/v0/instances/balance/RUNNING", null, 200 },
        { "GET", "/api/v0/ssh", null, 200 },
        { "GET", "/api/v0/users/current", null, 200 },
        { "GET", "/api/v0/users/me/invoices", null, 200 },
        { "GET", "/api/v0/volumes", null, 200 },
        { "DELETE", "/api/v0/volumes", """{"id":1}""", 404 },
        { "PUT", "/api/v0/asks/5", """{"image":"x"}""", 404 },
        { "POST", "/api/v0/asks/bulk", """{"image":"x","ids":[5]}""", 200 },
        { "PUT", "/api/v0/launch_instance", """{"image":"x","q":{"num_gpus":{"gt":64}}}""", 404 },
        { "PUT", "/api/v0/commands/copy_direct", """{"src_id":"C.1","dst_id":"C.2","src_path":"/a","dst_path":"/b"}""", 404 },
        { "PUT", "/api/v0/commands/rsync", "{}", 400 },
        { "DELETE", "/api/v0/commands/copy_direct", """{"dst_id":"C.2"}""", 200 },
        { "GET", "/api/v0/charges", null, 400 },
        { "GET", "/api/v1/invoices", null, 400 },
        { "POST", "/api/v0/contracts/fetch", "{}", 200 },
        { "DELETE", "/api/v0/instances/5", "{}", 404 },
        { "PUT", "/api/v0/instances/reboot/5", "{}", 404 },
        { "PUT", "/api/v0/instances/recycle/5", "{}", 404 },
        { "POST", "/api/v0/instances/start", """{"IDs":[5]}""", 404 },
        { "PUT", "/api/v0/instances", """{"state":"stopped","ids":[5]}""", 404 },
        { "DELETE", "/api/v0/instances", """{"instance_ids":[5]}""", 404 },
    };

    /// <summary>What can be read without a key.</summary>
    private static readonly string[] Open = ["/api/v0/bundles", "/api/v0/search/asks", "/api/v0/gpu_names/unique", "/api/v0/gpu_types", "/api/v0/volumes/search"];

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Call_WithAndWithoutSlash_AnswersBareJsonWithTheSameStatus(string method, string path, string? body, int status)
    {
        foreach (var slash in (string[])["", "/"])
        {
            var answer = await fixture.Cloud.SendAsync(method, fixture.Fill(path) + slash, body, fixture.Cloud.VastKey);

            Assert.True(status == answer.Status, $"{answer.Status} {answer.Text}");
            Assert.Equal("application/json", answer.ContentType);
        }
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Call_WithoutKeyOrWithAWrongOne_IsRefusedAsTheProviderDoes(string method, string path, string? body, int status)
    {
        var without = await fixture.Cloud.SendAsync(method, fixture.Fill(path), body);
        var wrong = await fixture.Cloud.SendAsync(method, fixture.Fill(path), body, "0123456789abcdef");
        if (Open.Contains(path))
        {
            Assert.Equal((status, status), (without.Status, wrong.Status));
            return;
        }

        Assert.Equal((403, "auth_error", "This action requires login."), (without.Status, without.Json["error"]!.ToString(), without.Json["msg"]!.ToString()));
        Assert.Equal((404, "auth_error", "Invalid user key"), (wrong.Status, wrong.Json["error"]!.ToString(), wrong.Json["msg"]!.ToString()));
        Assert.False(without.Json["success"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Key_InTheAddress_IsAccepted() =>
        Assert.Equal(200, (await fixture.Cloud.SendAsync("GET", $"/api/v0/users/current/?api_key={fixture.Cloud.VastKey}")).Status);

    [Theory]
    [InlineData("PUT", "v0/instances/prepay/RUNNING/")]
    [InlineData("PUT", "v0/instances/update_template/RUNNING/")]
    [InlineData("POST", "v0/instances/take_snapshot/RUNNING/")]
    [InlineData("GET", "v0/template/")]
    [InlineData("GET", "v0/webhooks/")]
    [InlineData("GET", "v0/notification-types/")]
    [InlineData("GET", "v0/machines?owner=me")]
    [InlineData("GET", "v0/machines/1/reports/")]
    [InlineData("GET", "v0/secrets/")]
    [InlineData("GET", "v0/auth/apikeys/")]
    [InlineData("POST", "v0/commands/rclone/")]
    [InlineData("GET", "v0/commands/schedule_job/")]
    [InlineData("POST", "v0/network_volumes/search/")]
    [InlineData("POST", "v0/volumes/")]
    [InlineData("GET", "v0/metrics/gpu/current/")]
    public async Task Call_LeftOut_Answers501InTheUsualForm(string method, string path)
    {
        var answer = await fixture.Cloud.VastAsync(method, fixture.Fill(path), "{}");

        Assert.Equal((501, "application/json", "not_supported"), (answer.Status, answer.ContentType, answer.Json["error"]!.ToString()));
        Assert.Contains("not supported by the local cloud", answer.Json["msg"]!.ToString(), StringComparison.Ordinal);
    }
}
