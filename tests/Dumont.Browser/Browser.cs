using Microsoft.Playwright;

namespace Dumont.Browser;

/// <summary>Debian's Chromium, and pages that note everything that a page should not do.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private const string Program = "/usr/bin/chromium";

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>Why no browser test can run here; null when they can.</summary>
    public static string? Missing => File.Exists(Program) ? null : $"{Program} is missing: apt-get install chromium";

    public async ValueTask InitializeAsync()
    {
        if (Missing is not null)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
            ],
        });
    }

    /// <summary>A new page in a browser without history, in which a script sees no other difference to a user's.</summary>
    internal async Task<WatchedPage> NewPageAsync(Uri server, Look look)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = server.AbsoluteUri,
            ViewportSize = new ViewportSize { Width = look.Width, Height = look.Width > 600 ? 900 : 780 },
            ColorScheme = look.IsDark ? ColorScheme.Dark : ColorScheme.Light,
            Locale = look.Language,
            JavaScriptEnabled = look.HasScript,
        });
        // Two busy cores are slow now and then. Bounds against hanging, not goals.
        context.SetDefaultTimeout(60_000);
        Assertions.SetDefaultExpectTimeout(30_000);
        return new WatchedPage(await context.NewPageAsync(), context);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}

/// <summary>How a page is looked at.</summary>
internal sealed record Look(int Width = 1280, bool IsDark = false, string Language = "en", bool HasScript = true)
{
    public override string ToString() => $"{Width}-{(IsDark ? "dark" : "light")}-{Language}";
}

/// <summary>A page whose errors are collected: what the console says, what the content policy refuses, what throws.</summary>
internal sealed class WatchedPage : IAsyncDisposable
{
    private readonly IBrowserContext _context;

    public WatchedPage(IPage page, IBrowserContext context)
    {
        (Page, _context) = (page, context);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                Faults.Add($"{page.Url}: console {message.Type}: {message.Text}");
            }
        };
        page.PageError += (_, error) => Faults.Add($"{page.Url}: {error}");
    }

    public IPage Page { get; }

    public List<string> Faults { get; } = [];

    public async ValueTask DisposeAsync() => await _context.CloseAsync();
}
