using System.Globalization;
using System.Text.Json;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Vast;

/// <summary>Reads Vast.ai's instance objects.</summary>
internal static class VastMachines
{
    /// <summary>A machine, or null when the object has no id and so cannot be told from any other.</summary>
    public static ProviderMachine? Parse(JsonElement instance)
    {
        if (instance.Integer("id") is not { } id)
        {
            return null;
        }

        var address = SafeText.Host(instance.Text("public_ipaddr"));
        var ports = Ports(instance);
        var (sshHost, sshPort) = Ssh(instance, address, ports);
        return new ProviderMachine
        {
            Id = id.ToString(CultureInfo.InvariantCulture),
            Tag = instance.Text("label") is { } label && label.StartsWith("dumont/", StringComparison.Ordinal) ? label : null,
            State = StateOf(instance),
            StatusMessage = instance.Text("status_msg"),
            SshHost = sshHost,
            SshPort = sshPort,
            PublicIp = address,
            Ports = ports,
            HostMachineId = instance.Integer("machine_id"),
            GpuName = instance.Text("gpu_name"),
            GpuCount = (int)Math.Clamp(instance.Integer("num_gpus") ?? 0, 0, 1024),
            Interruptible = instance.Flag("is_bid") ?? false,
            UsdPerHour = instance.Money("dph_total"),
            Geolocation = instance.Text("geolocation"),
            CreatedAt = Epoch(instance.Number("start_date")),
        };
    }

    /// <summary>Vast.ai tells what the host reports (<c>actual_status</c>) and what the scheduler wants. Outbid and stopped by its user look the
    /// same there, so both are <see cref="ProviderMachineState.Stopped"/>: only the caller knows whether it asked.</summary>
    private static ProviderMachineState StateOf(JsonElement instance)
    {
        var actual = instance.Text("actual_status");
        var stopWanted = instance.Text("intended_status") is "stopped" or "frozen";
        var stoppedNow = instance.Text("cur_state") is "stopped";
        return actual switch
        {
            "offline" or "unknown" => ProviderMachineState.Offline,
            "running" => stopWanted ? ProviderMachineState.Stopping : ProviderMachineState.Running,
            "frozen" => ProviderMachineState.Stopped,

            // A start that was asked: first it waits for its GPU, then the container comes up.
            "exited" or "stopped" when !stopWanted => stoppedNow ? ProviderMachineState.Provisioning : ProviderMachineState.Loading,
            "exited" or "stopped" => ProviderMachineState.Stopped,
            _ when StartFailed(instance) => ProviderMachineState.Failed,

            // A bid too low leaves a contract that was never started.
            _ when stopWanted => stoppedNow ? ProviderMachineState.Stopped : ProviderMachineState.Stopping,
            "loading" or "rebooting" => ProviderMachineState.Loading,
            _ => ProviderMachineState.Provisioning,
        };
    }

    private static bool StartFailed(JsonElement instance) =>
        instance.Text("status_msg") is { } message
        && (message.Contains("OCI runtime create failed", StringComparison.OrdinalIgnoreCase)
            || message.Contains("Error response from daemon", StringComparison.OrdinalIgnoreCase));

    // "ports": {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "33526"}]}, only while the container runs.
    private static Dictionary<string, int> Ports(JsonElement instance)
    {
        var ports = new Dictionary<string, int>(StringComparer.Ordinal);
        if (instance.At("ports") is not { ValueKind: JsonValueKind.Object } map)
        {
            return ports;
        }

        foreach (var port in map.EnumerateObject())
        {
            if (map.Items(port.Name).FirstOrDefault().Integer("HostPort") is > 0 and <= 65535 and var outside)
            {
                ports[port.Name] = (int)outside;
            }
        }

        return ports;
    }

    // Direct where the host publishes port 22; else through Vast's proxy, one port higher when the image runs Jupyter,
    // because the port itself is Jupyter's then.
    private static (string? Host, int? Port) Ssh(JsonElement instance, string? address, Dictionary<string, int> ports)
    {
        if (address is not null && ports.TryGetValue("22/tcp", out var direct))
        {
            return (address, direct);
        }

        var shift = instance.Text("image_runtype")?.Contains("jupyter", StringComparison.Ordinal) == true ? 1 : 0;
        return SafeText.Host(instance.Text("ssh_host")) is { } proxy && instance.Integer("ssh_port") is > 0 and < 65535 and var port
            ? (proxy, (int)port + shift)
            : (null, null);
    }

    private static DateTimeOffset? Epoch(double? seconds) =>
        seconds is > 0 and < 253402300800 ? DateTimeOffset.UnixEpoch.AddSeconds(seconds.Value) : null;
}
