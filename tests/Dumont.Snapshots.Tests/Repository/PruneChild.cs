namespace Dumont.Snapshots.Tests;

/// <summary>A prune in a process of its own, to be killed: <c>REPOSITORY</c>. Says when it is done.</summary>
internal static class PruneChild
{
    public const string Argument = "prune-child";

    public static async Task<int> RunAsync(string[] args)
    {
        await using var store = new DirectoryObjectStore(args[0]);
        try
        {
            await Bench.PruneAsync(store, null, TimeProvider.System);
            Console.WriteLine("pruned");
            return 0;
        }
        catch (IOException e)
        {
            Console.Error.WriteLine(e.Message);
            return 3;
        }
    }
}
