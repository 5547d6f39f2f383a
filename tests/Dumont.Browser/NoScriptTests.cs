using Dumont.Scenarios.Harness;
using static Microsoft.Playwright.Assertions;

namespace Dumont.Browser;

/// <summary>The same pages in a browser that runs no script: forms are posted, and the answer leads to a page.</summary>
public sealed class NoScriptTests(BrowserWorld world) : IClassFixture<BrowserWorld>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WithoutScript_SignInListDetailRentPauseDelete_Work()
    {
        await using var watched = await world.NewPageAsync(new Look(HasScript: false, Language: "pt-BR"));
        var page = watched.Page;
        await BrowserWorld.SignUpAsync(page, "plain@example.com");
        await page.ClickAsync("header .account button");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Entrar");
        await page.GotoAsync("/instances");
        Assert.EndsWith("/sign-in?return=%2Finstances", page.Url, StringComparison.Ordinal);
        await page.FillAsync("#username", "plain@example.com");
        await page.FillAsync("#password", "wrong password");
        await page.ClickAsync("main button.primary");
        await Expect(page.Locator(".toast.bad")).ToBeVisibleAsync();
        await Expect(page.Locator("#username")).ToHaveValueAsync("plain@example.com");
        await page.FillAsync("#password", BrowserWorld.Password);
        await page.ClickAsync("main button.primary");
        Assert.EndsWith("/instances", page.Url, StringComparison.Ordinal);

        // Language and theme.
        await page.ClickAsync("header button[value=en]");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Instances");
        await page.ClickAsync("header button[value=dark]");
        await Expect(page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");

        // The form keeps what was typed, and says what is wrong.
        await page.GotoAsync("/offers?gpu_name=rtx4090&verified_only=true&min_reliability=0.95");
        await page.Locator("#offers a.button").First.ClickAsync();
        await page.FillAsync("#label", "<b>bold</b>");
        await page.FillAsync("#disk_size", "5");
        await page.ClickAsync("#quote button");
        await Expect(page.Locator(".field-error")).ToContainTextAsync("10");
        await Expect(page.Locator("#label")).ToHaveValueAsync("<b>bold</b>");
        await page.FillAsync("#disk_size", "20");
        await page.ClickAsync("text=Compute the price again");
        await Expect(page.Locator("#quote")).ToContainTextAsync("20 GB");
        await page.ClickAsync("#quote button");
        await Expect(page.Locator("#instance-head h1")).ToContainTextAsync("<b>bold</b>");

        await Poll.UntilAsync(
            "the instance runs",
            TestWorld.Patience,
            async () =>
            {
                await page.ReloadAsync();
                return await page.Locator("#instance-head .badge").TextContentAsync() == "running";
            },
            Cancel);
        await page.ClickAsync("#instance-head >> text=Pause");
        await Expect(page.Locator("#notice")).ToContainTextAsync("Pausing");
        await Poll.UntilAsync(
            "the instance is paused",
            TestWorld.Patience,
            async () =>
            {
                await page.ReloadAsync();
                return await page.Locator("#instance-head .badge").TextContentAsync() == "paused";
            },
            Cancel);
        await page.GotoAsync("/instances?status=paused");
        await Expect(page.Locator("#instance-rows tr")).ToHaveCountAsync(1);
        await page.ClickAsync("#instance-rows a");
        await page.ClickAsync("#instance-head >> text=Delete");
        await page.FillAsync("#label", "<b>bold</b>");
        await page.ClickAsync("main button.danger");
        await Expect(page.Locator("#instance-rows tr")).ToHaveCountAsync(0);
        await world.World.AwaitNothingBillsAsync(Cancel);
    }
}
