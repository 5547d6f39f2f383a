using Dumont.Contracts;
using Dumont.Providers.Ssh;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Migration;
using Dumont.Server.Offers;
using Dumont.Server.OwnMachines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Offers;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Migration;

public sealed class MigrationPlacementTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0.10, 2.0, 0.18)]
    [InlineData(0.50, 2.0, 0.50)]
    [InlineData(0.50, 0.30, 0.30)]
    public void SpecOn_BidForAnotherMachine_IsWhatThisOneTakesAndNoMoreThanWasSaid(double bid, double most, double expected)
    {
        var offer = OfferSamples.Rtx4090(7) with { Interruptible = true, MinBidUsdPerHour = 0.18m };
        var wanted = Samples.Spec with { BidUsdPerHour = (decimal)bid };
        Assert.Equal((decimal)expected, MachinePlacement.SpecOn(wanted, offer, (decimal)most).BidUsdPerHour);
        Assert.Null(MachinePlacement.SpecOn(wanted, offer with { Interruptible = false }, (decimal)most).BidUsdPerHour);
    }

    [Fact]
    public async Task Candidates_OfAnInstanceThatMovedToACpu_AreCpuMachinesWithoutWhatBelongsToTheGpu()
    {
        await using var bench = await SpineBench.StartAsync();
        var request = new CreateInstanceRequest { OfferId = 1, OnstartCmd = "train", Ports = [8080] };
        var created = await bench.Get<InstanceService>().CreateAsync(SpineBench.User, request, idempotent: null, also: null, Cancel);
        var id = Assert.IsType<CreateInstanceResult.Accepted>(created).Instance.Id;
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, TimeSpan.FromMinutes(1));
        await bench.Get<MigrationService>().BeginAsync(SpineBench.User, id, new MigrateRequest { TargetType = "cpu" }, Cancel);
        await bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).State == MigrationState.Ended, TimeSpan.FromMinutes(5));
        var writer = await bench.WriterAsync(id);

        var (candidates, trouble) = await bench.Get<StandbyPlacement>().FindCandidatesAsync(
            await bench.InstanceAsync(id), await bench.MachinesAsync(id), writer.Id, Cancel);

        Assert.Null(trouble);
        var candidate = Assert.Single(candidates);
        Assert.Equal(("gcp", false, MachineRole.Gpu), (candidate.Provider, candidate.ExclusiveOffer, candidate.Role));
        Assert.Equal((null, null, 0), (candidate.Document.Spec.OnStart, candidate.Document.Spec.Image, candidate.Document.Spec.Ports.Count));
    }

    [Fact]
    public async Task Equivalents_OfACpuMachine_AreOwnOnesFirst()
    {
        await using var bench = await SpineBench.StartAsync();
        var own = await AddOwnAsync(bench);
        Assert.Equal([own], await FindAsync(bench.Gcp.Offers[0]));
        Assert.Equal([own], await FindAsync(SshOffers.Of(999, Capacity, "Lisbon, PT", 1)));

        async Task<IEnumerable<string>> FindAsync(Providers.MachineOffer original) =>
            (await bench.Get<OfferCatalog>().FindEquivalentsAsync(SpineBench.User, original, 100, new HashSet<long>(), new HashSet<string>(), 1.25m, Cancel))
            .Select(each => each.Offer.Id);
    }

    [Fact]
    public async Task Find_GoogleCloudDoesNotAnswer_TakesTheOwnMachine()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        bench.Gcp.IsDown = true;
        Assert.Equal("gcp", Assert.IsType<TargetChoice.Unavailable>(await FindAsync(bench, id, new MigrateRequest { TargetType = "cpu" })).Provider);

        var own = await AddOwnAsync(bench);
        var found = Assert.IsType<TargetChoice.Found>(await FindAsync(bench, id, new MigrateRequest { TargetType = "cpu" }));
        Assert.Equal([own], found.Offers.Select(each => each.Offer.Id));
    }

    [Fact]
    public async Task Find_OwnMachinesAlone_NeedNobodyElse()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        (bench.Gcp.IsDown, bench.Vast.IsDown) = (true, true);
        foreach (var type in (string[])["cpu", "gpu"])
        {
            var none = await FindAsync(bench, id, new MigrateRequest { TargetType = type, GpuName = "rtx4090", TargetProvider = "ssh" });
            Assert.Contains("dumont own-machine list", Assert.IsType<TargetChoice.NoMatch>(none).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Find_OfferThatWasTried_IsLeftOut()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var found = Assert.IsType<TargetChoice.Found>(await FindAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" }, ["2", "3"]));
        Assert.Equal(["4", "5", "6"], found.Offers.Select(each => each.Offer.Id));
    }

    private static OwnMachineCapacity Capacity => new() { CpuCores = 8, MemoryMiB = 32 * 1024, DiskGb = 900 };

    private static async Task<TargetChoice> FindAsync(SpineBench bench, InstanceId id, MigrateRequest request, string[]? tried = null) =>
        await bench.Get<MigrationPlacement>().FindAsync(
            await bench.InstanceAsync(id), MigrationRules.GoalOf(request, 50, null), await bench.MachinesAsync(id), tried ?? [], Cancel);

    private static async Task<string> AddOwnAsync(SpineBench bench) =>
        SshOffers.OfferIdOf((await bench.Get<OwnMachineStore>().InsertAsync(
            new NewOwnMachine(
                SpineBench.User,
                "tower",
                new OwnMachineAddress("tower.lan", 22, "root", "ssh-ed25519 A", "/var/lib/dumont-own", 22022),
                bench.Get<OwnMachineAccess>().Protect(SpineBench.User, "key"),
                OwnMachineUses.Standby,
                "Lisbon, PT",
                new OwnMachineDocument { Capacity = Capacity, CheckedAt = bench.Clock.GetUtcNow() }),
            Cancel))!.Value);
}
