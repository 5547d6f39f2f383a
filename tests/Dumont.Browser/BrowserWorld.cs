using System.Text.RegularExpressions;
using Dumont.Scenarios.Harness;
using Microsoft.Playwright;

namespace Dumont.Browser;

/// <summary>Cloud, server and browser for one test class.</summary>
public sealed class BrowserWorld : IAsyncLifetime
{
    internal const string Password = "correct horse battery";

    private readonly Chromium _chromium = new();
    private TestWorld? _world;

    internal TestWorld World
    {
        get
        {
            Assert.SkipWhen(Ssh.Missing is not null, Ssh.Missing ?? "");
            Assert.SkipWhen(Chromium.Missing is not null, Chromium.Missing ?? "");
            return _world!;
        }
    }

    public async ValueTask InitializeAsync()
    {
        if (Ssh.Missing is null && Chromium.Missing is null)
        {
            await _chromium.InitializeAsync();
            _world = await TestWorld.StartAsync(CancellationToken.None, new Dictionary<string, string> { ["Offers__SearchDepth"] = "2048" });
        }
    }

    /// <summary>A browser that nobody has used yet.</summary>
    internal Task<WatchedPage> NewPageAsync(Look look) => _chromium.NewPageAsync(World.Server.Url, look);

    /// <summary>Makes an account by the page for it, which signs in as well.</summary>
    internal static async Task SignUpAsync(IPage page, string email)
    {
        await page.GotoAsync("/sign-up");
        await page.FillAsync("#email", email);
        await page.FillAsync("#password", Password);
        await page.ClickAsync("main button.primary");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync(new Regex("Home|Início"));
    }

    internal static async Task SignInAsync(IPage page, string email)
    {
        await page.GotoAsync("/sign-in");
        await page.FillAsync("#username", email);
        await page.FillAsync("#password", Password);
        await page.ClickAsync("main button.primary");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync(new Regex("Home|Início"));
    }

    public async ValueTask DisposeAsync()
    {
        await _chromium.DisposeAsync();
        if (_world is not null)
        {
            await _world.DisposeAsync();
        }
    }
}
