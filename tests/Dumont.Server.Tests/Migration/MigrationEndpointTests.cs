using System.Net;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Migration;

public sealed class MigrationEndpointTests
{
    private static readonly object Gpu = new { target_type = "gpu", gpu_name = "rtx4090" };

    [Fact]
    public async Task Migrate_KeyThatMayNotDestroy_MovesOnlyWhereTheSourceIsKept()
    {
        await using var spine = await SpineServer.StartAsync();
        var path = $"/api/v1/instances/{await spine.RunningAsync()}/migrate";
        using var writer = spine.Server.WithBearer(await KeyAsync(spine, Scopes.InstancesRead, Scopes.InstancesWrite));

        var (status, body) = await PostAsync(writer, path, Gpu);
        Assert.Equal((HttpStatusCode.Forbidden, "forbidden"), (status, body!["code"]!.GetValue<string>()));
        Assert.Contains("auto_destroy_source=false", body["detail"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(writer, path, new { target_type = "gpu", gpu_name = "rtx4090", auto_destroy_source = false })).Status);
    }

    [Fact]
    public async Task Migrate_ImpossibleCombinationOrUnfitOffer_IsRefusedByField()
    {
        await using var spine = await SpineServer.StartAsync();
        var path = $"/instances/{await spine.RunningAsync()}/migrate";
        await spine.RefusedFieldAsync("body", "target_provider", "POST", path, new { target_type = "gpu", gpu_name = "rtx4090", target_provider = "gcp" });
        await spine.RefusedFieldAsync("body", "max_price", "POST", path, new { target_type = "gpu", target_offer_id = 2, max_price = 0.1 });
        await spine.RefusedFieldAsync("body", "gpu_name", "POST", path, new { target_type = "gpu", target_offer_id = 2, gpu_name = "a100" });
        await spine.RefusedFieldAsync("body", "region", "POST", path, new { target_type = "gpu", target_offer_id = 2, region = "US" });
    }

    [Theory]
    [InlineData("en", "The offer that is named costs $0.400 an hour.")]
    [InlineData("pt-BR", "A oferta indicada custa US$ 0.400 por hora.")]
    public async Task Page_OfferThatIsDearer_SaysSoAtTheField(string language, string expected)
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress, language: language);
        var page = await user.GetAsync($"/instances/{await spine.RunningAsync()}/migrate");
        var answer = await user.SendAsync(page, "#where form", ("target_offer_id", "2"), ("max_price", "0.1"), ("step", "estimate"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.Status);
        Assert.Contains(expected, answer.TextOf("#max_price-error"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_ListsAndPaintsAsDoneOnlyWhatWasDone()
    {
        await using var spine = await SpineServer.StartAsync();
        var id = await spine.RunningAsync();
        var number = (await spine.SendAsync("POST", $"/instances/{id}/migrate", Gpu)).Body!["migration_id"]!.GetValue<long>();
        await spine.UntilAsync(id, () => FindAsync(MigrationPhase.Provisioning));
        Assert.Equal(HttpStatusCode.OK, (await spine.SendAsync("DELETE", $"/migrations/{number}")).Status);
        await spine.UntilAsync(id, () => FindAsync(MigrationPhase.Cancelled));

        var body = (await spine.SendAsync("GET", $"/migrations/{number}")).Body!;
        Assert.Equal(["search_offers"], body["steps_completed"]!.AsArray().Select(step => step!.GetValue<string>()));
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var page = await user.GetAsync($"/instances/{id}/migrate");
        Assert.Equal(["done", "failed", "open", "open", "open", "open"], page.Document.QuerySelectorAll($"#migration-{number} .timeline li").Select(step => step.ClassName));

        async Task<InstanceMigration?> FindAsync(MigrationPhase phase) =>
            await spine.Server.Get<MigrationStore>().FindAsync(number, Line.Deadline()) is { } found && found.Document.Phase == phase ? found : null;
    }

    private static async Task<string> KeyAsync(SpineServer spine, params string[] scopes) =>
        (await spine.SendAsync("POST", "/auth/api-keys", new { name = "key", scopes })).Body!["key"]!.GetValue<string>();
}
