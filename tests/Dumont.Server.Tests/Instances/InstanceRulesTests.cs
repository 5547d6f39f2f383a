using Dumont.Contracts;
using Dumont.Server.Instances;

namespace Dumont.Server.Tests.Instances;

public sealed class InstanceRulesTests
{
    private static readonly CreateInstanceRequest Good = new() { OfferId = 1 };

    public static TheoryData<string, CreateInstanceRequest> Bad() => new()
    {
        { "offer_id", new CreateInstanceRequest() },
        { "offer_id", new CreateInstanceRequest { UseWizard = false } },
        { "offer_id", Good with { UseWizard = true } },
        { "offer_id", Good with { OfferId = 0 } },
        { "offer_id", Good with { OfferId = -1 } },
        { "num_gpus", Good with { NumGpus = 0 } },
        { "num_gpus", Good with { NumGpus = 9 } },
        { "disk_size", Good with { DiskSize = 9.9 } },
        { "disk_size", Good with { DiskSize = 10_001 } },
        { "disk_size", Good with { DiskSize = -5 } },
        { "disk_size", Good with { DiskSize = double.NaN } },
        { "disk_size", Good with { DiskSize = double.PositiveInfinity } },
        { "disk_space", Good with { DiskSpace = 9.9 } },
        { "max_price", Good with { MaxPrice = 0 } },
        { "max_price", Good with { MaxPrice = 1001 } },
        { "bid_price", Good with { BidPrice = 0 } },
        { "bid_price", Good with { BidPrice = -1 } },
        { "bid_price", Good with { BidPrice = 129 } },
        { "label", Good with { Label = "" } },
        { "label", Good with { Label = "   " } },
        { "label", Good with { Label = new string('a', 129) } },
        { "label", Good with { Label = "a\u001b[2J" } },
        { "label", Good with { Label = "a\nb" } },
        { "name", Good with { Name = "" } },
        { "name", Good with { Label = "good", Name = "a\nb" } },
        { "region", Good with { Region = "MARS" } },
        { "region", Good with { Region = "" } },
        { "image", Good with { Image = "" } },
        { "image", Good with { Image = "a b" } },
        { "image", Good with { Image = "-rm" } },
        { "image", Good with { Image = "a;reboot" } },
        { "image", Good with { Image = "a$(id)" } },
        { "image", Good with { Image = "image\n" } },
        { "image", Good with { Image = new string('a', 1025) } },
        { "onstart_cmd", Good with { OnstartCmd = new string('a', 4001) } },
        { "ports", Good with { Ports = [0] } },
        { "ports", Good with { Ports = [65536] } },
        { "ports", Good with { Ports = [80, -1] } },
        { "ports", Good with { Ports = [.. Enumerable.Range(1, 61)] } },
        { "env", Good with { Env = Enumerable.Range(0, 65).ToDictionary(i => $"V{i}", _ => "") } },
        { "env.1A", Good with { Env = new Dictionary<string, string> { ["1A"] = "" } } },
        { "env.", Good with { Env = new Dictionary<string, string> { [""] = "" } } },
        { "env.A B", Good with { Env = new Dictionary<string, string> { ["A B"] = "" } } },
        { "env.A\n", Good with { Env = new Dictionary<string, string> { ["A\n"] = "" } } },
        { "env.A", Good with { Env = new Dictionary<string, string> { ["A"] = "b\nc" } } },
        { "env.A", Good with { Env = new Dictionary<string, string> { ["A"] = new string('a', 257) } } },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Check_BadField_IsNamedAndNothingElse(string field, CreateInstanceRequest request) =>
        Assert.Equal([field], InstanceRules.Check(request).Select(error => error.Field));

    public static TheoryData<CreateInstanceRequest> Fine() => new()
    {
        Good,
        new CreateInstanceRequest { UseWizard = true },
        new CreateInstanceRequest { UseWizard = true, GpuName = "rtx4090", NumGpus = 8, MaxPrice = 0.001m, Region = "eu" },
        Good with { DiskSize = 10, Label = new string('a', 128), BidPrice = 128, Ports = [1, 65535] },
        Good with { DiskSpace = 10_000, Name = "n", Image = "registry.example:5000/pytorch/pytorch@sha256:00", OnstartCmd = new string('a', 4000) },
        Good with { Env = new Dictionary<string, string> { ["_A1"] = new('a', 256) } },
    };

    [Theory]
    [MemberData(nameof(Fine))]
    public void Check_AtTheLimits_IsAccepted(CreateInstanceRequest request) => Assert.Empty(InstanceRules.Check(request));

    [Fact]
    public void Check_SeveralBadFields_NamesAll() =>
        Assert.Equal(
            ["offer_id", "disk_size", "label"],
            InstanceRules.Check(new CreateInstanceRequest { DiskSize = 1, Label = "" }).Select(error => error.Field));
}
