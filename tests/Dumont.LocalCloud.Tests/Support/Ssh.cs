using System.Globalization;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Tests.Support;

/// <summary>A key pair in a folder, and logins with it through the system's ssh.</summary>
internal sealed class Ssh
{
    private Ssh(string keyFile, string publicKey) => (KeyFile, PublicKey) = (keyFile, publicKey);

    public string KeyFile { get; }

    public string PublicKey { get; }

    public static async Task<Ssh> CreateAsync(string folder)
    {
        var file = Path.Combine(folder, "key-" + Guid.NewGuid().ToString("N"));
        var made = await ShellCommand.RunAsync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", file], TestContext.Current.CancellationToken);
        Assert.Equal(0, made.ExitCode);
        return new Ssh(file, (await File.ReadAllTextAsync(file + ".pub", TestContext.Current.CancellationToken)).Trim());
    }

    /// <summary>Runs a shell line on a machine.</summary>
    public Task<ShellCommand.Result> RunAsync(string host, int port, string line, string user = "root") =>
        ShellCommand.RunAsync(["ssh", .. Options, "-p", port.ToString(CultureInfo.InvariantCulture), $"{user}@{host}", line], TestContext.Current.CancellationToken);

    /// <summary>Runs a shell line and expects it to succeed.</summary>
    public async Task<string> OutputAsync(string host, int port, string line, string user = "root")
    {
        var result = await RunAsync(host, port, line, user);
        Assert.True(result.ExitCode == 0, $"'{line}' ended with {result.ExitCode}: {result.Error}{result.Output}");
        return result.Output.TrimEnd('\n');
    }

    public IReadOnlyList<string> Options =>
    [
        "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5",
        "-o", "IdentitiesOnly=yes", "-F", "/dev/null", "-i", KeyFile,
    ];
}
