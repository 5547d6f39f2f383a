using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Hosts;
using Dumont.Server.Offers;
using Microsoft.Extensions.DependencyInjection;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Offers;

public sealed class OfferCatalogTests
{
    private static readonly UserId Ana = new(1);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public void RankEquivalents_Shelf_TakesTheSameGpuInRegionThenByPrice()
    {
        var original = OfferSamples.Rtx4090(1, 0.40m);
        MachineOffer[] offers =
        [
            original,
            OfferSamples.Rtx4090(2, 0.41m, "Texas, US"),
            OfferSamples.Rtx4090(3, 0.45m, "Japan, JP"),
            OfferSamples.Rtx4090(4, 0.36m, "South Korea, KR", reliability: 0.90),
            OfferSamples.Rtx4090(5, 0.44m, "South Korea, KR", reliability: 0.99),
            OfferSamples.Rtx4090(6, 0.51m),
            OfferSamples.Rtx4090(7) with { GpuName = "RTX 3090" },
            OfferSamples.Rtx4090(8) with { GpuCount = 2 },
            OfferSamples.Rtx4090(9) with { MemoryMiB = 32 * 1024 },
            OfferSamples.Rtx4090(10) with { DiskGb = 99 },
            OfferSamples.Rtx4090(11) with { Interruptible = true },
            OfferSamples.Rtx4090(12) with { GpuMemoryMiB = 12 * 1024 },
            OfferSamples.Rtx4090(13, host: 666),
            OfferSamples.Rtx4090(14, 0.39m) with { GpuName = "rtx_4090" },
            OfferSamples.Rtx4090(15, 0.40m) with { GpuMemoryMiB = 24_200 },
        ];

        var ranked = OfferPolicy.RankEquivalents(offers, original, 100, 1.25m, offer => offer.HostMachineId == 666);

        Assert.Equal(["15", "14", "5", "4", "3", "2"], ranked.Select(offer => offer.Id));
    }

    [Fact]
    public async Task FindEquivalents_ExcludedAndBlacklisted_AreLeftOut()
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();
        server.Shelf("server-vast", [.. Enumerable.Range(1, 5).Select(id => OfferSamples.Rtx4090(id))]);
        await server.Get<HostHistory>().AddAsync(Ana, new HostKey("vast", 20), "slow", null, Cancelled);

        var found = await server.Get<OfferCatalog>().FindEquivalentsAsync(
            Ana, OfferSamples.Rtx4090(1), 100, new HashSet<long> { 30 }, new HashSet<string> { "4" }, 1.25m, Cancelled);

        Assert.Equal(["5"], found.Select(offer => offer.Offer.Id));
        Assert.Equal(0, found[0].Account.Account);
    }

    [Fact]
    public async Task Find_Offer_IsAskedFreshlyEachTime()
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();
        server.Shelf("server-vast", [OfferSamples.Rtx4090(1)]);
        var catalog = server.Get<OfferCatalog>();
        Assert.Equal("1", (await catalog.FindAsync(Ana, "vast", "1", 50, false, Cancelled))!.Offer.Id);

        server.Providers["server-vast"].Offers.Clear();
        Assert.Null(await catalog.FindAsync(Ana, "vast", "1", 50, false, Cancelled));
        Assert.Null(await catalog.FindAsync(Ana, "gcp", "1", 50, false, Cancelled));
    }

    [Fact]
    public async Task Search_WithinTwoSeconds_IsAnsweredFromTheLastReadingAndFailuresAreNot()
    {
        var time = new ManualTimeProvider();
        await using var server = await StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time), null);
        server.Shelf("server-vast", [OfferSamples.Rtx4090(1)]);
        var (catalog, fake) = (server.Get<OfferCatalog>(), server.Providers["server-vast"]);
        await catalog.SearchAsync(null, new OfferSearch(), Cancelled);
        time.Advance(TimeSpan.FromSeconds(1.9));
        await catalog.SearchAsync(null, new OfferSearch(), Cancelled);
        Assert.Equal(1, fake.Searches);
        await catalog.SearchAsync(null, new OfferSearch { Interruptible = true }, Cancelled);
        Assert.Equal(2, fake.Searches);

        time.Advance(TimeSpan.FromSeconds(0.1));
        fake.Failure = new ProviderException(ProviderErrorKind.Transient, "vast", "search offers");
        await Assert.ThrowsAsync<ProviderException>(() => catalog.SearchAsync(null, new OfferSearch(), Cancelled));
        fake.Failure = null;
        Assert.Single((await catalog.SearchAsync(null, new OfferSearch(), Cancelled))!);
    }
}
