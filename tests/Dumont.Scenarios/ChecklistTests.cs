using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>Lines of the checklist, one test a line; <see cref="ChecklistFixture"/> has the table. They share a workplace and its repository: each has a folder and
/// data of its own, lest a part of it be stored already.</summary>
public abstract class ChecklistTests(ChecklistFixture fixture, ITestOutputHelper output)
{
    protected ITestOutputHelper Output { get; } = output;

    protected CancellationToken Cancelled { get; } = TestContext.Current.CancellationToken;

    private protected Task<Workplace> PlaceAsync() => fixture.PlaceAsync(Output);

    /// <summary>Keeps three versions of a folder and brings them back, not in the order in which they were kept.</summary>
    /// <param name="place">Where the folder is.</param>
    /// <param name="folder">Its name.</param>
    /// <param name="keep">Keeps it; the answer is the snapshot's id.</param>
    private protected static async Task ThereAndBackAsync(Workplace place, string folder, Func<string, Task<string>> keep)
    {
        var points = new List<(string Id, string Sum)>();
        foreach (var version in new[] { "one", "two", "three" })
        {
            var sum = await place.InAsync(folder, $"echo {version} > mark; head -c 200000 /dev/urandom > weights; {Workplace.Sums(".")}");
            points.Add((await keep(folder), sum));
        }

        foreach (var (id, sum) in new[] { points[0], points[2], points[1] })
        {
            await place.RestoreAsync(id);
            Assert.Equal(sum, await place.SumsAsync(folder));
        }
    }
}
