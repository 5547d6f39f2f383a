using Dumont.Snapshots.Tests.Restore;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace Dumont.Snapshots.Tests;

/// <summary>Runs the tests, or, for tests that kill a process at a system call, is that process.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] args) => args switch
    {
        [RestoreChild.Argument, .. var rest] => await RestoreChild.RunAsync(rest),
        [PruneChild.Argument, .. var rest] => await PruneChild.RunAsync(rest),
        [SnapshotChild.Argument, .. var rest] => await SnapshotChild.RunAsync(rest),
        _ when args.Any(arg => arg is "-automated" or "@@") => await ConsoleRunner.Run(args),
        _ => await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions),
    };
}
