using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Dumont.Dev;

/// <summary>What <c>./dumont up</c> starts, and where.</summary>
/// <param name="Port">API and dashboard. <c>DUMONT_PORT</c>, default 8767.</param>
/// <param name="Data">Folder for all data and logs. <c>DUMONT_DATA</c>, default <c>.dumont</c> in the checkout.</param>
/// <param name="Database"><c>sqlite</c> or a PostgreSQL connection string. <c>DUMONT_DATABASE</c>.</param>
/// <param name="LocalCloudPort"><c>DUMONT_LOCALCLOUD_PORT</c>, default 8780.</param>
/// <param name="S3Port"><c>DUMONT_S3_PORT</c>, default 8781; passed on to the local cloud.</param>
/// <param name="MetricsPort">Prometheus. <c>DUMONT_METRICS_PORT</c>, default 9090.</param>
/// <param name="GatewayFirstPort">First of the ports on which instances are reached by SSH. <c>DUMONT_GATEWAY_FIRST_PORT</c>.</param>
/// <param name="Providers"><c>local</c>, or the real ones with the keys of the settings: <c>vast,gcp</c>. <c>DUMONT_PROVIDERS</c>.</param>
internal sealed record UpSettings(
    int Port, string Data, string Database, int LocalCloudPort, int S3Port, int MetricsPort, int GatewayFirstPort, string Providers)
{
    public const int GatewayPortCount = 1000;

    private const int GatewayRangeStart = 22_000;
    private const int GatewayRanges = 10;

    /// <summary>Settings of the server besides these, as it reads them from its environment: for measurements.</summary>
    public IReadOnlyDictionary<string, string> ServerSettings { get; init; } = new Dictionary<string, string>();

    public bool UsesLocalCloud => Providers.Split(',').Contains("local");

    public Uri ServerUrl => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}"));

    public Uri LocalCloudUrl => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{LocalCloudPort}"));

    public Uri S3Url => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{S3Port}"));

    /// <exception cref="DevException">A port is not one.</exception>
    public static UpSettings Read(IReadOnlyDictionary<string, string> variables, Repository repository) => new(
        PortOf(variables, "DUMONT_PORT", 8767),
        Path.GetFullPath(TextOf(variables, "DUMONT_DATA") ?? Path.Combine(repository.Root, ".dumont")),
        TextOf(variables, "DUMONT_DATABASE") ?? "sqlite",
        PortOf(variables, "DUMONT_LOCALCLOUD_PORT", 8780),
        PortOf(variables, "DUMONT_S3_PORT", 8781),
        PortOf(variables, "DUMONT_METRICS_PORT", 9090),
        PortOf(variables, "DUMONT_GATEWAY_FIRST_PORT", FreeGatewayRange()),
        TextOf(variables, "DUMONT_PROVIDERS") ?? "local");

    /// <summary>Free ports and a folder of its own, for tests and measurements beside a running server.</summary>
    public static UpSettings Temporary(string data)
    {
        var ports = FreePorts(4);
        return new UpSettings(ports[0], data, "sqlite", ports[1], ports[2], ports[3], FreeGatewayRange(), "local");
    }

    /// <summary>True when somebody listens on the port already.</summary>
    public static bool IsInUse(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    // Held open together, so that they differ.
    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        try
        {
            listeners.ForEach(l => l.Start());
            return [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(l => l.Dispose());
        }
    }

    // A server hands its gateway ports out from the first upwards, so a range whose first ports are free is free.
    private static int FreeGatewayRange()
    {
        for (var range = 0; range < GatewayRanges; range++)
        {
            var first = GatewayRangeStart + (range * GatewayPortCount);
            if (!Enumerable.Range(first, 5).Any(IsInUse))
            {
                return first;
            }
        }

        return GatewayRangeStart;
    }

    private static int PortOf(IReadOnlyDictionary<string, string> variables, string name, int standard) =>
        TextOf(variables, name) is not { } text ? standard
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535 ? port
        : throw new DevException($"{name} is '{text}'; a port is a number from 1 to 65535.");

    private static string? TextOf(IReadOnlyDictionary<string, string> variables, string name) =>
        variables.GetValueOrDefault(name) is { Length: > 0 } text ? text : null;
}
