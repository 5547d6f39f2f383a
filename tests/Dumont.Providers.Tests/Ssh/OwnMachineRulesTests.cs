using System.Diagnostics;
using System.Text;
using Dumont.Providers.Ssh;

namespace Dumont.Providers.Tests.Ssh;

public sealed class OwnMachineRulesTests
{
    [Theory]
    [InlineData("tower")]
    [InlineData("tower.lan")]
    [InlineData("gpu-1.example.com")]
    [InlineData("192.168.1.20")]
    [InlineData("::1")]
    [InlineData("fd00::17")]
    [InlineData("1x.y2")]
    public void IsHost_NameOrAddress_IsOne(string host) => Assert.True(OwnMachineRules.IsHost(host));

    [Theory]
    [InlineData("")]
    [InlineData("-oProxyCommand=touch /tmp/x")]
    [InlineData("-oProxyCommand=x")]
    [InlineData("--")]
    [InlineData("-F/etc/passwd")]
    [InlineData("-")]
    [InlineData("a b")]
    [InlineData("a\tb")]
    [InlineData("host\n-oProxyCommand=x")]
    [InlineData("host\n")]
    [InlineData("host\0")]
    [InlineData("user@host")]
    [InlineData("host:22")]
    [InlineData("[host]:22")]
    [InlineData("ssh://host")]
    [InlineData("host/..")]
    [InlineData("$(id)")]
    [InlineData("`id`")]
    [InlineData("host;id")]
    [InlineData("host|id")]
    [InlineData("host&")]
    [InlineData("'host'")]
    [InlineData("\"host\"")]
    [InlineData("host\\")]
    [InlineData("*")]
    [InlineData("!host")]
    [InlineData("host,other")]
    [InlineData("%h")]
    [InlineData("~root")]
    [InlineData("Host")]
    [InlineData("hóst")]
    [InlineData("host。lan")]
    [InlineData(".host")]
    [InlineData("host.")]
    [InlineData("a..b")]
    [InlineData("host-")]
    [InlineData("-host")]
    [InlineData("a.-b")]
    [InlineData("fe80::1%eth0")]
    [InlineData("fe80::1%$(id)")]
    [InlineData("[::1]")]
    [InlineData("_host")]
    public void IsHost_AnythingElse_IsNone(string host) => Assert.False(OwnMachineRules.IsHost(host));

    [Fact]
    public void IsHost_TooLong_IsNone()
    {
        Assert.False(OwnMachineRules.IsHost(new string('a', 64)));
        Assert.False(OwnMachineRules.IsHost(string.Join('.', Enumerable.Repeat(new string('a', 60), 5))));
    }

    [Theory]
    [InlineData("root", true)]
    [InlineData("ana", true)]
    [InlineData("_svc-2", true)]
    [InlineData("Ana", false)]
    [InlineData("2ana", false)]
    [InlineData("-l", false)]
    [InlineData("a b", false)]
    [InlineData("a;id", false)]
    [InlineData("root\n", false)]
    [InlineData("", false)]
    [InlineData("a@b", false)]
    public void IsUser_Name_FollowsTheRule(string user, bool good) => Assert.Equal(good, OwnMachineRules.IsUser(user));

    [Theory]
    [InlineData("/var/lib/dumont-own", true)]
    [InlineData("/data/x", true)]
    [InlineData("/data", false)]
    [InlineData("/", false)]
    [InlineData("data/x", false)]
    [InlineData("/data/../etc", false)]
    [InlineData("/data/./x", false)]
    [InlineData("/data//x", false)]
    [InlineData("/data/x/", false)]
    [InlineData("/data/a,upperdir=b", false)]
    [InlineData("/data/a:b", false)]
    [InlineData("/data/a b", false)]
    [InlineData("/data/$(id)", false)]
    [InlineData("/data/x\n", false)]
    public void IsFolder_Path_FollowsTheRule(string folder, bool good) => Assert.Equal(good, OwnMachineRules.IsFolder(folder));

    [Fact]
    public void HostKeyOf_Lines_TakesEd25519Alone()
    {
        Assert.Equal(SshBench.Key, OwnMachineRules.HostKeyOf(SshBench.Key + " root@tower"));
        Assert.Null(OwnMachineRules.HostKeyOf("ssh-rsa AAAAB3NzaC1yc2E"));
        Assert.Null(OwnMachineRules.HostKeyOf("ssh-ed25519 AAAA"));
        Assert.Null(OwnMachineRules.HostKeyOf(""));
    }

    [Fact]
    public async Task Quote_RandomTexts_ComeOutOfTheShellAsTheyWentIn()
    {
        var random = new Random(20_240_517);
        const string Alphabet = "ab'\"\\$`!;&|<>()[]{}*?~#=% \t\n-/.äß漢\u0001\u007f";
        var texts = Enumerable.Range(0, 10_000)
            .Select(_ => new string([.. Enumerable.Range(0, random.Next(0, 12)).Select(_ => Alphabet[random.Next(Alphabet.Length)])])).ToList();
        var script = new StringBuilder("f() { printf '%s\\0' \"$V\"; }\n");
        foreach (var text in texts)
        {
            script.Append(ShellWords.Assign("V", text)).Append("f\n");
        }

        using var shell = Process.Start(new ProcessStartInfo("sh", ["-s"]) { RedirectStandardInput = true, RedirectStandardOutput = true, StandardInputEncoding = new UTF8Encoding(false) })!;
        var output = shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await shell.StandardInput.WriteAsync(script.ToString());
        shell.StandardInput.Close();

        Assert.Equal(texts, (await output).Split('\0')[..^1]);
        Assert.Throws<ArgumentException>(() => ShellWords.Quote("a\0b"));
    }
}
