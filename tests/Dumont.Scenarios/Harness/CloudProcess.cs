using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Contracts;

namespace Dumont.Scenarios.Harness;

/// <summary>A machine that somebody is billed for, as the cloud itself has it. The truth against which the server's word is held.</summary>
/// <param name="Id">The cloud's id.</param>
/// <param name="Provider"><c>vast</c> or <c>gcp</c>.</param>
/// <param name="Label">Owner tag, in the spelling of that provider.</param>
/// <param name="State">The provider's word.</param>
/// <param name="GpuName">Null on a machine without.</param>
/// <param name="Gpus">How many.</param>
internal sealed record BilledMachine(string Id, string Provider, string Label, string State, string? GpuName, int Gpus)
{
    public bool IsGpu => Provider == "vast";

    /// <summary>The instance that the tag names; null on a machine that is not the server's.</summary>
    public long? InstanceId =>
        Label.Split('/', '-') is ["dumont", _, var instance, _] ? long.Parse(instance, CultureInfo.InvariantCulture) : null;

    public override string ToString() => $"{Provider} {Id} {Label} {State}";
}

/// <summary>A running <c>dumont-localcloud</c> and its control routes.</summary>
internal sealed class CloudProcess : IAsyncDisposable
{
    /// <summary>A bucket that every cloud of the tests has.</summary>
    public const string Bucket = "snapshots";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly ChildProcess _process;
    private readonly DumontClient _client;

    private CloudProcess(ChildProcess process, Uri url, string folder)
    {
        (_process, Url, Folder) = (process, url, folder);
        _client = new DumontClient(_http, url);
    }

    public Uri Url { get; }

    public string Folder { get; }

    public string Tail => _process.Tail();

    public static async Task<CloudProcess> StartAsync(string data, IReadOnlyDictionary<string, string> settings, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(data, "cloud");
        var port = Ports.Free();
        var environment = new Dictionary<string, string>(settings)
        {
            ["DUMONT_LOCALCLOUD_PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["DUMONT_LOCALCLOUD_DATA"] = folder,
            // Any free one: the port behind the first may be another scenario's.
            ["DUMONT_S3_PORT"] = "0",
        };
        Directory.CreateDirectory(Path.Combine(folder, "s3", Bucket), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var process = ChildProcess.Start(Checkout.Program("Dumont.LocalCloud", "dumont-localcloud"), Path.Combine(data, "cloud.log"), environment);
        try
        {
            await process.AwaitReadyAsync(() => Task.FromResult(process.Output().Contains("ready on", StringComparison.Ordinal)), StartLimit, cancellationToken);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }

        return new CloudProcess(process, new Uri($"http://127.0.0.1:{port}"), folder);
    }

    /// <summary>What a server needs to rent here, as its environment.</summary>
    public async Task<Dictionary<string, string>> CredentialsAsync(CancellationToken cancellationToken)
    {
        var account = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "account.json"), cancellationToken))!;
        var key = Path.Combine(Folder, "gcp-key.json");
        await File.WriteAllTextAsync(key, account["gcp_service_account"]!.ToJsonString(), cancellationToken);
        var url = Url.AbsoluteUri.TrimEnd('/');
        return new Dictionary<string, string>
        {
            ["Providers__Vast__BaseUrl"] = url,
            ["Providers__Vast__ApiKey"] = account["vast_api_key"]!.ToString(),
            ["Providers__Vast__PaceRequests"] = "false",
            ["Providers__Gcp__ComputeUrl"] = url + "/compute/v1",
            ["Providers__Gcp__CredentialsFile"] = key,
            ["Providers__Gcp__SshPort"] = account["gcp_ssh_port"]!.ToString(),
        };
    }

    /// <summary>The storage settings that lead to <see cref="Bucket"/>.</summary>
    public async Task<JsonObject> StorageAsync(string engine, CancellationToken cancellationToken)
    {
        var account = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "account.json"), cancellationToken))!["s3"]!;
        return new JsonObject
        {
            ["primary_provider"] = "s3",
            ["engine"] = engine,
            ["endpoint"] = account["endpoint"]!.ToString(),
            ["region"] = account["region"]!.ToString(),
            ["bucket"] = Bucket,
            ["access_key"] = account["access_key_id"]!.ToString(),
            ["secret_key"] = account["secret_access_key"]!.ToString(),
        };
    }

    /// <summary>Every machine that bills.</summary>
    public async Task<IReadOnlyList<BilledMachine>> MachinesAsync(CancellationToken cancellationToken)
    {
        var answer = await _client.SendAsync(HttpMethod.Get, "/local/machines", null, cancellationToken);
        return
        [
            .. answer!["machines"]!.AsArray().Select(machine => new BilledMachine(
                machine!["id"]!.ToString(),
                machine["provider"]!.ToString(),
                machine["label"]?.ToString() ?? "",
                machine["state"]!.ToString(),
                machine["gpu_name"]?.ToString(),
                machine["gpus"]!.GetValue<int>())),
        ];
    }

    /// <summary>The GPU machine of an instance; fails when there is not exactly one.</summary>
    public async Task<BilledMachine> GpuOfAsync(long instanceId, CancellationToken cancellationToken) =>
        Assert.Single(await MachinesAsync(cancellationToken), machine => machine.IsGpu && machine.InstanceId == instanceId);

    /// <summary>The host of a machine loses its power.</summary>
    public Task KillHostAsync(string id, CancellationToken cancellationToken) =>
        _client.SendAsync(HttpMethod.Post, $"/local/machines/{id}/kill", null, cancellationToken);

    /// <summary>Something befalls a machine at once: <c>freeze</c>, <c>cut</c>, <c>thaw</c>.</summary>
    public Task StrikeAsync(string id, string kind, CancellationToken cancellationToken) =>
        _client.SendAsync(HttpMethod.Post, $"/local/machines/{id}/strike", new JsonObject { ["kind"] = kind }, cancellationToken);

    /// <summary>Arms a fault.</summary>
    public Task ArmAsync(JsonObject fault, CancellationToken cancellationToken) => _client.SendAsync(HttpMethod.Post, "/local/faults", fault, cancellationToken);

    /// <summary>Whether a fault has strikes left.</summary>
    public async Task<bool> HasFaultsAsync(CancellationToken cancellationToken) =>
        (await _client.SendAsync(HttpMethod.Get, "/local/faults", null, cancellationToken))!["faults"]!.AsArray().Count > 0;

    /// <summary>Disarms all faults.</summary>
    public Task DisarmAsync(CancellationToken cancellationToken) => _client.SendAsync(HttpMethod.Delete, "/local/faults", null, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}
