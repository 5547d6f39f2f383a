using System.Net;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The machine that a VM asks for.</summary>
internal static partial class VmMachines
{
    public static MachineSpec SpecOf(Vm vm, int sshPort)
    {
        var type = GcpMachineType.Find(vm.MachineType)!;
        return new MachineSpec(
            vm.MachineKey,
            vm.Name,
            IPAddress.Parse(vm.Address!),
            sshPort,
            // As in Google's Debian images; a startup script may allow it by a drop-in.
            RootLogin: false,
            [],
            KeysOf(vm),
            vm.FindMetadata("startup-script") ?? "",
            new MachineLimits(type.MemoryMb, type.Cpus),
            []);
    }

    /// <summary>Keys by account, from lines <c>user:type key comment</c>. Lines that are not of that form are passed over, as Google's agent does.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> KeysOf(Vm vm)
    {
        var lines = (vm.FindMetadata("ssh-keys") ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Select(line => KeyLine().Match(line))
            .Where(match => match.Success)
            .GroupBy(match => match.Groups["user"].Value, match => match.Groups["key"].Value)
            .ToDictionary(group => group.Key, group => (IReadOnlyList<string>)[.. group]);
    }

    [GeneratedRegex(@"^(?<user>[a-z_][a-z0-9_-]{0,31}):(?<key>(?:ssh-|ecdsa-|sk-)[\x20-\x7e]+)$")]
    private static partial Regex KeyLine();
}
