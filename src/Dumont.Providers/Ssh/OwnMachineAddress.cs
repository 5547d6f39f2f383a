using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Dumont.Providers.Ssh;

/// <summary>How a computer that somebody owns is reached, and what of it is used.</summary>
/// <param name="Host">Name or address, as <see cref="OwnMachineRules.IsHost"/> allows.</param>
/// <param name="Port">Of its own sshd.</param>
/// <param name="User">Root, or a user who may become root by sudo without a password.</param>
/// <param name="HostKey">Pinned, <c>ssh-ed25519 AAAA…</c>.</param>
/// <param name="Folder">Where claims lie on it.</param>
/// <param name="InstancePort">On which the instance's own sshd listens.</param>
public sealed record OwnMachineAddress(string Host, int Port, string User, string HostKey, string Folder, int InstancePort);

/// <summary>What may be said of an own machine. Pure. All of it becomes words of <c>ssh</c> or quoted words of a shell, so that these rules are the
/// second wall and not the only one.</summary>
public static partial class OwnMachineRules
{
    /// <summary>A host name of <c>[a-z0-9.-]</c>, an IPv4 or an IPv6 address. Never an option: it does not begin with a dash.</summary>
    public static bool IsHost(string host) => HostPattern().IsMatch(host) || (host.Contains(':') && System.Net.IPAddress.TryParse(host, out _) && AddressPattern().IsMatch(host));

    /// <summary>A login name, <c>[a-z_][a-z0-9_-]*</c>.</summary>
    public static bool IsUser(string user) => UserPattern().IsMatch(user);

    /// <summary>An absolute path at least two levels deep, without anything that a mount option or a shell would read otherwise.</summary>
    public static bool IsFolder(string folder) => FolderPattern().IsMatch(folder) && !folder.Split('/').Any(part => part is "." or "..");

    /// <summary>The line of a key as it is pinned, without comment; null when it is no Ed25519 key.</summary>
    public static string? HostKeyOf(string line) =>
        line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is ["ssh-ed25519", var blob, ..] && BlobPattern().IsMatch(blob)
            ? $"ssh-ed25519 {blob}"
            : null;

    /// <summary><c>SHA256:…</c>, as <c>ssh-keygen -l</c> shows it.</summary>
    /// <exception cref="FormatException">The line is no key.</exception>
    public static string FingerprintOf(string hostKey) =>
        "SHA256:" + Convert.ToBase64String(SHA256.HashData(Convert.FromBase64String(hostKey.Split(' ')[1]))).TrimEnd('=');

    [GeneratedRegex(@"\A(?=.{1,253}\z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\z")]
    private static partial Regex HostPattern();

    [GeneratedRegex(@"\A[0-9a-f:.]{2,45}\z")]
    private static partial Regex AddressPattern();

    [GeneratedRegex(@"\A[a-z_][a-z0-9_-]{0,31}\z")]
    private static partial Regex UserPattern();

    [GeneratedRegex(@"\A(/[A-Za-z0-9._-]{1,64}){2,8}\z")]
    private static partial Regex FolderPattern();

    // An Ed25519 key: 4 + 11 + 4 + 32 bytes.
    [GeneratedRegex(@"\AAAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}\z")]
    private static partial Regex BlobPattern();
}
