using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Dumont.Contracts;

namespace Dumont.Dev;

/// <summary>A running Dumont: local cloud, then server, then the first user. Stopped in the opposite order.</summary>
internal sealed class Stack : IAsyncDisposable
{
    /// <summary>The user who administers a new server.</summary>
    public const string FirstUserEmail = "admin@dumont.local";

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly UpSettings _settings;
    private readonly Repository _repository;
    private Child? _cloud;
    private Child? _server;

    private Stack(Repository repository, UpSettings settings)
    {
        _repository = repository;
        _settings = settings;
    }

    /// <summary>Password of the first user; null where that user has changed it.</summary>
    public string? Password { get; private set; }

    /// <summary>For measurements of the server's process.</summary>
    public int ServerProcessId => _server!.ProcessId;

    /// <summary>Starts everything and returns when it answers.</summary>
    /// <exception cref="DevException">A port is taken, a program is missing, or it ended.</exception>
    public static async Task<Stack> StartAsync(Repository repository, UpSettings settings, CancellationToken cancellationToken)
    {
        CheckPorts(settings);
        Directory.CreateDirectory(settings.Data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var stack = new Stack(repository, settings);
        try
        {
            if (settings.UsesLocalCloud)
            {
                await stack.StartCloudAsync(cancellationToken);
            }

            await stack.StartServerAsync(cancellationToken);
            await stack.EnsureFirstUserAsync(cancellationToken);
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until one of the programs ends, which none should.</summary>
    /// <exception cref="DevException">Always, unless cancelled: says which.</exception>
    public async Task WatchAsync(CancellationToken cancellationToken)
    {
        List<Child> children = [_server!];
        if (_cloud is not null)
        {
            children.Add(_cloud);
        }

        var ended = await Task.WhenAny(children.Select(c => c.Ended)).WaitAsync(cancellationToken);
        throw children.First(c => c.Ended == ended).Died();
    }

    public async ValueTask DisposeAsync()
    {
        // The server first: it may still want to talk to its machines.
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        if (_cloud is not null)
        {
            await _cloud.DisposeAsync();
        }
    }

    private static void CheckPorts(UpSettings settings)
    {
        List<(int Port, string Variable)> ports = [(settings.Port, "DUMONT_PORT"), (settings.MetricsPort, "DUMONT_METRICS_PORT")];
        if (settings.UsesLocalCloud)
        {
            ports.Add((settings.LocalCloudPort, "DUMONT_LOCALCLOUD_PORT"));
            ports.Add((settings.S3Port, "DUMONT_S3_PORT"));
        }

        foreach (var (port, variable) in ports)
        {
            if (UpSettings.IsInUse(port))
            {
                throw new DevException($"Port {port} is in use. Stop what uses it, or choose another with {variable}=…");
            }
        }
    }

    private string Log(string name) => Path.Combine(_settings.Data, "logs", name + ".log");

    private async Task StartCloudAsync(CancellationToken cancellationToken)
    {
        var environment = new Dictionary<string, string>
        {
            ["DUMONT_LOCALCLOUD_PORT"] = Text(_settings.LocalCloudPort),
            ["DUMONT_LOCALCLOUD_DATA"] = Path.Combine(_settings.Data, "localcloud"),
            ["DUMONT_S3_PORT"] = Text(_settings.S3Port),
        };
        var cloud = Child.Start("dumont-localcloud", _repository.Program("Dumont.LocalCloud", "dumont-localcloud"), Log("localcloud"), environment);
        _cloud = cloud;
        await AwaitAsync(cloud, () => Task.FromResult(cloud.Output().Contains("ready on", StringComparison.Ordinal)), cancellationToken);
    }

    private async Task StartServerAsync(CancellationToken cancellationToken)
    {
        var environment = new Dictionary<string, string>(_settings.ServerSettings)
        {
            ["Server__Port"] = Text(_settings.Port),
            ["Server__DataDirectory"] = _settings.Data,
            ["Server__Database"] = _settings.Database,
            ["Server__MetricsPort"] = Text(_settings.MetricsPort),
            ["Server__GatewayFirstPort"] = Text(_settings.GatewayFirstPort),
            ["Server__GatewayPortCount"] = Text(UpSettings.GatewayPortCount),
            ["Server__AgentFile"] = _repository.AgentFile,
        };
        if (_settings.UsesLocalCloud)
        {
            await AddLocalProvidersAsync(environment, cancellationToken);
        }

        var server = Child.Start("dumont-server", _repository.Program("Dumont.Server", "dumont-server"), Log("server"), environment);
        _server = server;
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        await AwaitAsync(server, () => IsHealthyAsync(http, cancellationToken), cancellationToken);
    }

    private async Task<bool> IsHealthyAsync(HttpClient http, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(_settings.ServerUrl, "/health"), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    // The local cloud writes the keys that open it; the server gets them as it would get real ones.
    private async Task AddLocalProvidersAsync(Dictionary<string, string> environment, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(_settings.Data, "localcloud");
        var account = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "account.json"), cancellationToken))!.AsObject();
        var key = account["vast_api_key"]?.ToString() ?? throw new DevException("The local cloud's account.json has no vast_api_key.");
        var serviceAccount = account["gcp_service_account"] ?? throw new DevException("The local cloud's account.json has no gcp_service_account.");
        var credentials = Path.Combine(folder, "gcp-service-account.json");
        WritePrivate(credentials, serviceAccount.ToJsonString());

        environment["Providers__Vast__BaseUrl"] = _settings.LocalCloudUrl.AbsoluteUri.TrimEnd('/');
        environment["Providers__Vast__ApiKey"] = key;
        environment["Providers__Vast__PaceRequests"] = "false";
        environment["Offers__SearchDepth"] = "2048"; // Nothing paces the local market, so all of it can be read.
        environment["Providers__Gcp__ComputeUrl"] = new Uri(_settings.LocalCloudUrl, "/compute/v1/").AbsoluteUri;
        environment["Providers__Gcp__CredentialsFile"] = credentials;
        if (account["gcp_ssh_port"]?.ToString() is { } port)
        {
            environment["Providers__Gcp__SshPort"] = port;
        }
    }

    private static async Task AwaitAsync(Child child, Func<Task<bool>> isReady, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await isReady())
        {
            if (child.Ended.IsCompleted)
            {
                throw child.Died();
            }

            if (TimeProvider.System.GetElapsedTime(started) > StartTimeout)
            {
                throw new DevException($"{child.Name} is not ready after {StartTimeout.TotalSeconds:0} s; see {child.Log}");
            }

            await Task.Delay(PollInterval, TimeProvider.System, cancellationToken);
        }
    }

    private async Task EnsureFirstUserAsync(CancellationToken cancellationToken)
    {
        var file = Path.Combine(_settings.Data, "first-user");
        if (!File.Exists(file))
        {
            WritePrivate(file, $"{FirstUserEmail}\n{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(10))}\n");
        }

        var password = (await File.ReadAllLinesAsync(file, cancellationToken))[1];
        using var http = new HttpClient();
        var client = new DumontClient(http, _settings.ServerUrl);
        var login = new JsonObject { ["username"] = FirstUserEmail, ["password"] = password };
        try
        {
            await client.SendAsync(HttpMethod.Post, "/api/v1/auth/login", login, cancellationToken);
            Password = password;
            return;
        }
        catch (DumontApiException e) when ((int)e.Status is 400 or 401 or 404 or 429)
        {
            // A new database, or the user has chosen another password.
        }

        try
        {
            var user = new JsonObject { ["email"] = FirstUserEmail, ["password"] = password, ["name"] = "First user" };
            await client.SendAsync(HttpMethod.Post, "/api/v1/auth/register", user, cancellationToken);
            Password = password;
        }
        catch (DumontApiException e) when ((int)e.Status is 400 or 409 or 422)
        {
            Password = null;
        }
        catch (DumontApiException e)
        {
            throw new DevException($"The first user cannot be registered: {e.Message}");
        }
    }

    private static void WritePrivate(string path, string content)
    {
        File.Delete(path);
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Write(System.Text.Encoding.UTF8.GetBytes(content));
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
