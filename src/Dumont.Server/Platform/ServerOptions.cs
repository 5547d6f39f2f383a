using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Platform;

/// <summary>What an operator decides about one server. Section <c>Server</c>.</summary>
internal sealed class ServerOptions
{
    /// <summary>TCP port of API and dashboard. 1 to 65535; default 8767. 0 takes any free port (tests).</summary>
    [Range(0, 65535)]
    public int Port { get; set; } = 8767;

    /// <summary>Address to listen on. Loopback unless the operator opens it; default <c>127.0.0.1</c>.</summary>
    [Required]
    public string BindAddress { get; set; } = "127.0.0.1";

    /// <summary>Says that the operator means to listen on an address that others can reach, behind something that speaks TLS. Default false.</summary>
    public bool AllowPublicBind { get; set; }

    /// <summary>Folder of database file, master key and SSH run files. Created with mode 0700 when missing.</summary>
    [Required]
    public string DataDirectory { get; set; } = ".dumont";

    /// <summary><c>sqlite</c> for a file in the data folder, or a PostgreSQL connection string.</summary>
    [Required]
    public string Database { get; set; } = "sqlite";

    /// <summary>Port of the Prometheus text exporter, on loopback; 0 switches it off. Default 9090.</summary>
    [Range(0, 65535)]
    public int MetricsPort { get; set; } = 9090;

    /// <summary>Base URL under which machines reach this server; null means <c>http://BindAddress:Port</c>.</summary>
    public string? PublicUrl { get; set; }

    /// <summary>Host name or address that users are told for SSH; the gateway listens on the bind address. Default <c>127.0.0.1</c>.</summary>
    [Required]
    public string GatewayHost { get; set; } = "127.0.0.1";

    /// <summary>First port of the range from which each instance gets its SSH port for life. Default 22000.</summary>
    [Range(1024, 65000)]
    public int GatewayFirstPort { get; set; } = 22000;

    /// <summary>How many ports the range has. Default 8000.</summary>
    [Range(1, 60000)]
    public int GatewayPortCount { get; set; } = 8000;

    /// <summary>The published single-file agent that is copied to machines; null where no machine is ever prepared (tests).</summary>
    public string? AgentFile { get; set; }

    /// <summary>The URL given to agents.</summary>
    public string AgentServerUrl => PublicUrl ?? $"http://{BindAddress}:{Port}";
}

/// <summary>Refuses options that contradict one another.</summary>
internal sealed class ServerOptionsCheck : IValidateOptions<ServerOptions>
{
    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, ServerOptions options)
    {
        if (!IPAddress.TryParse(options.BindAddress, out var address))
        {
            return ValidateOptionsResult.Fail($"Server:BindAddress is '{options.BindAddress}', not an IP address.");
        }

        if (!IPAddress.IsLoopback(address) && !options.AllowPublicBind)
        {
            return ValidateOptionsResult.Fail(
                $"Server:BindAddress {address} can be reached from outside, without TLS. Set Server:AllowPublicBind=true if a TLS proxy stands before it.");
        }

        return options.MetricsPort != 0 && options.MetricsPort == options.Port
            ? ValidateOptionsResult.Fail("Server:MetricsPort and Server:Port must differ.")
            : ValidateOptionsResult.Success;
    }
}
