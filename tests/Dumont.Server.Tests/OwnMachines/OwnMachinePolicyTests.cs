using Dumont.Contracts;
using Dumont.Providers.Ssh;
using Dumont.Server.OwnMachines;

namespace Dumont.Server.Tests.OwnMachines;

public sealed class OwnMachinePolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("host", "-oProxyCommand=id")]
    [InlineData("host", "user@tower")]
    [InlineData("host", "tower:22")]
    [InlineData("port", "0")]
    [InlineData("port", "65536")]
    [InlineData("user", "-l")]
    [InlineData("user", "Ana Maria")]
    [InlineData("name", "a b")]
    [InlineData("name", "")]
    [InlineData("host_key_fingerprint", "MD5:00:11")]
    [InlineData("private_key", "ssh-ed25519 AAAA")]
    [InlineData("private_key", "-----BEGIN OPENSSH PRIVATE KEY-----\u0007")]
    [InlineData("folder", "/")]
    [InlineData("folder", "/var/../etc")]
    [InlineData("folder", "relative/path")]
    [InlineData("instance_port", "0")]
    [InlineData("instance_port", "22")]
    [InlineData("uses", "cpu")]
    [InlineData("location", " ")]
    [InlineData("location", "a\u001b[0m")]
    public void Check_OneFieldWrong_NamesThatFieldAlone(string field, string value)
    {
        var good = new AddOwnMachineRequest { Host = "tower.lan" };
        Assert.Empty(OwnMachinePolicy.Check(good));

        var bad = field switch
        {
            "host" => good with { Host = value },
            "port" => good with { Port = int.Parse(value, System.Globalization.CultureInfo.InvariantCulture) },
            "user" => good with { User = value },
            "name" => good with { Name = value },
            "host_key_fingerprint" => good with { HostKeyFingerprint = value },
            "private_key" => good with { PrivateKey = value },
            "folder" => good with { Folder = value },
            "instance_port" => good with { InstancePort = int.Parse(value, System.Globalization.CultureInfo.InvariantCulture) },
            "uses" => good with { Uses = value },
            _ => good with { Location = value },
        };

        Assert.Equal([field], OwnMachinePolicy.Check(bad).Select(error => error.Field));
    }

    [Fact]
    public void AfterCheck_OneSilence_IsNoLossAndTwoAre()
    {
        var (once, none) = OwnMachinePolicy.AfterCheck(Machine(), Silent, null, Now);
        Assert.Equal((OwnMachineState.Ready, 1), (once.State, once.FailedInRow));
        Assert.Empty(none);

        var (twice, lost) = OwnMachinePolicy.AfterCheck(Machine(once), Silent, null, Now);
        Assert.Equal(OwnMachineState.Unreachable, twice.State);
        Assert.Equal("own_machine.lost", Assert.Single(lost).Type);

        var (still, nothing) = OwnMachinePolicy.AfterCheck(Machine(twice), Silent, null, Now);
        Assert.Empty(nothing);

        var (back, events) = OwnMachinePolicy.AfterCheck(Machine(still), Answer("end ok"), null, Now);
        Assert.Equal((OwnMachineState.Ready, 0, null), (back.State, back.FailedInRow, back.Detail));
        Assert.Equal("own_machine.back", Assert.Single(events).Type);
        Assert.Equal(0.25, back.Reliability);
    }

    [Fact]
    public void AfterCheck_OtherHostKey_IsToldAtOnceAndTheClaimIsStillBelieved()
    {
        var claimed = Machine() is var machine ? machine with { Document = machine.Document with { ClaimTag = "dumont/a/1/1" } } : null!;

        var (after, events) = OwnMachinePolicy.AfterCheck(
            claimed, new OwnMachineReply(OwnMachineTrouble.HostKeyChanged, "", "another key", []), null, Now);

        Assert.Equal((OwnMachineState.HostKeyChanged, "dumont/a/1/1"), (after.State, after.ClaimTag));
        Assert.Equal("own_machine.host_key_changed", Assert.Single(events).Type);
    }

    [Theory]
    [InlineData(OwnMachineTrouble.AuthRefused)]
    [InlineData(OwnMachineTrouble.NotRoot)]
    [InlineData(OwnMachineTrouble.Unsuitable)]
    public void AfterCheck_AnswersButCannotServe_IsUnusable(OwnMachineTrouble trouble)
    {
        var (after, events) = OwnMachinePolicy.AfterCheck(Machine(), new OwnMachineReply(trouble, "", "why", []), null, Now);

        Assert.Equal((OwnMachineState.Unusable, "why"), (after.State, after.Detail));
        Assert.Equal("own_machine.unusable", Assert.Single(events).Type);
    }

    [Fact]
    public void AfterCheck_ClaimComesChangesAndGoes_IsToldEachTime()
    {
        var (claimed, first) = OwnMachinePolicy.AfterCheck(Machine(), Answer("claim 1\ntag dumont/a/1/1\nend ok"), null, Now);
        var (other, second) = OwnMachinePolicy.AfterCheck(Machine(claimed), Answer("claim 2\ntag dumont/a/2/1\nend ok"), null, Now);
        var (free, third) = OwnMachinePolicy.AfterCheck(Machine(other), Answer("end ok"), null, Now);

        Assert.Equal(["own_machine.claimed"], first.Select(each => each.Type));
        Assert.Equal(["own_machine.released", "own_machine.claimed"], second.Select(each => each.Type));
        Assert.Equal(["own_machine.released"], third.Select(each => each.Type));
        Assert.Null(free.ClaimTag);
    }

    private static OwnMachineReply Silent { get; } = new(OwnMachineTrouble.Unreachable, "", "refused", []);

    private static OwnMachineReply Answer(string lines) => OwnMachineReply.Parse(0, $"dumont-own 1\n{lines}\n", "");

    private static OwnMachine Machine(OwnMachineDocument? document = null) => new(
        1,
        new UserId(1),
        "tower",
        new OwnMachineAddress("tower", 22, "root", "ssh-ed25519 AAAA", "/var/lib/dumont-own", 22022),
        null,
        OwnMachineUses.Gpu,
        null,
        1,
        Now,
        null,
        document ?? new OwnMachineDocument { Capacity = new OwnMachineCapacity(), CheckedAt = Now },
        null);
}
