using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Dumont.Contracts;

namespace Dumont.Cli.Drills;

/// <summary>A server and a local cloud for one run, started by <c>./dumont up</c> with ports and a folder of their own, and gone afterwards.</summary>
internal sealed class OwnSystem : IAsyncDisposable
{
    private const int Terminate = 15;

    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    private readonly Process _process;

    private OwnSystem(Process process, string folder) => (_process, Folder) = (process, folder);

    /// <summary>Its data, and the home of whoever uses it.</summary>
    public string Folder { get; }

    public Uri ServerUrl { get; private set; } = null!;

    public string CloudUrl { get; private set; } = "";

    /// <summary>Of its first user.</summary>
    public string Token { get; private set; } = "";

    /// <summary>Starts it and signs in.</summary>
    /// <exception cref="CliException">This program does not lie in a checkout, or the system did not start.</exception>
    public static async Task<OwnSystem> StartAsync(CancellationToken cancellationToken)
    {
        var launcher = FindLauncher() ?? throw new CliException(
            ExitCode.Unavailable,
            new("no server answers, and there is no ./dumont up to start one with", "nenhum servidor responde, e não há ./dumont up para iniciar um"),
            new("start one, or name it with --base-url and local_cloud", "inicie um, ou nomeie com --base-url e local_cloud"));
        var folder = Directory.CreateTempSubdirectory("dumont-simulation-").FullName;
        var start = new ProcessStartInfo(launcher, ["up"]) { RedirectStandardOutput = true, RedirectStandardInput = true };
        foreach (var (variable, port) in Names.Zip(FreePorts(Names.Length)))
        {
            start.Environment[variable] = port.ToString(CultureInfo.InvariantCulture);
        }

        start.Environment["DUMONT_DATA"] = Path.Combine(folder, "data");
        start.Environment["DUMONT_PROVIDERS"] = "local";
        start.Environment["DUMONT_DATABASE"] = "sqlite";
        var system = new OwnSystem(Process.Start(start)!, folder);
        try
        {
            await system.AwaitReadyAsync(cancellationToken);
            return system;
        }
        catch
        {
            await system.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            // In good order: it stops its own children.
            _ = Kill(_process.Id, Terminate);
            using var limit = new CancellationTokenSource(StopLimit);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static readonly string[] Names = ["DUMONT_PORT", "DUMONT_LOCALCLOUD_PORT", "DUMONT_S3_PORT", "DUMONT_METRICS_PORT"];

    // Three lines: the address, the first user with its password, the local cloud.
    private async Task AwaitReadyAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartLimit);
        string[]? user = null;
        while (CloudUrl.Length == 0)
        {
            var line = await _process.StandardOutput.ReadLineAsync(limit.Token) ?? throw new CliException(
                ExitCode.Unavailable, new("./dumont up did not start; its message is above", "./dumont up não iniciou; a mensagem está acima"));
            switch (line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                case ["Dumont", "is", "ready", "at", var url, ..]:
                    ServerUrl = new Uri(url);
                    break;
                case ["User", var email, "Password", var password, ..]:
                    user = [email, password];
                    break;
                case ["Local", "cloud", var url, ..]:
                    CloudUrl = url;
                    break;
                default:
                    break;
            }
        }

        using var http = new HttpClient();
        var login = new JsonObject { ["username"] = user![0], ["password"] = user[1] };
        var answer = await new DumontClient(http, ServerUrl).SendAsync(HttpMethod.Post, "/api/v1/auth/login", login, limit.Token);
        Token = answer!["access_token"]!.ToString();
    }

    private static string? FindLauncher()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Dumont.slnx")) && Path.Combine(folder.FullName, "dumont") is var launcher && File.Exists(launcher))
            {
                return launcher;
            }
        }

        return null;
    }

    // Held open together, so that they differ.
    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        try
        {
            listeners.ForEach(listener => listener.Start());
            return [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(listener => listener.Dispose());
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
