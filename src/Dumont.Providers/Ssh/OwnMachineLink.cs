using System.Security.Cryptography;
using System.Text;

namespace Dumont.Providers.Ssh;

/// <summary>Asks a computer that somebody owns, each time over one SSH connection with its pinned host key. Thread-safe; the computer itself lets one
/// change at a time happen.</summary>
/// <param name="address">Where it is.</param>
/// <param name="privateKey">Lets us in.</param>
/// <param name="workFolder">On this computer, for files that live as long as one connection.</param>
/// <param name="time">Clock of the limits.</param>
public sealed class OwnMachineLink(OwnMachineAddress address, Secret privateKey, string workFolder, TimeProvider time)
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode PrivateFolder = Private | UnixFileMode.UserExecute;

    private static readonly TimeSpan LookLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ChangeLimit = TimeSpan.FromSeconds(60);

    private static readonly string Script = Read("own.sh");
    private static readonly string Cell = Read("cell.sh");

    /// <summary>Id of the claim that <paramref name="tag"/> makes: the same for the same tag, so that asking twice is asking once.</summary>
    public static string ClaimOf(string tag) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(tag)).AsSpan(0, 8));

    /// <summary>What the machine has, whether it can carry instances, and its claim.</summary>
    public Task<OwnMachineReply> ProbeAsync(CancellationToken cancellationToken) => AskAsync("probe", [], LookLimit, cancellationToken);

    /// <summary>Its claim.</summary>
    public Task<OwnMachineReply> LookAsync(CancellationToken cancellationToken) => AskAsync("look", [], LookLimit, cancellationToken);

    /// <summary>Claims the machine for the request's tag and starts its space; the same tag again changes nothing.</summary>
    public Task<OwnMachineReply> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken) =>
        AskAsync(
            "create",
            [
                ("CLAIM", ClaimOf(request.Tag)),
                ("TAG", request.Tag),
                ("KEYS", string.Concat(request.AuthorizedKeys.Select(key => key + "\n"))),
                ("ENVIRONMENT", string.Concat(request.Environment.Select(variable => $"{variable.Key}={variable.Value}\n"))),
                ("ONSTART", request.OnStart ?? ""),
                ("CELL", Cell),
            ],
            ChangeLimit,
            cancellationToken);

    /// <summary>Starts, stops or destroys a claim: <paramref name="verb"/> is <c>start</c>, <c>stop</c> or <c>destroy</c>.</summary>
    public Task<OwnMachineReply> ChangeAsync(string verb, string claim, CancellationToken cancellationToken) =>
        AskAsync(verb, [("CLAIM", claim)], ChangeLimit, cancellationToken);

    private async Task<OwnMachineReply> AskAsync(
        string verb, IReadOnlyList<(string Name, string Value)> variables, TimeSpan limit, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(workFolder, $"own-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder, PrivateFolder);
        try
        {
            var (key, knownHosts) = (Path.Combine(folder, "key"), Path.Combine(folder, "known_hosts"));
            await WriteAsync(key, privateKey.Reveal() + "\n", cancellationToken);
            await WriteAsync(knownHosts, $"{SshProcess.KnownHostsName(address.Host, address.Port)} {address.HostKey}\n", cancellationToken);
            var text = new StringBuilder();
            foreach (var (name, value) in (IEnumerable<(string, string)>)
                [("VERB", verb), ("FOLDER", address.Folder), ("PORT", $"{address.InstancePort}"), .. variables])
            {
                text.Append(ShellWords.Assign(name, value));
            }

            var bytes = Encoding.UTF8.GetBytes(text.Append(Script).ToString());
            var result = await SshProcess.RunAsync(
                "ssh", Arguments(key, knownHosts), stream => stream.WriteAsync(bytes, cancellationToken).AsTask(), limit, time, cancellationToken);
            return OwnMachineReply.Parse(result.ExitCode, result.Output, result.Errors);
        }
        catch (TimeoutException exception)
        {
            return new OwnMachineReply(OwnMachineTrouble.Unclear, "", exception.Message, []);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The remote command is a constant. What is asked goes as text to the shell that it starts, every value quoted.
    private string[] Arguments(string key, string knownHosts) =>
    [
        "-F", "none", "-T",
        "-o", "BatchMode=yes",
        "-o", "StrictHostKeyChecking=yes",
        "-o", $"UserKnownHostsFile={knownHosts}",
        "-o", "GlobalKnownHostsFile=/dev/null",
        "-o", "HostKeyAlgorithms=ssh-ed25519",
        "-o", "IdentitiesOnly=yes",
        "-o", "IdentityAgent=none",
        "-o", "ConnectTimeout=5",
        "-o", "ServerAliveInterval=5",
        "-o", "LogLevel=ERROR",
        "-i", key,
        "-p", $"{address.Port}",
        "-l", address.User,
        "--", address.Host,
        address.User == "root" ? "exec sh -s" : "exec sudo -n -- sh -s",
    ];

    private static async Task WriteAsync(string path, string content, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Private });
        await file.WriteAsync(Encoding.UTF8.GetBytes(content), cancellationToken);
    }

    private static string Read(string name)
    {
        using var reader = new StreamReader(typeof(OwnMachineLink).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
