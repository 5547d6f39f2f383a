using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Machines;

/// <summary>Machines of a plain user. Where the tests run as root, the program is started as an account with subordinate ids.</summary>
public sealed class UserModeTests
{
    [Fact]
    public async Task Cloud_OfAPlainUser_LetsRootIntoItsMachine()
    {
        var prefix = BecomePlainUser();
        var folder = Directory.CreateTempSubdirectory("dumont-cloud-").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)Convert.ToInt32("777", 8));
        await using var cloud = new CloudProcess(folder, prefix);
        await cloud.StartAsync();
        var (id, ssh, host, port) = await cloud.RentAsync();

        Assert.Equal("0 /root", await ssh.OutputAsync(host, port, "echo $(id -u) $HOME"));
        Assert.Equal("ok", await ssh.OutputAsync(host, port, "touch /usr/local/bin/x /etc/y /workspace/z && useradd -m other && chown other /workspace/z && echo ok"));
        // Root of the machine is nobody outside of it.
        Assert.NotEqual(0, (await ssh.RunAsync(host, port, "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern")).ExitCode);

        await cloud.CallAsync("DELETE", $"instances/{id}/", "{}");
        await Eventually.IsTrueAsync(() => !Directory.Exists(Path.Combine(cloud.Data, "machines", $"vast-{id}")), "files removed");
        Assert.Equal(0, await cloud.EndAsync(ProcessIdentity.Terminate));
        Directory.Delete(folder, recursive: true);
    }

    private static string[] BecomePlainUser()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return [];
        }

        var accounts = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).ToDictionary(cells => cells[0]);
        var user = File.Exists("/etc/subuid") ? File.ReadLines("/etc/subuid").Select(line => line.Split(':')[0]).FirstOrDefault(accounts.ContainsKey) : null;
        Assert.SkipWhen(user is null || !File.Exists("/usr/bin/newuidmap"), "no account with subordinate ids, or no uidmap, on this computer");
        var (uid, gid) = (accounts[user!][2], accounts[user!][3]);
        return ["setpriv", $"--reuid={uid}", $"--regid={gid}", "--clear-groups", "env", $"USER={user}", $"HOME={accounts[user!][5]}"];
    }
}
