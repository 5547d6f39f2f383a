using System.Net;
using Dumont.Contracts;
using Dumont.Server.Dashboard;
using Dumont.Server.Platform.Web.Shell;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Dashboard;

public sealed class DashboardTests
{
    private const string Payload = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";

    private static readonly string[] Paths =
    [
        "/", "/instances", "/instances?status=error", "/instances/{id}", "/instances/{id}/delete", "/instances/{id}/standby-on", "/instances/{id}/services", "/instances/{id}/failover", "/instances/{id}/recover", "/instances/{id}/migrate", "/instances/{id}/failover-settings", "/offers",
        "/offers?max_price=cheap", "/instances/new?offer_id=2", "/settings", "/settings/own-machines", "/settings/storage", "/snapshots", "/settings/ssh-keys", "/settings/standby", "/settings/api-keys",
    ];

    [Fact]
    public async Task Pages_All_HaveTokensInTheirFormsCostsOnTheirButtonsAndACommand()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var id = await spine.RunningAsync();
        foreach (var path in Paths.Select(path => path.Replace("{id}", id.ToString(), StringComparison.Ordinal)))
        {
            var page = await user.GetAsync(path);
            Assert.True(page.Status == HttpStatusCode.OK, $"{path}: {page.Status}");
            Assert.All(page.Document.QuerySelectorAll("form[method=post]"), form => Assert.NotNull(form.QuerySelector("input[name=form_token]")));
            Assert.All(page.Document.QuerySelectorAll("form:not([method=post])"), form => Assert.Null(form.QuerySelector("input[name=form_token]")));
            Assert.All(page.Document.QuerySelectorAll("button[form=act]"), button => Assert.NotNull(button.GetAttribute("data-usd-per-hour")));
            Assert.NotEmpty(page.Document.QuerySelectorAll(".cli code"));
            Assert.Equal(page.Document.QuerySelectorAll("[id]").Length, page.Document.QuerySelectorAll("[id]").Select(element => element.Id).Distinct().Count());
            Assert.Single(page.Document.QuerySelectorAll("h1"));
        }

        foreach (var path in (string[])["/instances/new?offer_id=2", $"/instances/{id}/delete", $"/instances/{id}/standby-on"])
        {
            Assert.NotEmpty((await user.GetAsync(path)).Document.QuerySelectorAll("main button[data-usd-per-hour]"));
        }
    }

    [Fact]
    public async Task Rent_ByTheForm_MakesOneInstanceHoweverOftenItIsSent()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var page = await user.GetAsync("/instances/new?offer_id=2");
        var shown = page.One("#quote input[name=shown]").GetAttribute("value")!;
        (string, string)[] typed = [("label", Payload), ("disk_size", "50"), ("shown", shown)];

        var first = await user.SendAsync(page, "#rent", typed);
        var second = await user.SendAsync(page, "#rent", typed);
        Assert.Equal(HttpStatusCode.SeeOther, first.Status);
        Assert.Equal(first.Location, second.Location);
        Assert.Equal(1, (await spine.SendAsync("GET", "/instances")).Body!["count"]!.GetValue<int>());

        // What was typed is shown as it is, and does nothing.
        foreach (var path in (string[])[first.Location!, "/", "/instances", first.Location + "/delete"])
        {
            var shownAgain = await user.GetAsync(path);
            Assert.Contains(Payload, shownAgain.Document.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
            Assert.Empty(shownAgain.Document.QuerySelectorAll("main script, img"));
        }
    }

    [Fact]
    public async Task Offers_WithAFilterThatMakesNoSense_NamesItAndListsNone()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        Assert.NotEmpty((await user.GetAsync("/offers?max_price=5")).Document.QuerySelectorAll("#offers tbody tr"));

        // One with a field on the page, one that stands in the address alone.
        foreach (var field in (string[])["max_price", "min_inet_down"])
        {
            var page = await user.GetAsync($"/offers?{field}=cheap");
            Assert.Empty(page.Document.QuerySelectorAll("#offers tbody tr"));
            Assert.Contains($"Validation error. {field}: ", page.TextOf("#offers [role=alert]"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Rent_UnknownOffer_IsToldInTheReadersLanguage()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress, language: "pt-BR");
        var page = await user.GetAsync("/instances/new?offer_id=999");
        Assert.Equal(HttpStatusCode.NotFound, page.Status);
        Assert.Contains("Não há a oferta 999.", page.TextOf("main"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Quote_AsOneTypes_BringsThePriceAndTheCommand()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var page = await user.GetAsync("/instances/new?offer_id=2");
        var token = page.One("#rent input[name=form_token]").GetAttribute("value")!;
        KeyValuePair<string, string>[] typed = [new("offer_id", "2"), new("disk_size", "60"), new("label", "two words"), new("env", "TOKEN=x y")];

        Assert.Equal(HttpStatusCode.Forbidden, (await user.PostAsync("/instances/new/quote", typed)).Status);
        var answer = await user.PostAsync("/instances/new/quote", [new("form_token", token), .. typed]);

        Assert.NotEmpty(answer.Document.QuerySelectorAll("#quote input[name=shown]"));
        Assert.Equal("true", answer.One("#cli").GetAttribute("hx-swap-oob"));
        Assert.Equal("dumont instance create offer_id=2 label='two words' disk_size=60 skip_standby=true env.TOKEN='x y'", answer.TextOf("#cli-dumont"));
    }

    [Fact]
    public async Task Rent_WrongFields_AreNamedInPlaceAndEverythingTypedStays()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var page = await user.GetAsync("/instances/new?offer_id=2");
        var again = await user.SendAsync(
            page, "#rent", ("label", "a\tb"), ("disk_size", "5"), ("image", "a;reboot"), ("onstart_cmd", "echo <hi>"), ("env", "no equals sign"), ("standby", "true"));

        Assert.Equal(HttpStatusCode.UnprocessableEntity, again.Status);
        Assert.Equal(["label-error", "disk_size-error", "image-error", "env-error"], again.Document.QuerySelectorAll(".field-error").Select(error => error.Id!));
        Assert.Equal(("5", "a;reboot", "echo <hi>", "no equals sign"), (
            again.One("#disk_size").GetAttribute("value"), again.One("#image").GetAttribute("value"), again.TextOf("#onstart_cmd"), again.TextOf("#env")));
        Assert.True(again.One("[name=standby]").HasAttribute("checked"));
        Assert.Equal(0, (await spine.SendAsync("GET", "/instances")).Body!["count"]!.GetValue<int>());
    }

    [Fact]
    public async Task Rent_PriceHasRisenSinceItWasShown_RentsNothing()
    {
        await using var spine = await SpineServer.StartAsync("Offers:CacheFor=00:00:00");
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var page = await user.GetAsync("/instances/new?offer_id=2");
        var shown = page.One("#quote input[name=shown]").GetAttribute("value")!;
        spine.Vast.Offers[1] = spine.Vast.Offers[1] with { UsdPerHour = spine.Vast.Offers[1].UsdPerHour * 2 };
        var again = await user.SendAsync(page, "#rent", ("shown", shown));

        Assert.Equal(HttpStatusCode.Conflict, again.Status);
        Assert.NotEqual(shown, again.One("#quote input[name=shown]").GetAttribute("value"));
        Assert.Equal(0, (await spine.SendAsync("GET", "/instances")).Body!["count"]!.GetValue<int>());
    }

    [Fact]
    public async Task Delete_NeedsTheLabelWhereWorkWouldBeLost()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var id = await spine.RunningAsync();
        var page = await user.GetAsync($"/instances/{id}/delete");
        var refused = await user.SendAsync(page, ".confirm form", ("label", "something else"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.Status);
        Assert.Equal(HttpStatusCode.OK, (await spine.SendAsync("GET", $"/instances/{id}")).Status);

        Assert.Equal("/instances", (await user.SendAsync(page, ".confirm form", ("label", $"instance-{id}"))).Location);
        Assert.Equal(HttpStatusCode.NotFound, (await spine.SendAsync("GET", $"/instances/{id}")).Status);
    }

    [Fact]
    public async Task Instance_OfSomebodyElse_IsNotThere()
    {
        await using var spine = await SpineServer.StartAsync();
        var id = await spine.RunningAsync();
        using var eve = await WebUser.SignedUpAsync(spine.Server.BaseAddress, "eve@example.com");
        foreach (var path in (string[])["", "/delete", "/failover", "/recover", "/standby-on", "/standby-off"])
        {
            Assert.Equal(HttpStatusCode.NotFound, (await eve.GetAsync($"/instances/{id}{path}")).Status);
        }

        var token = (await eve.GetAsync("/settings")).Document.QuerySelector("input[name=form_token]")!.GetAttribute("value")!;
        Assert.Equal(HttpStatusCode.NotFound, (await eve.PostAsync($"/instances/{id}/delete", [new("form_token", token), new("label", $"instance-{id}")])).Status);
        Assert.DoesNotContain($"instance-{id}", (await eve.GetAsync("/")).Html + (await eve.GetAsync("/instances")).Html, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await spine.SendAsync("GET", $"/instances/{id}")).Status);
    }

    [Fact]
    public async Task Root_ForPrograms_IsStillJson()
    {
        await using var server = await StartAsync();
        Assert.Equal("/docs", (await GetAsync(server.Client, "/")).Body!["docs"]!.GetValue<string>());
    }

    [Fact]
    public async Task EventList_HostileMessage_IsText()
    {
        await using var server = await StartAsync();
        var html = await Page.FragmentAsync<EventList>(
            server.Services,
            new Ui(Language.English),
            new { Id = "events", Events = (IReadOnlyList<EventResponse>)[new EventResponse(1, DateTimeOffset.UnixEpoch, null, Payload, Payload)] });
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain", "label=plain")]
    [InlineData("two words", "label='two words'")]
    [InlineData("it's; rm -rf /", "label='it'\\''s; rm -rf /'")]
    public void Command_OfTheForm_IsQuotedForAShell(string label, string expected) =>
        Assert.Contains(expected, new NewInstanceForm { OfferId = "1", Label = label }.Command(), StringComparison.Ordinal);
}
