namespace Dumont.Snapshots.Tests.Restore;

/// <summary>A restore in a process of its own, to be killed: <c>TARGET MODE</c>.</summary>
internal static class RestoreChild
{
    public const string Argument = "restore-child";

    public static async Task<int> RunAsync(string[] args)
    {
        var tree = RestoreCrashTests.NewTree();
        try
        {
            await new RestoreTree(tree.Chunks, RestoreCrashTests.Options(args[1]))
                .RunAsync(tree.Entries, "crash", args[0], CancellationToken.None);
            return 0;
        }
        catch (IOException e)
        {
            await Console.Error.WriteLineAsync(e.ToString());
            return 1;
        }
    }
}
