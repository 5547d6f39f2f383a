using System.Net;
using System.Text.Json.Nodes;
using Dapper;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Platform.Store;
using Dumont.Server.Settings;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Settings;

public sealed class SettingsTests
{
    private const string VastKey = "0123456789abcdef-vast-wxyz";

    [Fact]
    public async Task Get_NewUser_HasNothingSet()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, body) = await GetAsync(ana, "/api/v1/settings");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Null(body!["vast_api_key"]);
        Assert.False(body["settings"]!["has_completed_onboarding"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Update_ValuesInEitherForm_ReadBackMerged()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        await UpdateAsync(ana, """{"settings":{"theme":"dark","limits":{"max":3}},"auto_hibernate":true,"default_gpu":"RTX 4090"}""");
        await UpdateAsync(ana, """{"settings":{"theme":"light"}}""");
        await UpdateAsync(ana, """{"settings":{"limits":null}}""");
        var (_, body) = await GetAsync(ana, "/api/settings");

        Assert.Equal("light", body!["settings"]!["theme"]!.GetValue<string>());
        Assert.True(body["settings"]!["auto_hibernate"]!.GetValue<bool>());
        Assert.True(body["auto_hibernate"]!.GetValue<bool>());
        Assert.Equal("RTX 4090", body["settings"]!["default_gpu"]!.GetValue<string>());
        Assert.Null(body["settings"]!["limits"]);
        var (_, me) = await GetAsync(ana, "/api/v1/auth/me");
        Assert.Equal("light", me!["user"]!["settings"]!["theme"]!.GetValue<string>());
    }

    [Fact]
    public async Task Update_VastKey_IsMaskedKeptEncryptedUnchangedByNullAndRemovedByEmpty()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        await UpdateAsync(ana, $$"""{"vast_api_key":"{{VastKey}}"}""");
        Assert.Equal("****wxyz", await MaskedAsync(ana));

        var kept = await server.Get<Database>().ReadAsync(
            connection => connection.ExecuteScalarAsync<string>("SELECT ciphertext FROM user_secrets"), TestContext.Current.CancellationToken);
        Assert.DoesNotContain(VastKey, kept, StringComparison.Ordinal);

        await UpdateAsync(ana, """{"vast_api_key":null,"settings":{"a":1}}""");
        Assert.Equal("****wxyz", await MaskedAsync(ana));
        await UpdateAsync(ana, """{"vast_api_key":"****wxyz"}""");
        Assert.Equal(VastKey, (await AccountAsync(server))!.Client is FakeComputeProvider fake ? fake.Secret : null);
        await UpdateAsync(ana, """{"vast_api_key":""}""");
        Assert.Null(await MaskedAsync(ana));
    }

    [Fact]
    public async Task Update_GcpCredentials_TakesObjectOrTextAndShowsWhose()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        const string key = """{"type":"service_account","project_id":"p","client_email":"sa@p.example","private_key":"k","token_uri":"https://oauth2.googleapis.com/token"}""";
        await UpdateAsync(ana, """{"gcp_credentials":""" + key + "}");
        Assert.Equal("**** sa@p.example", (await GetAsync(ana, "/api/v1/settings")).Body!["gcp_credentials"]!.GetValue<string>());

        var text = new JsonObject { ["gcp_credentials"] = key.Replace("sa@p", "sb@p", StringComparison.Ordinal) };
        await UpdateAsync(ana, text.ToJsonString());
        Assert.Equal("**** sb@p.example", (await GetAsync(ana, "/api/v1/settings")).Body!["gcp_credentials"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"vast_api_key":"with space"}""", "vast_api_key")]
    [InlineData("""{"vast_api_key":"line\nbreak"}""", "vast_api_key")]
    [InlineData("""{"vast_api_key":5}""", "vast_api_key")]
    [InlineData("""{"gcp_credentials":"no json"}""", "gcp_credentials")]
    [InlineData("""{"gcp_credentials":{"project_id":"p"}}""", "gcp_credentials")]
    [InlineData("""{"gcp_credentials":[1]}""", "gcp_credentials")]
    [InlineData("""{"settings":[1]}""", "settings")]
    [InlineData("""{"settings":{"a":"\ud83d"}}""", "body")]
    [InlineData("""{"a":"\ud83d"}""", "body")]
    [InlineData("""{"\ud83d":1}""", "body")]
    [InlineData("""{"vast_api_key":"a\u0000b"}""", "vast_api_key")]
    public async Task Update_Invalid_Answers422AndChangesNothing(string body, string field)
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, problem) = await SendAsync(ana, HttpMethod.Put, "/api/v1/settings", body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Equal(field, problem!["detail"]![0]!["loc"]![1]!.GetValue<string>());
        Assert.Null(await MaskedAsync(ana));
    }

    [Fact]
    public async Task Update_TooMuch_Answers422AndKeepsTheOld()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        await UpdateAsync(ana, """{"settings":{"a":1}}""");
        var big = new JsonObject { ["settings"] = new JsonObject { ["big"] = new string('x', 70_000) } };
        var many = new JsonObject { ["settings"] = new JsonObject(Enumerable.Range(0, 201).Select(i => KeyValuePair.Create($"k{i}", (JsonNode?)i))) };

        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await SendAsync(ana, HttpMethod.Put, "/api/v1/settings", big.ToJsonString())).Status);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await SendAsync(ana, HttpMethod.Put, "/api/v1/settings", many.ToJsonString())).Status);
        Assert.Equal(1, (await GetAsync(ana, "/api/v1/settings")).Body!["settings"]!["a"]!.GetValue<int>());
    }

    [Fact]
    public async Task CompleteOnboarding_Once_SetsTheFlag()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(ana, "/api/v1/settings/complete-onboarding")).Status);
        Assert.True((await GetAsync(ana, "/api/v1/settings")).Body!["settings"]!["has_completed_onboarding"]!.GetValue<bool>());
    }

    [Fact]
    public async Task SshKeys_AddTwice_IsTheSameEntryAndCanBeRemoved()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (created, first) = await PostAsync(ana, "/api/v1/settings/ssh-keys", new { name = "laptop", public_key = SshPublicKeyTests.Ed25519 });
        var (again, second) = await PostAsync(ana, "/api/v1/settings/ssh-keys", new { public_key = SshPublicKeyTests.Ed25519 + " other words" });

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK), (created, again));
        Assert.Equal(first!.ToJsonString(), second!.ToJsonString());
        Assert.Equal(SshPublicKeyTests.Ed25519Fingerprint, first["fingerprint"]!.GetValue<string>());
        var (_, list) = await GetAsync(ana, "/api/v1/settings/ssh-keys");
        Assert.Equal(1, list!["count"]!.GetValue<int>());

        Assert.Equal(HttpStatusCode.OK, (await SendAsync(ana, HttpMethod.Delete, $"/api/v1/settings/ssh-keys/{first["id"]}", null)).Status);
        Assert.Equal(0, (await GetAsync(ana, "/api/v1/settings/ssh-keys")).Body!["count"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("/api/v1/balance")]
    [InlineData("/api/balance")]
    [InlineData("/api/v1/instances/balance")]
    public async Task Balance_ServerAccount_IsTheProviders(string path)
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, body) = await GetAsync(ana, path);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(12.5, body!["credit"]!.GetValue<double>());
        Assert.Equal(-1, body["balance"]!.GetValue<double>());
        Assert.Equal(0, body["balance_threshold"]!.GetValue<double>());
        Assert.Equal("owner@example.com", body["email"]!.GetValue<string>());
    }

    [Theory]
    [InlineData(ProviderErrorKind.Transient, HttpStatusCode.ServiceUnavailable)]
    [InlineData(ProviderErrorKind.RateLimited, HttpStatusCode.ServiceUnavailable)]
    [InlineData(ProviderErrorKind.Protocol, HttpStatusCode.ServiceUnavailable)]
    [InlineData(ProviderErrorKind.Credentials, HttpStatusCode.BadRequest)]
    public async Task Balance_ProviderFails_SaysSo(ProviderErrorKind kind, HttpStatusCode expected)
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        server.Shelf("server-vast", []);
        server.Providers["server-vast"].Failure = new ProviderException(kind, "vast", "read the balance");

        Assert.Equal(expected, (await GetAsync(ana, "/api/v1/balance")).Status);
    }

    [Fact]
    public async Task Accounts_OwnKeyThenNone_FallsBackToTheServersAndRebuildsOnChange()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        Assert.Equal(0, (await AccountAsync(server))!.Account);

        await UpdateAsync(ana, """{"vast_api_key":"first-key-12345"}""");
        var first = await AccountAsync(server);
        Assert.Equal(1, first!.Account);
        Assert.Same(first.Client, (await AccountAsync(server))!.Client);

        await UpdateAsync(ana, """{"vast_api_key":"second-key-12345"}""");
        Assert.Equal("second-key-12345", ((FakeComputeProvider)(await AccountAsync(server))!.Client).Secret);
        var accounts = server.Get<ProviderAccounts>();
        Assert.Equal([0, 1], (await accounts.ListAsync(TestContext.Current.CancellationToken)).Select(account => account.Account));

        await UpdateAsync(ana, """{"vast_api_key":""}""");
        Assert.Equal(0, (await AccountAsync(server))!.Account);
        Assert.Null(await accounts.FindAsync("vast", 1, TestContext.Current.CancellationToken));
        Assert.Null(await accounts.FindForUserAsync(new UserId(1), "gcp", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task OtherUser_SeesAndRemovesNothing()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var bob = await server.LoggedInAsync("bob@example.com");
        await UpdateAsync(ana, $$"""{"settings":{"canary":"ana-only"},"vast_api_key":"{{VastKey}}"}""");
        var (_, key) = await PostAsync(ana, "/api/v1/settings/ssh-keys", new { public_key = SshPublicKeyTests.Ed25519 });
        var (_, api) = await PostAsync(ana, "/api/v1/auth/api-keys", new { name = "ana-key" });

        Assert.DoesNotContain("ana", (await GetAsync(bob, "/api/v1/settings")).Body!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(0, (await GetAsync(bob, "/api/v1/settings/ssh-keys")).Body!["count"]!.GetValue<int>());
        Assert.Equal(0, (await GetAsync(bob, "/api/v1/auth/api-keys")).Body!["count"]!.GetValue<int>());
        foreach (var path in (string[])["/api/v1/settings/ssh-keys/", "/api/v1/auth/api-keys/"])
        {
            var id = path.Contains("ssh", StringComparison.Ordinal) ? key!["id"]! : api!["api_key"]!["id"]!;
            var (status, others) = await SendAsync(bob, HttpMethod.Delete, path + id, null);
            var (_, unknown) = await SendAsync(bob, HttpMethod.Delete, path + "999", null);
            Assert.Equal(HttpStatusCode.NotFound, status);
            others!["request_id"] = unknown!["request_id"] = null;
            Assert.Equal(unknown.ToJsonString().Replace("999", id.ToJsonString(), StringComparison.Ordinal), others.ToJsonString());
        }

        Assert.Equal(1, (await GetAsync(ana, "/api/v1/settings/ssh-keys")).Body!["count"]!.GetValue<int>());
    }

    private static async Task UpdateAsync(HttpClient client, string body)
    {
        var (status, answer) = await SendAsync(client, HttpMethod.Put, "/api/v1/settings", body);
        Assert.True(status == HttpStatusCode.OK, answer?.ToJsonString());
    }

    private static async Task<string?> MaskedAsync(HttpClient client) =>
        (await GetAsync(client, "/api/v1/settings")).Body!["vast_api_key"]?.GetValue<string>();

    private static Task<ProviderAccount?> AccountAsync(TestServer server) =>
        server.Get<ProviderAccounts>().FindForUserAsync(new UserId(1), "vast", TestContext.Current.CancellationToken);
}
