using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Vast;

/// <summary>The machine that a contract asks for.</summary>
internal static partial class ContractMachines
{
    private const int MaxPorts = 64;

    // The provider's name for it; its client logs in so.
    private const string Carrier = "vastai_kaalia";

    /// <param name="contract">Read under the gate of the book.</param>
    /// <param name="files">Tells where volumes lie.</param>
    public static MachineSpec SpecOf(Contract contract, VolumeFiles files)
    {
        var host = contract.Offer.Host;
        return new MachineSpec(
            contract.MachineKey,
            Hostname(contract),
            IPAddress.Parse(contract.Address),
            contract.SshPort,
            RootLogin: true,
            [.. Environment(contract)],
            Keys(contract),
            contract.OnStart,
            new MachineLimits((int)(host.CpuRamMb * contract.Offer.GpuFraction), host.CpuCores * contract.Offer.GpuFraction),
            Gpus(contract))
        {
            Mounts = [.. contract.Volumes.Select(use => new FolderMount(files.FolderOf(use.VolumeId), use.Path))],
        };
    }

    // The carrier is root under another name whose keys are good for carrying files with rsync alone.
    private static Dictionary<string, IReadOnlyList<string>> Keys(Contract contract) => new()
    {
        ["root"] = [.. contract.Keys.Select(key => key.PublicKey)],
        [Carrier] = [.. contract.Keys.Select(key => $"command=\"/usr/bin/rsync --config=/var/lib/cloud/rsyncd.conf --server --daemon .\",restrict {key.PublicKey}")],
    };

    /// <summary>The GPUs under the load that was last set.</summary>
    public static IReadOnlyList<GpuReading> Gpus(Contract contract) =>
    [
        .. contract.Offer.Gpus.Select((gpu, index) => new GpuReading
        {
            Index = index,
            Name = GpuReading.ProductName(contract.Offer.Host.Gpu.Name, contract.Offer.Host.Gpu.MemoryMb),
            Uuid = Uuid(contract.Offer.Host.MachineId, gpu),
            MemoryMiB = contract.Offer.Host.Gpu.MemoryMb,
            MemoryUsedMiB = contract.Load.MemoryUsedMiB,
            Utilization = contract.Load.Utilization,
            Temperature = contract.Load.Temperature,
            PowerLimitWatts = contract.Offer.Host.Gpu.PowerWatts,
            DriverVersion = contract.Offer.Host.DriverVersion,
            CudaVersion = contract.Offer.Host.CudaMax.ToString("0.0", CultureInfo.InvariantCulture),
            ComputeCapability = contract.Offer.Host.Gpu.ComputeCapability,
        }),
    ];

    /// <summary>Container ports asked for with <c>-p</c>, as <c>8080/tcp</c>. They are reached under their own number: machines share
    /// the network of this computer.</summary>
    public static IReadOnlyList<(int Port, string Protocol)> OpenPorts(Contract contract) =>
    [
        .. contract.Env.Select(pair => PortOption().Match(pair.Key))
            .Where(match => match.Success)
            .Select(match => (int.Parse(match.Groups["port"].Value, CultureInfo.InvariantCulture), match.Groups["udp"].Success ? "udp" : "tcp"))
            .Where(port => port.Item1 is > 0 and <= 65535)
            .Distinct()
            .Take(MaxPorts),
    ];

    private static Dictionary<string, string> Environment(Contract contract)
    {
        var id = contract.Id.ToString(CultureInfo.InvariantCulture);
        var variables = new Dictionary<string, string>
        {
            ["CONTAINER_ID"] = id,
            ["CONTAINER_API_KEY"] = contract.ApiKey,
            ["VAST_CONTAINERLABEL"] = "C." + id,
            ["PUBLIC_IPADDR"] = contract.Address,
            ["GPU_COUNT"] = contract.Offer.GpuCount.ToString(CultureInfo.InvariantCulture),
            ["DATA_DIRECTORY"] = "/workspace/",
            ["JUPYTER_TOKEN"] = contract.JupyterToken,
            ["VAST_TCP_PORT_22"] = contract.SshPort.ToString(CultureInfo.InvariantCulture),
        };
        if (contract.Keys.Count > 0)
        {
            variables["SSH_PUBLIC_KEY"] = contract.Keys[0].PublicKey;
        }

        foreach (var (port, protocol) in OpenPorts(contract))
        {
            var number = port.ToString(CultureInfo.InvariantCulture);
            variables[$"VAST_{protocol.ToUpperInvariant()}_PORT_{number}"] = number;
        }

        foreach (var (name, value) in contract.Env.Where(pair => !pair.Key.StartsWith('-')))
        {
            variables[name] = value;
        }

        return variables;
    }

    private static string Hostname(Contract contract)
    {
        var wanted = contract.Env.Select(pair => HostOption().Match(pair.Key)).FirstOrDefault(match => match.Success);
        return wanted?.Groups["name"].Value ?? string.Create(CultureInfo.InvariantCulture, $"C.{contract.Id}");
    }

    private static string Uuid(int machineId, int gpu)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{machineId}/{gpu}")));
        return "GPU-" + new Guid(hash.AsSpan(0, 16));
    }

    [GeneratedRegex(@"^-p\s+(?:[\d.]+:)?(?:\d+:)?(?<port>\d+)(?:/tcp|(?<udp>/udp))?$")]
    private static partial Regex PortOption();

    [GeneratedRegex(@"^-h\s+(?<name>[A-Za-z0-9][A-Za-z0-9.-]{0,62})$")]
    private static partial Regex HostOption();
}
