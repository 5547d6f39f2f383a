using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The machine that a VM asks for.</summary>
internal static partial class VmMachines
{
    private const string MetadataHost = "metadata.google.internal";

    /// <param name="vm">With its addresses.</param>
    /// <param name="common">Metadata of the project.</param>
    /// <param name="sshPort">Of every VM.</param>
    /// <param name="metadataPort">Of every metadata server.</param>
    public static MachineSpec SpecOf(Vm vm, IReadOnlyList<KeyValuePair<string, string>> common, int sshPort, int metadataPort)
    {
        var type = GcpMachineType.Find(vm.MachineType)!;
        return new MachineSpec(
            vm.MachineKey,
            vm.Name,
            IPAddress.Parse(vm.Address!),
            sshPort,
            // As in Google's Debian images; a startup script may allow it by a drop-in.
            RootLogin: false,
            // Google's own clients ask there; on port 80 they would by themselves.
            metadataPort == 80 ? [] : [KeyValuePair.Create("GCE_METADATA_HOST", string.Create(CultureInfo.InvariantCulture, $"{MetadataHost}:{metadataPort}"))],
            KeysOf(vm, common),
            vm.FindMetadata("startup-script") ?? "",
            new MachineLimits(type.MemoryMb, type.Cpus),
            [])
        {
            Hosts = [(IPAddress.Parse(vm.MetadataAddress!), MetadataHost + " metadata")],
        };
    }

    /// <summary>Keys by account, of the VM and, unless it blocks them, of the project; from lines <c>user:type key comment</c>. Lines that are not of that form are passed over, as Google's agent does.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> KeysOf(Vm vm, IReadOnlyList<KeyValuePair<string, string>> common)
    {
        var blocks = string.Equals(vm.FindMetadata("block-project-ssh-keys"), "true", StringComparison.OrdinalIgnoreCase);
        var inherited = blocks ? null : common.FirstOrDefault(item => item.Key == "ssh-keys").Value;
        var lines = $"{vm.FindMetadata("ssh-keys")}\n{inherited}".Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Select(line => KeyLine().Match(line))
            .Where(match => match.Success)
            .GroupBy(match => match.Groups["user"].Value, match => match.Groups["key"].Value)
            .ToDictionary(group => group.Key, group => (IReadOnlyList<string>)[.. group]);
    }

    [GeneratedRegex(@"^(?<user>[a-z_][a-z0-9_-]{0,31}):(?<key>(?:ssh-|ecdsa-|sk-)[\x20-\x7e]+)$")]
    private static partial Regex KeyLine();
}
