using System.Globalization;

namespace Dumont.Scenarios.Harness;

/// <summary>A running <c>dumont-server</c>, which can be killed and started again on the same data.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const int GatewayPorts = 40;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly Dictionary<string, string> _environment;
    private readonly string _log;
    private ChildProcess? _process;

    private ServerProcess(string data, int port, Dictionary<string, string> environment)
    {
        (Url, _environment, _log) = (new Uri($"http://127.0.0.1:{port}"), environment, Path.Combine(data, "server.log"));
        MetricsUrl = new Uri($"http://127.0.0.1:{environment["Server__MetricsPort"]}/metrics");
        DatabaseFile = Path.Combine(environment["Server__DataDirectory"], "dumont.db");
    }

    public Uri Url { get; }

    /// <summary>What Prometheus reads.</summary>
    public Uri MetricsUrl { get; }

    public string DatabaseFile { get; }

    public string Tail => _process?.Tail() ?? "";

    public static async Task<ServerProcess> StartAsync(string data, IReadOnlyDictionary<string, string> settings, CancellationToken cancellationToken)
    {
        var port = Ports.Free();
        var environment = new Dictionary<string, string>(settings)
        {
            ["Server__Port"] = Text(port),
            ["Server__DataDirectory"] = Path.Combine(data, "server"),
            ["Server__MetricsPort"] = Text(Ports.Free()),
            ["Server__GatewayFirstPort"] = Text(Ports.FreeRange(GatewayPorts)),
            ["Server__GatewayPortCount"] = Text(GatewayPorts),
            ["Server__AgentFile"] = await Checkout.AgentAsync(cancellationToken),
        };
        var server = new ServerProcess(data, port, environment);
        try
        {
            await server.StartAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again after <see cref="KillAsync"/> and returns when it serves.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var process = _process = ChildProcess.Start(Checkout.Program("Dumont.Server", "dumont-server"), _log, _environment);
        await process.AwaitReadyAsync(() => IsHealthyAsync(cancellationToken), StartLimit, cancellationToken);
    }

    /// <summary><c>kill -9</c>.</summary>
    public async Task KillAsync()
    {
        await _process!.KillAsync();
        await _process.DisposeAsync();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }

    private async Task<bool> IsHealthyAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri(Url, "/health"), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
