using Dumont.Server.Settings;

namespace Dumont.Server.Tests.Settings;

public sealed class SshPublicKeyTests
{
    // Made with ssh-keygen; the fingerprints are what ssh-keygen -l printed.
    internal const string Ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIbc6tqNuqNHSfufJDquu8nyzTSWJQ8jNDNg8lUrprFQ ana@laptop";
    internal const string Ed25519Fingerprint = "SHA256:ImKwLINeu4jOhwNwzpnuRWMfU42xfHaNxP/LEYgvGSQ";
    private const string Rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDhyE6miZ7dq1pEOFRHQkHEojJSXHvDXhIjrax3QQWLjMgD3+BXLX1Q9mmaNLTySnXdWN0LByZYOznxjFl6vMiv1SOf0DgAr2XkA63fOwgUmJx/swp7+58KZwlo6BpqgzaM5sQos1oFMmN188F7orkOh5KRLmn+h1rprVt7bJ3BE6DSrP/+wYvhi3KRrJDBh9MWomy3ghP2aGogakoD2O+sfTrWctgDQQUAKgXw+IVrSt0bqSA1EjLfzhjzbXwlU7Z1jm4l89rzm6DdMtRVAEm3c8Tq0h8gFmiIrwsWgQ/nWlBfE/4hv1dIshWaLC/y+akUV9wwQ+eXmw38q3sZtQB1";
    private const string RsaFingerprint = "SHA256:r48srsoB6Zkh0rTpxigCJ9nsYc8qP6+V+dJQoFPgXAM";
    private const string Ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBI2Cxjznez8jSTRd0oiVYTSlHvh44z522e/gVflWMl45AIz8MlSJ5lPpai9T+DmHuGklHier/6drhURHAfPu4Pk=";
    private const string EcdsaFingerprint = "SHA256:Q7DdO5L9PsacQwmjljMCDdQoKfo5HADxPkqBU5P4N5k";
    private const string SmallRsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC/UAhxf6QvY82eqU2x0s7uOJnZYmP/50bCMxzAbGCyieNkUxPTbGP1PDtju+mXOFWujh+7MI0khI19yeMoc/mqJWpW8Q1xEUXetSBWDxGw/ZcqUfDepgcc0dzmN8QTUCaHeMotCZ0s2LTDj8jGvlPqexnYz1V4BbLSntilvGKSRw==";

    [Theory]
    [InlineData(Ed25519, Ed25519Fingerprint, "ana@laptop")]
    [InlineData(Rsa, RsaFingerprint, "")]
    [InlineData(Ecdsa, EcdsaFingerprint, "")]
    [InlineData("  " + Ed25519 + " with more words \n", Ed25519Fingerprint, "ana@laptop with more words")]
    public void Parse_Key_HasTheFingerprintOfOpenSsh(string line, string fingerprint, string comment)
    {
        var key = SshPublicKey.TryParse(line);

        Assert.NotNull(key);
        Assert.Equal(fingerprint, key.Fingerprint);
        Assert.Equal(comment, key.Comment);
        Assert.DoesNotContain('\n', key.Line);
    }

    public static TheoryData<string> Refused =>
    [
        "",
        "ssh-ed25519",
        "hello world",
        SmallRsa,
        "command=\"rm -rf /\" " + Ed25519,
        "no-pty " + Ed25519,
        "@cert-authority * " + Ed25519,
        Ed25519 + "\n" + Rsa,
        Ed25519 + "\r" + Rsa,
        Ed25519.Replace("ssh-ed25519", "ssh-rsa", StringComparison.Ordinal),
        Ed25519.Replace("ssh-ed25519", "ssh-dss", StringComparison.Ordinal),
        Rsa.Replace("ssh-rsa", "ssh-ed25519", StringComparison.Ordinal),
        Ecdsa.Replace("nistp256 ", "nistp384 ", StringComparison.Ordinal),
        Ed25519.Split(' ')[0] + " " + Ed25519.Split(' ')[1][..^8],
        Ed25519.Split(' ')[0] + " " + Ed25519.Split(' ')[1] + "AAAA",
        Ed25519.Split(' ')[0] + " " + Ed25519.Split(' ')[1] + "====",
        "ssh-ed25519 !!!!",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 /////w==",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        Ed25519.Replace("AAAA", "AA\0AA", StringComparison.Ordinal),
        "ssh-ed25519-cert-v01@openssh.com " + Ed25519.Split(' ')[1],
    ];

    [Theory]
    [MemberData(nameof(Refused))]
    public void Parse_NotAPlainKey_SaysNo(string line) => Assert.Null(SshPublicKey.TryParse(line));

    [Fact]
    public void Parse_CommentWithControlLetters_SaysNo() => Assert.Null(SshPublicKey.TryParse(Ed25519 + "\u001b[31m"));
}
