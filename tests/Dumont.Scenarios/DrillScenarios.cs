using System.Diagnostics;
using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The drills of the command line, which see the address, the API and the cloud's control routes and nothing else. In two classes, because classes run side by
/// side and these drills are long.</summary>
public abstract class DrillScenarios(WorldFixture fixture) : WorldTests(fixture)
{
    private protected CancellationToken Cancelled { get; } = TestContext.Current.CancellationToken;

    private protected static int Number(JsonNode drill, string field) => drill["files"]![field]!.GetValue<int>();

    private protected async Task<(ApiUser User, long Id)> CreatePairAsync()
    {
        var user = await World.NewUserAsync(Cancelled);
        await user.EnableStandbyAsync(Cancelled);
        var id = await user.Create4090Async(Cancelled);
        await user.AwaitStatusAsync(id, "running", TestWorld.Patience, Cancelled);
        await user.AwaitSyncedAsync(id, TestWorld.Patience, Cancelled);
        return (user, id);
    }

    private protected static string HomeOf(ApiUser user) => Directory.CreateDirectory(Path.Combine(user.Folder, "home")).FullName;

    private protected async Task<(int ExitCode, string Output, string Error, string All)> RunAsync(ApiUser user, params string[] words)
    {
        var home = HomeOf(user);
        var start = new ProcessStartInfo(Checkout.Program("Dumont.Cli", "dumont-cli"), words)
        {
            WorkingDirectory = home,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["HOME"] = home;
        start.Environment["DUMONT_BASE_URL"] = World.Server.Url.AbsoluteUri;
        start.Environment["DUMONT_TOKEN"] = user.Token;
        start.Environment["DUMONT_LOCALCLOUD_URL"] = World.Cloud.Url.AbsoluteUri;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancelled), process.StandardError.ReadToEndAsync(Cancelled));
        await process.WaitForExitAsync(Cancelled);
        return (process.ExitCode, await output, await error, $"{process.ExitCode}\n{await output}\n{await error}");
    }
}
