using Dumont.Scenarios.Harness;
using Microsoft.Playwright;

namespace Dumont.Browser;

/// <summary>Screenshots, for looking at.</summary>
internal static class Artifacts
{
    private const int Attempts = 3;

    private static readonly string Folder = Directory.CreateDirectory(Path.Combine(Checkout.Root, "artifacts", "screenshots")).FullName;

    public static async Task ShootAsync(IPage page, string name, Look look)
    {
        var options = new PageScreenshotOptions { Path = Path.Combine(Folder, $"{name}-{look}.png"), FullPage = true, Animations = ScreenshotAnimations.Disabled };
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await page.ScreenshotAsync(options);
                return;
            }
            catch (PlaywrightException e) when (attempt < Attempts && e.Message.Contains("Unable to capture screenshot", StringComparison.Ordinal))
            {
                // On a busy machine the browser's compositor now and then gives no picture in time. The picture is for people; what is asserted is the page.
            }
        }
    }
}
