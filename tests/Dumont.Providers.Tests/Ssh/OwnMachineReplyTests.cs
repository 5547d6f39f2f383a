using Dumont.Providers.Ssh;

namespace Dumont.Providers.Tests.Ssh;

public sealed class OwnMachineReplyTests
{
    [Theory]
    [InlineData(255, "ssh: connect to host x port 22: Connection refused", OwnMachineTrouble.Unreachable)]
    [InlineData(255, "ssh: connect to host x port 22: Connection timed out", OwnMachineTrouble.Unreachable)]
    [InlineData(255, "ssh: Could not resolve hostname x: Name or service not known", OwnMachineTrouble.Unreachable)]
    [InlineData(255, "kex_exchange_identification: Connection closed by remote host", OwnMachineTrouble.Unreachable)]
    [InlineData(255, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", OwnMachineTrouble.HostKeyChanged)]
    [InlineData(255, "No ED25519 host key is known for x\nHost key verification failed.", OwnMachineTrouble.HostKeyChanged)]
    [InlineData(255, "Unable to negotiate with x port 22: no matching host key type found. Their offer: ssh-rsa", OwnMachineTrouble.HostKeyChanged)]
    [InlineData(255, "ana@x: Permission denied (publickey,password).", OwnMachineTrouble.AuthRefused)]
    [InlineData(1, "sudo: a password is required", OwnMachineTrouble.NotRoot)]
    [InlineData(127, "bash: line 1: exec: sudo: not found", OwnMachineTrouble.NotRoot)]
    [InlineData(1, "This account is currently not available.", OwnMachineTrouble.Unsuitable)]
    [InlineData(255, "client_loop: send disconnect: Broken pipe", OwnMachineTrouble.Unclear)]
    [InlineData(255, "", OwnMachineTrouble.Unclear)]
    [InlineData(0, "", OwnMachineTrouble.Unsuitable)]
    public void Parse_NotBegun_SaysWhy(int exitCode, string errors, OwnMachineTrouble trouble)
    {
        var reply = OwnMachineReply.Parse(exitCode, "Welcome to tower!\n", errors);

        Assert.Equal((trouble, null), (reply.Trouble, reply.Claim));
        Assert.NotEmpty(reply.Detail);
    }

    [Fact]
    public void Parse_CutBeforeTheEnd_ProvesNothing()
    {
        const string Whole = "motd\ndumont-own 1\nclaim 0123456789abcdef\ntag dumont/a/1/1\nstate running\nend ok\n";
        for (var length = 0; length < Whole.Length - 1; length++)
        {
            var reply = OwnMachineReply.Parse(255, Whole[..length], "client_loop: send disconnect: Broken pipe");
            Assert.True(reply.Trouble == OwnMachineTrouble.Unclear, $"{length}: {reply}");
        }

        var whole = OwnMachineReply.Parse(0, Whole, "");
        Assert.Equal((null, "dumont/a/1/1", ProviderMachineState.Running), (whole.Trouble, whole.Claim!.Tag, whole.Claim.State));
    }

    [Theory]
    [InlineData("dumont-own 1\nend not-root\n", OwnMachineTrouble.NotRoot)]
    [InlineData("dumont-own 1\nend unsuitable the program flock is missing\n", OwnMachineTrouble.Unsuitable)]
    [InlineData("dumont-own 1\nend failed its files cannot be removed\n", OwnMachineTrouble.Refused)]
    [InlineData("dumont-own 1\nclaim a\ntag b\nend taken\n", OwnMachineTrouble.Refused)]
    [InlineData("dumont-own 1\nend maybe\n", OwnMachineTrouble.Unclear)]
    public void Parse_Verdict_IsUnderstood(string output, OwnMachineTrouble trouble) =>
        Assert.Equal(trouble, OwnMachineReply.Parse(0, output, "").Trouble);

    [Fact]
    public void Capacity_GpusOfTwoKinds_CountsTheFirstKindAlone()
    {
        var reply = OwnMachineReply.Parse(
            0,
            "dumont-own 1\narch x86_64\nos Debian\ncores 16\nmemory-kib 65536000\ndisk-kib 976562500\n"
            + "gpu 24564, NVIDIA GeForce RTX 4090\ngpu 24560, NVIDIA GeForce RTX 4090\ngpu 16376, NVIDIA RTX A4000\ncuda 12.4\nend ok\n",
            "");

        var capacity = OwnMachineCapacity.Of(reply)!;

        Assert.Equal(("RTX 4090", 2, 24560d, "12.4"), (capacity.GpuName, capacity.GpuCount, capacity.GpuMemoryMiB, capacity.CudaVersion));
        Assert.Equal((16, 64000d, 1000d), (capacity.CpuCores, capacity.MemoryMiB, capacity.DiskGb));
    }

    [Theory]
    [InlineData("cores 4\nmemory-kib 1\n")]
    [InlineData("cores NaN\nmemory-kib 1000000\ndisk-kib 100000000\n")]
    [InlineData("cores -4\nmemory-kib 1000000\ndisk-kib 100000000\n")]
    public void Capacity_FigureMissingOrAbsurd_IsNone(string lines) =>
        Assert.Null(OwnMachineCapacity.Of(OwnMachineReply.Parse(0, $"dumont-own 1\n{lines}end ok\n", "")));

    [Fact]
    public void OfferIds_OwnAndForeign_AreToldApart()
    {
        Assert.Equal(7, SshOffers.OwnMachineOf(SshOffers.OfferIdOf(7)));
        Assert.Null(SshOffers.OwnMachineOf("7"));
        Assert.Null(SshOffers.OwnMachineOf("26412345"));
        Assert.Null(SshOffers.OwnMachineOf("europe-west1-b/e2-medium/spot"));
        Assert.Null(SshOffers.OwnMachineOf("-1000000000000007"));
        Assert.True(long.Parse(SshOffers.OfferIdOf(SshOffers.IdsMax - 1), System.Globalization.CultureInfo.InvariantCulture) < 1L << 53);
    }
}
