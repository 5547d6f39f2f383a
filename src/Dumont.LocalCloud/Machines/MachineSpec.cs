using System.Net;

namespace Dumont.LocalCloud.Machines;

/// <summary>What a machine is to be at its next boot. The disk is not part of it: it stays from boot to boot.</summary>
/// <param name="Key">Name of the machine's folder and control groups: <c>vast-123</c>, <c>gcp-456</c>.</param>
/// <param name="HostName">Name that the machine gives itself.</param>
/// <param name="Address">Loopback address of its own, where its sshd listens.</param>
/// <param name="SshPort">Port of its sshd.</param>
/// <param name="RootLogin">Whether sshd lets root in without a drop-in that says so.</param>
/// <param name="Environment">Variables of its first process and of every SSH session.</param>
/// <param name="Keys">Public key lines per account.</param>
/// <param name="StartScript">Text that is run as root at each boot, or empty.</param>
/// <param name="Limits">What it may use of this computer.</param>
/// <param name="Gpus">GPUs that its <c>nvidia-smi</c> shows; empty means that it has no such program.</param>
internal sealed record MachineSpec(
    string Key,
    string HostName,
    IPAddress Address,
    int SshPort,
    bool RootLogin,
    IReadOnlyList<KeyValuePair<string, string>> Environment,
    IReadOnlyDictionary<string, IReadOnlyList<string>> Keys,
    string StartScript,
    MachineLimits Limits,
    IReadOnlyList<GpuReading> Gpus)
{
    /// <summary>Folders of this computer that are seen inside it.</summary>
    public IReadOnlyList<FolderMount> Mounts { get; init; } = [];

    /// <summary>Names beside its own that it knows by <c>/etc/hosts</c>; several of one address are apart by blanks.</summary>
    public IReadOnlyList<(IPAddress Address, string Names)> Hosts { get; init; } = [];
}

/// <summary>A folder of this computer inside a machine.</summary>
/// <param name="Folder">Absolute path on this computer.</param>
/// <param name="Path">Absolute path in the machine.</param>
internal sealed record FolderMount(string Folder, string Path);

/// <summary>Limits enforced by control groups where this process may write them.</summary>
/// <param name="MemoryMiB">Memory in MiB.</param>
/// <param name="Cpus">Processor time in whole processors.</param>
internal sealed record MachineLimits(int MemoryMiB, double Cpus);

/// <summary>A machine that cannot be made or run; the message says what is missing.</summary>
internal sealed class MachineException(string message, Exception? inner = null) : Exception(message, inner);
