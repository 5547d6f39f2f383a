using Dapper;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Store;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Standby;

public sealed class AssociationStoreTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The writer's agent may still say that the promise holds which the former standby had.</summary>
    [Fact]
    public async Task Ensure_AfterARelease_GivesNoNumberOfAPromiseTwice()
    {
        await using var bench = await SpineBench.StartAsync();
        var (id, store) = (await bench.ProtectedAsync(), bench.Get<AssociationStore>());
        var document = Columns.Document((await bench.AssociationAsync(id)).Document with { PromiseNumber = 3 });
        await bench.Database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "UPDATE associations SET document = @document, version = version + 1 WHERE instance_id = @id", new { document, id = id.Value }, transaction),
            Cancel);

        await store.ReleaseAsync(SpineBench.User, id, Cancel);
        await bench.RunAsync(TimeSpan.FromMinutes(1));
        await bench.Database.WriteAsync(transaction => store.EnsureAsync(transaction, id, SpineBench.User, "europe-west1-b"), Cancel);

        var anew = (await bench.AssociationAsync(id)).Document;
        Assert.Equal(("europe-west1-b", 3), (anew.Zone, anew.PromiseNumber));
    }
}
