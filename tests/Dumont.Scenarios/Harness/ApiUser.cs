using System.Text.Json.Nodes;
using Dumont.Contracts;

namespace Dumont.Scenarios.Harness;

/// <summary>A user of the API with an SSH key of her own.</summary>
internal sealed class ApiUser : IDisposable
{
    private const string Password = "correct horse battery";

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(60) };
    private readonly DumontClient _client;

    private ApiUser(Uri url, Ssh ssh, string folder) => (_client, Ssh, Folder) = (new DumontClient(_http, url), ssh, folder);

    public Ssh Ssh { get; }

    /// <summary>Her files.</summary>
    public string Folder { get; }

    /// <summary>Of her login.</summary>
    public string Token => _client.Token!;

    /// <summary>Registers, logs in and brings her key.</summary>
    public static async Task<ApiUser> RegisterAsync(Uri url, string folder, CancellationToken cancellationToken)
    {
        var user = new ApiUser(url, await Ssh.CreateAsync(folder, cancellationToken), folder);
        var email = $"{Path.GetFileName(folder)}@example.com";
        await user.PostAsync("/auth/register", new JsonObject { ["email"] = email, ["password"] = Password }, cancellationToken);
        var login = await user.PostAsync("/auth/login", new JsonObject { ["username"] = email, ["password"] = Password }, cancellationToken);
        user._client.Token = login!["access_token"]!.ToString();
        await user.PostAsync("/settings/ssh-keys", new JsonObject { ["name"] = "scenario", ["public_key"] = user.Ssh.PublicKey }, cancellationToken);
        return user;
    }

    public async Task<JsonNode> GetAsync(string path, CancellationToken cancellationToken) =>
        (await _client.SendAsync(HttpMethod.Get, "/api/v1" + path, null, cancellationToken))!;

    public Task<JsonNode?> PostAsync(string path, JsonNode? body, CancellationToken cancellationToken) =>
        _client.SendAsync(HttpMethod.Post, "/api/v1" + path, body, cancellationToken);

    public Task<JsonNode?> PutAsync(string path, JsonNode? body, CancellationToken cancellationToken) =>
        _client.SendAsync(HttpMethod.Put, "/api/v1" + path, body, cancellationToken);

    /// <summary>Verified offers of one kind, cheapest first.</summary>
    public async Task<IReadOnlyList<JsonNode>> OffersAsync(string filter, CancellationToken cancellationToken)
    {
        var answer = await GetAsync($"/instances/offers?verified_only=true&min_reliability=0.95&order_by=dph_total&{filter}", cancellationToken);
        return [.. answer["offers"]!.AsArray().Select(offer => offer!)];
    }

    /// <summary>New instances get a standby from now on.</summary>
    public Task EnableStandbyAsync(CancellationToken cancellationToken) =>
        PostAsync("/standby/configure", new JsonObject { ["enabled"] = true }, cancellationToken);

    /// <summary>Asks for an instance; the answer comes before the machine.</summary>
    public async Task<long> CreateAsync(JsonObject request, CancellationToken cancellationToken) =>
        IdOf((await PostAsync("/instances", request, cancellationToken))!);

    /// <summary>Asks for an instance of any RTX 4090.</summary>
    public Task<long> Create4090Async(CancellationToken cancellationToken, string? label = null) =>
        CreateAsync(new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["disk_size"] = 20, ["label"] = label ?? "scenario" }, cancellationToken);

    public Task<JsonNode> InstanceAsync(long id, CancellationToken cancellationToken) => GetAsync($"/instances/{id}", cancellationToken);

    /// <summary>All her instances that are not deleted.</summary>
    public async Task<IReadOnlyList<JsonNode>> InstancesAsync(CancellationToken cancellationToken) =>
        [.. (await GetAsync("/instances", cancellationToken))["instances"]!.AsArray().Select(instance => instance!)];

    /// <summary>Waits for a status and trusts the host key that then stands there. An error that was not waited for fails at once.</summary>
    public async Task<JsonNode> AwaitStatusAsync(long id, string status, TimeSpan limit, CancellationToken cancellationToken)
    {
        var instance = await Poll.UntilAsync<JsonNode>(
            $"instance {id} is {status}",
            limit,
            async () =>
            {
                var now = await InstanceAsync(id, cancellationToken);
                return now["status"]!.ToString() switch
                {
                    var word when word == status => now,
                    "error" => throw new InvalidOperationException($"Instance {id} is in error: {now["status_message"]}"),
                    _ => null,
                };
            },
            cancellationToken,
            () => DescribeAsync(id, cancellationToken));
        Ssh.Trust(instance);
        return instance;
    }

    /// <summary>The pair of an instance and its standby.</summary>
    public Task<JsonNode> AssociationAsync(long id, CancellationToken cancellationToken) => GetAsync($"/standby/associations/{id}", cancellationToken);

    /// <summary>Waits until the standby follows and lacks nothing that is known.</summary>
    public Task<JsonNode> AwaitSyncedAsync(long id, TimeSpan limit, CancellationToken cancellationToken) =>
        Poll.UntilAsync<JsonNode>(
            $"the standby of instance {id} is ready and lacks nothing",
            limit,
            async () =>
            {
                var pair = await AssociationAsync(id, cancellationToken);
                return pair["state"]!.ToString() == "ready" && pair["rpo_seconds"]?.GetValue<double>() == 0 ? pair : null;
            },
            cancellationToken,
            () => DescribeAsync(id, cancellationToken));

    /// <summary>Runs a script that writes and waits until the standby has what it wrote. The figures come with heartbeats, so a fresh zero may be older than
    /// the writing; a mark written afterwards tells.</summary>
    public async Task<string> WriteAsync(JsonNode instance, string script, TimeSpan limit, CancellationToken cancellationToken)
    {
        var id = IdOf(instance);
        var output = await Ssh.RunSoonAsync(instance, script, limit, cancellationToken);
        var written = TimeProvider.System.GetUtcNow();
        await Ssh.RunSoonAsync(instance, "date > /workspace/.mark", limit, cancellationToken);
        await Poll.UntilAsync(
            $"the standby of instance {id} has what was written",
            limit,
            async () =>
            {
                var pair = await AssociationAsync(id, cancellationToken);
                return pair["state"]!.ToString() == "ready" && pair["rpo_seconds"]?.GetValue<double>() == 0
                    && pair["last_sync_at"]?.GetValue<DateTimeOffset>() > written;
            },
            cancellationToken,
            () => DescribeAsync(id, cancellationToken));
        return output;
    }

    /// <summary>The last failover of an instance, ended or not; null when there was none.</summary>
    public async Task<JsonNode?> FindFailoverAsync(long id, CancellationToken cancellationToken)
    {
        var report = await GetAsync("/standby/failover/report", cancellationToken);
        return report["history"]!.AsArray().FirstOrDefault(failover => failover!["gpu_instance_id"]!.GetValue<long>() == id);
    }

    /// <summary>Waits until an instance has come back to a GPU.</summary>
    public Task<JsonNode> AwaitRecoveredAsync(long id, TimeSpan limit, CancellationToken cancellationToken) =>
        Poll.UntilAsync<JsonNode>(
            $"instance {id} is back on a GPU",
            limit,
            async () => await FindFailoverAsync(id, cancellationToken) is { } failover && failover["completed_at"] is not null ? failover : null,
            cancellationToken,
            () => DescribeAsync(id, cancellationToken));

    public Task DeleteAsync(long id, CancellationToken cancellationToken) =>
        _client.SendAsync(HttpMethod.Delete, $"/api/v1/instances/{id}", null, cancellationToken);

    public Task RemoveAsync(string path, CancellationToken cancellationToken) =>
        _client.SendAsync(HttpMethod.Delete, "/api/v1" + path, null, cancellationToken);

    /// <summary>What is known of an instance, for a failure's message.</summary>
    public async Task<string> DescribeAsync(long id, CancellationToken cancellationToken)
    {
        try
        {
            var instance = await InstanceAsync(id, cancellationToken);
            var events = await GetAsync($"/instances/{id}/events", cancellationToken);
            var pairs = await GetAsync("/standby/associations", cancellationToken);
            return $"{instance.ToJsonString()}\n{events.ToJsonString()}\n{pairs.ToJsonString()}";
        }
        catch (Exception e) when (e is DumontApiException or HttpRequestException)
        {
            return e.Message;
        }
    }

    public static long IdOf(JsonNode instance) => instance["id"]!.GetValue<long>();

    public void Dispose() => _http.Dispose();
}
