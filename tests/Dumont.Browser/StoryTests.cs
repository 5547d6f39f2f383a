using System.Text.RegularExpressions;
using Dumont.Scenarios.Harness;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Dumont.Browser;

/// <summary>What a user does, in a browser: rent a GPU, watch it come up, lose its host, watch the failover. Nothing is reloaded on the way.</summary>
public sealed partial class StoryTests(BrowserWorld world) : IClassFixture<BrowserWorld>
{
    private static readonly LocatorAssertionsToHaveTextOptions Patient = new() { Timeout = (float)TestWorld.Patience.TotalMilliseconds };
    private static readonly LocatorAssertionsToBeVisibleOptions PatientToSee = new() { Timeout = (float)TestWorld.Patience.TotalMilliseconds };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Browser_RentsLosesItsHost_SeesTheFailoverWithoutReloading()
    {
        var cloud = world.World.Cloud;
        await using var watched = await world.NewPageAsync(new Look());
        var page = watched.Page;
        await BrowserWorld.SignUpAsync(page, "story@example.com");

        // Standbys for new instances.
        await page.ClickAsync("nav.nav >> text=Settings");
        await page.ClickAsync("nav.tabs >> text=Standby");
        await page.CheckAsync("[name=enabled]");
        await page.ClickAsync("main button.primary");
        await Expect(page.Locator("#notice")).ToContainTextAsync("Saved");

        // From the market to a form with its price, to an instance.
        await page.ClickAsync("nav.nav >> text=Offers");
        await page.FillAsync("#gpu_name", "rtx4090");
        await Expect(page.Locator("#offers tbody th").First).ToContainTextAsync("RTX 4090");
        await Expect(page.Locator("#offers .cli")).ToContainTextAsync("gpu_name=rtx4090");
        await page.CheckAsync("[name=verified_only]");
        await Expect(page).ToHaveURLAsync(new Regex("verified_only=true"));
        await page.Locator("#offers a.button").First.ClickAsync();
        await page.FillAsync("#label", "train");
        var before = await page.Locator("#quote .sum dd").TextContentAsync();
        await page.FillAsync("#disk_size", "300");
        await Expect(page.Locator("#quote .sum dd")).Not.ToHaveTextAsync(before!);
        await page.FillAsync("#disk_size", "20");
        await Expect(page.Locator("#quote")).ToContainTextAsync("20 GB");
        await Expect(page.Locator("#quote button")).ToBeEnabledAsync();
        await page.ClickAsync("#quote button");
        await Expect(page).ToHaveURLAsync(InstancePath());

        await page.EvaluateAsync("window.notReloaded = true");
        await Expect(page.Locator("#live")).ToHaveAttributeAsync("data-state", "live");
        await Expect(page.Locator("#instance-head .badge")).ToHaveTextAsync("running", Patient);
        await Expect(page.Locator("#ssh-line")).ToContainTextAsync("ssh -p");
        await Expect(page.Locator("#instance-standby .badge")).ToHaveTextAsync("ready", Patient);
        await Expect(page.Locator("#instance-metrics .meter").First).ToBeVisibleAsync();
        await Artifacts.ShootAsync(page, "story-running", new Look());

        // The host dies.
        var id = long.Parse(InstancePath().Match(page.Url).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        await cloud.KillHostAsync((await cloud.GpuOfAsync(id, Cancel)).Id, Cancel);
        await Expect(page.Locator("#instance-failover .timeline")).ToBeVisibleAsync(PatientToSee);
        await Expect(page.Locator("#instance-failover li.done").First).ToBeVisibleAsync(PatientToSee);
        await Expect(page.Locator("#instance-failover .badge")).ToHaveTextAsync("complete", Patient);
        Assert.Equal(6, await page.Locator("#instance-failover li.done").CountAsync());
        await Expect(page.Locator("#instance-standby .badge")).ToHaveTextAsync("ready", Patient);
        await Expect(page.Locator("#instance-events")).ToContainTextAsync("A new GPU machine has taken over");
        Assert.True(await page.EvaluateAsync<bool>("window.notReloaded === true"));
        await Artifacts.ShootAsync(page, "story-failover", new Look());

        // The end: the label is to be typed, a wrong one is refused.
        await page.ClickAsync("#instance-head >> text=Delete");
        await page.FillAsync("#label", "trian");
        await page.ClickAsync("main button.danger");
        await Expect(page.Locator(".field-error")).ToBeVisibleAsync();
        await Artifacts.ShootAsync(page, "delete", new Look());
        await page.FillAsync("#label", "train");
        await page.ClickAsync("main button.danger");
        await Expect(page.Locator("#notice")).ToContainTextAsync("train");
        await world.World.AwaitNothingBillsAsync(Cancel);

        // The refused label is an answer with status 422, which Chromium notes.
        Assert.DoesNotContain(watched.Faults, fault => !fault.Contains("422", StringComparison.Ordinal));
    }

    [GeneratedRegex("/instances/([0-9]+)$")]
    private static partial Regex InstancePath();
}
