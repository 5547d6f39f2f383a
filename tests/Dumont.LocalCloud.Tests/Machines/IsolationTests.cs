using Dumont.LocalCloud.Tests.Support;
using Dumont.LocalCloud.Tests.Vast;

namespace Dumont.LocalCloud.Tests.Machines;

/// <summary>What a machine must not see or do.</summary>
public sealed class IsolationTests
{
    [Fact]
    public async Task Machine_LookingAround_SeesNothingOfTheHostOrItsNeighbours()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (a, b) = (await cloud.RentAsync(), await cloud.RentAsync());
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(a, "running"));
        var (otherHost, otherPort) = MachineTests.Access(await cloud.UntilAsync(b, "running"));
        await ssh.OutputAsync(otherHost, otherPort, "nohup sleep 4242 >/dev/null 2>&1 & touch /workspace/secret");

        Assert.Equal("0", await ssh.OutputAsync(host, port, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 424[2]' || true"));
        Assert.Equal("", await ssh.OutputAsync(host, port, "find /workspace /home /opt /srv /mnt -mindepth 1"));
        Assert.NotEqual(0, (await ssh.RunAsync(host, port, $"ls {cloud.Folder}")).ExitCode);
        Assert.Equal("root *", await ssh.OutputAsync(host, port, "grep ^root /etc/shadow | cut -d: -f1,2 --output-delimiter=' '"));
        Assert.NotEqual(Environment.MachineName, await ssh.OutputAsync(host, port, "hostname"));
        Assert.DoesNotContain("dotnet", await ssh.OutputAsync(host, port, "cat /proc/[0-9]*/comm"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Machine_TryingWhatOnlyTheHostMay_IsRefused()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(await cloud.RentAsync(), "running"));

        foreach (var line in (string[])
            [
                "mount -t tmpfs none /mnt", "umount /proc", "mknod /tmp/disk b 254 0", "echo 1 > /proc/sys/kernel/panic",
                "echo x > /run/cloud/gpus", "touch /sys/fs/cgroup/x", "date -s 2001-01-01",
            ])
        {
            Assert.True((await ssh.RunAsync(host, port, line)).ExitCode != 0, line);
        }
    }

    [Fact]
    public async Task Machine_LeavingItsRoot_FindsAnEmptyStage()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(await cloud.RentAsync(), "running"));
        // The well-known way out of a chroot: a second one while standing outside of it.
        const string Escape = "perl -e 'mkdir q(/tmp/c); chroot q(/tmp/c); chdir q(..) for 1..64; chroot q(.); print join(q( ), sort grep { !/^\\./ } map { s{/}{}r } </*>)'";

        Assert.Equal("bin etc lib lib64 m old proc sbin usr", (await ssh.OutputAsync(host, port, Escape)).Replace("lib32 ", "", StringComparison.Ordinal).Replace("libx32 ", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Machine_InstallingFiles_ChangesNothingOnTheHost()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(await cloud.RentAsync(), "running"));

        await ssh.OutputAsync(host, port, "echo x > /usr/bin/dumont-test-file; echo x > /etc/dumont-test-file; useradd -m someone");

        Assert.False(File.Exists("/usr/bin/dumont-test-file"));
        Assert.False(File.Exists("/etc/dumont-test-file"));
        Assert.False(Directory.Exists("/home/someone"));
    }
}
