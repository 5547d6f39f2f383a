using Dumont.Scenarios.Harness;
using Microsoft.Playwright;

namespace Dumont.Browser;

/// <summary>Screenshots, for looking at.</summary>
internal static class Artifacts
{
    private static readonly string Folder = Directory.CreateDirectory(Path.Combine(Checkout.Root, "artifacts", "screenshots")).FullName;

    public static Task ShootAsync(IPage page, string name, Look look) =>
        page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder, $"{name}-{look}.png"), FullPage = true, Animations = ScreenshotAnimations.Disabled });
}
