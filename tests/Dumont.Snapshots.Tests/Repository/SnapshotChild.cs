namespace Dumont.Snapshots.Tests;

/// <summary>A snapshot in a process of its own, to be killed: <c>REPOSITORY SOURCE</c>. Prints the id of what it acknowledges.</summary>
internal static class SnapshotChild
{
    public const string Argument = "snapshot-child";

    public static async Task<int> RunAsync(string[] args)
    {
        await using var store = new DirectoryObjectStore(args[0]);
        try
        {
            Console.WriteLine((await Bench.SnapshotAsync(store, null, args[1], TimeProvider.System)).Id);
            return 0;
        }
        catch (IOException e)
        {
            Console.Error.WriteLine(e.Message);
            return 3;
        }
    }
}
