using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Tests.Support;

/// <summary>The program as others start it: by its file, with arguments, found through <c>account.json</c>.</summary>
/// <param name="folder">Holds the data folder.</param>
/// <param name="prefix">Words before the command, such as those that make it another user's.</param>
internal sealed class CloudProcess(string folder, params string[] prefix) : IAsyncDisposable
{
    private readonly HttpClient _http = new();
    private Process? _process;

    public static string Program => typeof(LocalCloudApp).Assembly.Location;

    public string Data => Path.Combine(folder, "data");

    public JsonObject Account() => JsonNode.Parse(File.ReadAllText(Path.Combine(Data, "account.json")))!.AsObject();

    /// <summary>Starts it and returns when it says that it is ready.</summary>
    public async Task StartAsync()
    {
        string[] words = [.. prefix, "dotnet", Program, "--port", "0", "--data", Data, "--boot-delay-ms", "50"];
        var start = new ProcessStartInfo(words[0], words.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        _process = Process.Start(start)!;
        var error = new StringBuilder();
        _process.ErrorDataReceived += (_, line) => error.AppendLine(line.Data);
        _process.BeginErrorReadLine();
        var line = await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        Assert.True(line?.StartsWith("local cloud ready on http://127.0.0.1:", StringComparison.Ordinal), $"{line}{error}");
        Assert.EndsWith(line!["local cloud ready on ".Length..], Account()["base_url"]!.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Sends a signal and returns the status with which it ended.</summary>
    public async Task<int> EndAsync(int signal)
    {
        if (_process is null)
        {
            return 0;
        }

        ProcessIdentity.Find(_process.Id)?.Signal(signal);
        await _process.WaitForExitAsync(CancellationToken.None);
        var code = _process.ExitCode;
        _process.Dispose();
        _process = null;
        return code;
    }

    /// <summary>Rents a machine and waits until it runs.</summary>
    public async Task<(long Id, Ssh Ssh, string Host, int Port)> RentAsync()
    {
        var ssh = await Ssh.CreateAsync(folder);
        await CallAsync("POST", "ssh/", new JsonObject { ["ssh_key"] = ssh.PublicKey }.ToJsonString());
        var offer = (await CallAsync("POST", "bundles/", """{"gpu_name":{"eq":"RTX 4090"},"num_gpus":{"eq":1},"limit":1}"""))["offers"]![0]!["id"];
        var id = (await CallAsync("PUT", $"asks/{offer}/", TestCloud.RentBody()))["new_contract"]!.GetValue<long>();
        JsonObject? instance = null;
        await Eventually.IsTrueAsync(async () => (instance = await InstanceAsync(id))!["actual_status"]?.ToString() == "running", "running");
        return (id, ssh, instance!["ssh_host"]!.ToString(), instance["ssh_port"]!.GetValue<int>());
    }

    public async Task<JsonObject?> InstanceAsync(long id) => (await CallAsync("GET", $"instances/{id}/"))["instances"]?.AsObject();

    public ProcessIdentity MachineOf(long id) => new MachineFolder(Path.Combine(Data, "machines"), $"vast-{id}").FindProcess()!.Identity;

    public async Task<JsonObject> CallAsync(string method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri($"{Account()["base_url"]}/api/v0/{path}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Account()["vast_api_key"]!.ToString());
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!.AsObject();
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync(ProcessIdentity.Kill);
        _http.Dispose();
    }
}
