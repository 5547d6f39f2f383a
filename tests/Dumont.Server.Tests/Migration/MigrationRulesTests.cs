using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Migration;
using Dumont.Server.Tests.Offers;

namespace Dumont.Server.Tests.Migration;

public sealed class MigrationRulesTests
{
    public static TheoryData<MigrateRequest, string> Wrong => new()
    {
        { new MigrateRequest(), "target_type" },
        { new MigrateRequest { TargetType = "tpu" }, "target_type" },
        { new MigrateRequest { TargetType = "gpu" }, "gpu_name" },
        { new MigrateRequest { TargetType = "gpu", GpuName = " " }, "gpu_name" },
        { new MigrateRequest { TargetType = "cpu", MaxPrice = 0 }, "max_price" },
        { new MigrateRequest { TargetType = "cpu", DiskSize = 5 }, "disk_size" },
        { new MigrateRequest { TargetType = "cpu", Region = "MARS" }, "region" },
        { new MigrateRequest { TargetType = "cpu", TargetProvider = "aws" }, "target_provider" },
        { new MigrateRequest { TargetType = "cpu", Strategy = "fastest" }, "strategy" },
        { new MigrateRequest { TargetType = "gpu", TargetOfferId = "1; rm" }, "target_offer_id" },
        { new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090", TargetProvider = "gcp" }, "target_provider" },
        { new MigrateRequest { TargetType = "cpu", TargetProvider = "vast" }, "target_provider" },
        { new MigrateRequest { TargetType = "cpu", TargetOfferId = "1234" }, "target_offer_id" },
        { new MigrateRequest { TargetType = "gpu", TargetOfferId = "europe-west1-b/e2-medium/spot" }, "target_offer_id" },
        { new MigrateRequest { TargetType = "gpu", TargetOfferId = "1234", TargetProvider = "ssh" }, "target_provider" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Check_WrongField_IsNamed(MigrateRequest request, string field) => Assert.Equal(field, Assert.Single(MigrationRules.Check(request)).Field);

    [Fact]
    public void GoalOf_NothingSaid_HasTheDefaults()
    {
        var goal = MigrationRules.GoalOf(new MigrateRequest { TargetType = "gpu", TargetGpu = "RTX 3090", TargetRegion = "eu" }, 100, 1_000_000_000);
        Assert.Equal(new MigrationGoal(true, "RTX 3090", 2, "EU", 100, false, null, null), goal);
    }

    [Fact]
    public void GoalOf_WorkspaceHasOutgrownTheDisk_AsksForEnough() =>
        Assert.Equal(MigrationRules.NeededGb(200_000_000_000), MigrationRules.GoalOf(new MigrateRequest { TargetType = "cpu" }, 100, 200_000_000_000).DiskGb);

    [Theory]
    [InlineData("1234", "vast")]
    [InlineData("europe-west1-b/e2-medium/spot", "gcp")]
    [InlineData("1000000000000007", "ssh")]
    public void GoalOf_NamedOffer_TellsItsProvider(string offer, string provider) =>
        Assert.Equal(provider, MigrationRules.GoalOf(new MigrateRequest { TargetType = "gpu", TargetOfferId = offer }, 100, null).Provider);

    [Fact]
    public void WhyUnfit_NamedOfferIsNotWhatElseWasSaid_NamesThatField()
    {
        var offer = OfferSamples.Rtx4090(7, 2.5m, "South Korea, KR");
        Assert.Null(Unfit(new MigrateRequest()));
        Assert.Null(Unfit(new MigrateRequest { GpuName = "rtx4090", MaxPrice = 2.5m, Region = "ASIA" }));
        Assert.Equal("gpu_name", Unfit(new MigrateRequest { GpuName = "a100" }));
        Assert.Equal("max_price", Unfit(new MigrateRequest { MaxPrice = 2.4m }));
        Assert.Equal("region", Unfit(new MigrateRequest { Region = "EU" }));

        string? Unfit(MigrateRequest request) =>
            MigrationPlacement.WhyUnfit(MigrationRules.GoalOf(request with { TargetType = "gpu", TargetOfferId = "7" }, 100, null), offer)?.Field;
    }

    [Fact]
    public void CheckDisk_TooSmall_NamesTheFieldAndWhatWouldDo()
    {
        var error = MigrationRules.CheckDisk(20, 30_000_000_000)!;
        Assert.Equal("disk_size", error.Field);
        Assert.Contains("disk_size=38", error.Message, StringComparison.Ordinal);
        Assert.Null(MigrationRules.CheckDisk(38, 30_000_000_000));
        Assert.Null(MigrationRules.CheckDisk(10, null));
    }

    [Fact]
    public void Estimate_MeasuredLine_GoesBeforeWhatTheOffersSay()
    {
        var basis = Basis();
        var advertised = MigrationEstimate.Of(basis);
        Assert.Equal(new MigrationBandwidth(200, "advertised"), advertised.Bandwidth);
        var measured = MigrationEstimate.Of(basis with { MeasuredBytesPerSecond = 1e6 });
        Assert.Equal(new MigrationBandwidth(8, "measured"), measured.Bandwidth);

        // 10 GB at 8 Mbit/s are 10,000 s; at 200 Mbit/s 400 s.
        Assert.Equal(9600, (measured.Total - advertised.Total).TotalSeconds, 1.0);
        Assert.Equal("assumed", MigrationEstimate.Of(basis with { Source = basis.Source with { InetUpMbps = 0 }, Target = basis.Target with { InetDownMbps = 0 } }).Bandwidth.Basis);
    }

    [Theory]
    [InlineData(100.0, 0.1, 800_000)]
    [InlineData(60_000.0, 0.5, 166_667)]
    public void Estimate_SlowLine_IsNotRoundedAndNeverZero(double bytesPerSecond, double mbps, double copySeconds)
    {
        var estimate = MigrationEstimate.Of(Basis() with { MeasuredBytesPerSecond = bytesPerSecond });
        Assert.Equal(mbps, estimate.Bandwidth.Mbps);
        Assert.Equal(copySeconds, estimate.Plan.Single(step => step.Step == "copy_workspace").Seconds, 5.0);
    }

    [Fact]
    public void Estimate_OffersThatSayNextToNothing_IsNotInfinite()
    {
        var basis = Basis();
        Assert.Equal(0.1, MigrationEstimate.Of(basis with { Target = basis.Target with { InetDownMbps = 0.01 } }).Bandwidth.Mbps);
    }

    [Fact]
    public void Estimate_Cost_IsBothMachinesForTheTimeAndTheTrafficOfBoth()
    {
        var estimate = MigrationEstimate.Of(Basis());
        var hours = (decimal)estimate.Total.TotalHours;
        Assert.Equal(Math.Round(0.5m * hours, 4), estimate.Cost.SourceUsd);
        Assert.Equal(Math.Round(0.3m * hours, 4), estimate.Cost.TargetUsd);
        Assert.Equal(10 * (0.02m + 0.01m), estimate.Cost.EgressUsd);
        Assert.Equal(estimate.Cost.SourceUsd + estimate.Cost.TargetUsd + estimate.Cost.EgressUsd, estimate.Cost.TotalUsd);
        Assert.Equal(-0.2m, estimate.Cost.HourlyDifferenceUsd);
    }

    private static EstimateBasis Basis() =>
        new(
            new MigrationGoal(true, "rtx4090", 2, null, 100, false, null, null),
            OfferSamples.Rtx4090(1) with { InetUpMbps = 200, InetUpUsdPerGb = 0.02m },
            0.5m,
            OfferSamples.Rtx4090(2) with { InetDownMbps = 800, InetDownUsdPerGb = 0.01m, UsdPerHour = 0.3m },
            10_000_000_000,
            null,
            TimeSpan.FromSeconds(30));
}
