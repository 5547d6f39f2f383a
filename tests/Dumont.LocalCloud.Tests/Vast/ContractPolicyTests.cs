using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Market;
using Dumont.LocalCloud.Vast;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>The state table of the provider, row by row.</summary>
public sealed class ContractPolicyTests
{
    private static readonly DateTimeOffset Wanted = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(1, null)]
    [InlineData(3, "created")]
    [InlineData(6, "loading")]
    [InlineData(10, "running")]
    public void Decide_FirstBoot_FollowsTime(double seconds, string? expected) =>
        Assert.Equal(expected, Decide(New(), new MachineState.Up(1), seconds));

    [Fact]
    public void Decide_SlowBoot_StaysLoading()
    {
        var contract = New();
        contract.ExtraBootDelay = TimeSpan.FromSeconds(60);

        Assert.Equal("loading", Decide(contract, new MachineState.Up(1), 69));
        Assert.Equal("running", Decide(contract, new MachineState.Up(1), 70));
    }

    [Fact]
    public void Decide_MachineNotUp_IsNeverRunning() => Assert.Equal("loading", Decide(New(), new MachineState.Changing(), 1000));

    [Fact]
    public void Decide_BootFailed_IsCreatedWithTheReason()
    {
        var (actual, message) = ContractPolicy.Decide(New(), new MachineState.Failed(1, "no disk"), Wanted, Delay);

        Assert.Equal("created", actual);
        Assert.Contains("no disk", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decide_HostDead_IsOfflineWhateverTheMachineDoes()
    {
        var contract = New();
        contract.HostDead = true;

        Assert.Equal("offline", Decide(contract, new MachineState.Up(1), 100));
    }

    [Fact]
    public void Decide_Stopped_IsExitedOnceTheMachineIsDown()
    {
        var contract = New();
        (contract.IntendedStatus, contract.ActualStatus) = ("stopped", "running");

        Assert.Equal("running", Decide(contract, new MachineState.Changing(), 100));
        Assert.Equal("exited", Decide(contract, new MachineState.Down(), 100));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void NeedsBoot_OnlyForTheWantedBoot(bool sameBoot, bool expected) =>
        Assert.Equal(expected, ContractPolicy.NeedsBoot(New(), new MachineState.Up(sameBoot ? 1 : 0)));

    private static string? Decide(Contract contract, MachineState machine, double seconds) =>
        ContractPolicy.Decide(contract, machine, Wanted.AddSeconds(seconds), Delay).Actual;

    private static Contract New() => new()
    {
        Id = 1,
        Offer = OfferGenerator.Generate(1)[0],
        CreatedAt = Wanted,
        EndsAt = Wanted.AddDays(30),
        Image = "image",
        DiskGb = 10,
        IsBid = false,
        Runtype = "ssh",
        OnStart = "",
        Env = [],
        ApiKey = "",
        JupyterToken = "",
        Address = "127.1.1.1",
        SshPort = 1,
        MicroUsdPerHour = 400_000,
        DiskMicroUsdPerHour = 3_000,
        HoldsGpus = true,
        Boot = 1,
        BootWantedAt = Wanted,
    };
}
