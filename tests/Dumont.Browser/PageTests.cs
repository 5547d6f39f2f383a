using Dumont.Scenarios.Harness;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Dumont.Browser;

/// <summary>Every page in every look: nothing that axe finds serious, nothing that the content policy refuses, no word in the console, nothing wider
/// than the screen. A screenshot of each is left for people.</summary>
public sealed class PageTests(BrowserWorld world) : IClassFixture<BrowserWorld>
{
    private const string Axe = "artifacts/web/node_modules/axe-core/axe.min.js";

    private static readonly (string Name, string Path)[] PublicPages = [("sign-in", "/sign-in"), ("sign-up", "/sign-up"), ("docs", "/docs"), ("not-found", "/nothing/here")];

    private static readonly Look[] Looks =
    [
        .. from width in (int[])[1280, 360] from isDark in (bool[])[false, true] from language in (string[])["en", "pt-BR"] select new Look(width, isDark, language),
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pages_InEveryLook_AreAccessibleQuietAndFitTheScreen()
    {
        Assert.SkipWhen(Chromium.Missing is not null, Chromium.Missing ?? "");
        var faults = new List<string>();
        var first = true;
        string[] ids = [];
        var (restore, preview) = ("", "");
        foreach (var look in Looks)
        {
            await using var watched = await world.NewPageAsync(look);
            var page = watched.Page;
            if (first)
            {
                await page.GotoAsync("/");
                await CheckAsync(page, "first-run", page.Url, look, faults);
            }

            foreach (var (name, path) in PublicPages.Where(_ => !first))
            {
                await CheckAsync(page, name, path, look, faults);
            }

            if (first)
            {
                await BrowserWorld.SignUpAsync(page, "look@example.com");
                await CheckAsync(page, "home-empty", "/", look, faults);
                await CheckAsync(page, "instances-empty", "/instances", look, faults);
                ids = [await RentAsync(page, "train-llm"), await RentAsync(page, "render-2")];
                await page.GotoAsync($"/instances/{ids[0]}/standby-on");
                await page.ClickAsync("main button.primary");
                await Expect(page.Locator("#instance-standby .badge")).ToHaveTextAsync("ready", new() { Timeout = (float)TestWorld.Patience.TotalMilliseconds });
                (restore, preview) = await SnapshotAsync(page, ids[1]);
            }
            else
            {
                await BrowserWorld.SignInAsync(page, "look@example.com");
            }

            foreach (var (name, path) in PagesOf(ids).Concat([("restore", restore), ("restore-preview", preview)]))
            {
                await CheckAsync(page, name, path, look, faults);
            }

            first = false;
            faults.AddRange(watched.Faults.Where(fault => !fault.Contains("404", StringComparison.Ordinal)).Select(fault => $"{look}: {fault}"));
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults));
        await DeleteAllAsync(ids);
    }

    private static (string Name, string Path)[] PagesOf(string[] ids) =>
    [
        ("home", "/"),
        ("instances", "/instances"),
        ("instances-none", "/instances?status=error"),
        ("instance", $"/instances/{ids[0]}"),
        ("instance-plain", $"/instances/{ids[1]}"),
        ("instance-delete", $"/instances/{ids[0]}/delete"),
        ("instance-migrate", $"/instances/{ids[0]}/migrate"),
        ("instance-failover", $"/instances/{ids[0]}/failover"),
        ("instance-recover", $"/instances/{ids[0]}/recover"),
        ("instance-failover-settings", $"/instances/{ids[0]}/failover-settings"),
        ("instance-services", $"/instances/{ids[0]}/services"),
        ("instance-standby-off", $"/instances/{ids[0]}/standby-off"),
        ("instance-standby-on", $"/instances/{ids[1]}/standby-on"),
        ("offers", "/offers?gpu_name=rtx4090&min_reliability=0.95"),
        ("offers-wrong", "/offers?max_price=cheap"),
        ("offers-none", "/offers?gpu_name=rtx4090&max_price=0.001"),
        ("new-instance", "/instances/new?offer_id=" + OfferId),
        ("snapshots", "/snapshots"),
        ("settings-storage", "/settings/storage"),
        ("settings", "/settings"),
        ("settings-own", "/settings/own-machines"),
        ("settings-ssh", "/settings/ssh-keys"),
        ("settings-standby", "/settings/standby"),
        ("settings-api", "/settings/api-keys"),
    ];

    private static string OfferId { get; set; } = "0";

    private static async Task<string> RentAsync(IPage page, string label)
    {
        await page.GotoAsync("/offers?gpu_name=rtx4090&verified_only=true&min_reliability=0.95");
        var links = page.Locator("#offers a.button");
        OfferId = (await links.Nth(3).GetAttributeAsync("href"))!.Split('=')[^1];
        await links.First.ClickAsync();
        await page.FillAsync("#label", label);
        await page.ClickAsync("#quote button");
        await Expect(page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("/instances/[0-9]+$"));
        await Expect(page.Locator("#instance-head .badge")).ToHaveTextAsync("running", new() { Timeout = (float)TestWorld.Patience.TotalMilliseconds });
        return page.Url.Split('/')[^1];
    }

    // Takes one, reads the repository, and looks at what bringing it back exactly would remove.
    private static async Task<(string Restore, string Preview)> SnapshotAsync(IPage page, string instance)
    {
        await page.GotoAsync("/snapshots");
        await page.FillAsync("#name", "backup-v1");
        await page.SelectOptionAsync("#instance_id", instance);
        await page.ClickAsync("#create button.primary");
        await Expect(page.Locator("#snapshots .badge")).ToHaveTextAsync("complete", new() { Timeout = (float)TestWorld.Patience.TotalMilliseconds });
        await page.ClickAsync("#verify button[name=now]");
        await Expect(page.Locator("#verification .badge")).ToHaveTextAsync("no damage", new() { Timeout = (float)TestWorld.Patience.TotalMilliseconds });
        var restore = (await page.Locator("#snapshots a[href$=restore]").First.GetAttributeAsync("href"))!;
        await page.GotoAsync(restore);
        await page.SelectOptionAsync("#instance_id", instance);
        await page.CheckAsync("input[name=delete]");
        await page.ClickAsync("#into button.primary");
        await Expect(page.Locator(".consequences li").First).ToBeVisibleAsync(new() { Timeout = (float)TestWorld.Patience.TotalMilliseconds });
        return (restore, new Uri(page.Url).AbsolutePath);
    }

    private static async Task CheckAsync(IPage page, string name, string path, Look look, List<string> faults)
    {
        await page.GotoAsync(path);
        await page.EvaluateAsync("document.fonts.ready");
        await Artifacts.ShootAsync(page, name, look);
        if (await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth") is > 0 and var excess)
        {
            faults.Add($"{name} {look}: {excess} px wider than the screen");
        }

        if (await page.EvaluateAsync<string>("document.documentElement.lang") != look.Language)
        {
            faults.Add($"{name} {look}: wrong language");
        }

        await page.EvaluateAsync(await File.ReadAllTextAsync(Path.Combine(Checkout.Root, Axe), Cancel));
        var found = await page.EvaluateAsync<string[]>(
            """
            async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
                .filter(each => each.impact === 'serious' || each.impact === 'critical')
                .map(each => each.id + ': ' + each.nodes.map(node => node.target.join(' ') + ' ' + node.failureSummary.split('\n')[1]).slice(0, 3).join(' | '))
            """);
        faults.AddRange(found.Select(each => $"{name} {look}: {each}"));
    }

    private async Task DeleteAllAsync(string[] ids)
    {
        await using var watched = await world.NewPageAsync(new Look());
        await BrowserWorld.SignInAsync(watched.Page, "look@example.com");
        foreach (var id in ids)
        {
            await watched.Page.GotoAsync($"/instances/{id}/delete");
            var label = await watched.Page.Locator("label[for=label]").TextContentAsync();
            await watched.Page.FillAsync("#label", label!.Split(": ")[^1]);
            await watched.Page.ClickAsync("main button.danger");
        }

        await world.World.AwaitNothingBillsAsync(Cancel);
    }
}
