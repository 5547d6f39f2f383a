using Dumont.Agent.Machine;

namespace Dumont.Agent.Tests.Machine;

public sealed class SshKeyTests
{
    internal const string Ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEChSyXhzpeXM0DRSfR6qlQnN/fGKtZw2l8oR9vZf3";

    [Theory]
    [InlineData(Ed25519)]
    [InlineData(Ed25519 + " someone@host")]
    [InlineData("  " + Ed25519 + "  two words ")]
    public void TryParse_PlainKey_IsTaken(string line)
    {
        Assert.True(SshKey.TryParse(line, out var key));
        Assert.Equal(Ed25519, $"{key.Type} {key.Base64}");
    }

    [Theory]
    [InlineData("")]
    [InlineData("ssh-ed25519")]
    [InlineData("ssh-ed25519 ")]
    [InlineData("ssh-dss AAAAB3NzaC1kc3MAAACBAKq")]
    [InlineData("command=\"sh\" " + Ed25519)]
    [InlineData("# " + Ed25519)]
    [InlineData(Ed25519 + "\nssh-rsa AAAA")]
    [InlineData(Ed25519 + " comment\rwith return")]
    [InlineData(Ed25519 + " tab\there")]
    [InlineData(Ed25519 + " ção")]
    [InlineData("ssh-ed25519 not*base64")]
    [InlineData("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIKHEChSyXhzpeXM0DRSfR6qlQnN/fGKtZw2l8oR9vZf3")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5")]
    [InlineData("ssh-ed25519  " + "AAAAC3NzaC1lZDI1NTE5AAAAIKHEChSyXhzpeXM0DRSfR6qlQnN/fGKtZw2l8oR9vZf3")]
    public void TryParse_AnythingElse_IsRefused(string line) => Assert.False(SshKey.TryParse(line, out _));

    [Fact]
    public void Rewrite_FileOfOthers_KeepsEveryOtherLine()
    {
        const string Others = "# kept by hand\nrestrict,command=\"dumont-agent sink\" ssh-ed25519 AAAA sync\n\nssh-rsa BBBB server";

        var first = AuthorizedKeysFile.Rewrite(Others, [Ed25519 + " first-user", "rubbish"], "", out var ignored);
        var second = AuthorizedKeysFile.Rewrite(first + "ssh-rsa CCCC added later\n", [Ed25519 + " bia"], "", out _);
        var third = AuthorizedKeysFile.Rewrite(second, [], "", out _);

        Assert.Equal(1, ignored);
        Assert.StartsWith(Others + "\n", first, StringComparison.Ordinal);
        Assert.Contains(Ed25519 + " first-user\n", first, StringComparison.Ordinal);
        Assert.DoesNotContain("first-user", second, StringComparison.Ordinal);
        Assert.Contains("bia", second, StringComparison.Ordinal);
        Assert.Equal(Others + "\nssh-rsa CCCC added later\n", third);
    }

    [Fact]
    public void Rewrite_SameKeys_ChangesNothing()
    {
        var once = AuthorizedKeysFile.Rewrite("", [Ed25519], "", out _);

        Assert.Equal(once, AuthorizedKeysFile.Rewrite(once, [Ed25519], "", out _));
    }

    [Fact]
    public void Ensure_NoFileYet_IsMadePrivate()
    {
        using var home = new TempFolder();

        new AuthorizedKeysFile(home.Path, "dumont-agent session", TestAgent.Log).Ensure([Ed25519], supervised: false);

        var path = Path.Combine(home.Path, ".ssh/authorized_keys");
        Assert.Contains(Ed25519, File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(path));
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(Path.Combine(home.Path, ".ssh")));
    }
}
