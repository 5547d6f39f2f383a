using System.Web;
using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Vast;

public sealed class VastListTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task List_SeveralPages_FollowsTheCursorToTheEnd()
    {
        using var bench = new VastBench(request => Cursor(request) switch
        {
            null => Page([1, 2], "a+b/c="),
            "a+b/c=" => Page([3, 4], "two"),
            "two" => Page([5], null),
            _ => throw new InvalidOperationException(),
        });

        var listing = Assert.IsType<MachineListing.Complete>(await bench.Provider.ListAsync(Cancel));

        Assert.Equal(["1", "2", "3", "4", "5"], listing.Machines.Select(machine => machine.Id));
        Assert.Equal("/api/v1/instances/", bench.Network.Sent[0].Path);
        Assert.Contains("limit=25", bench.Network.Sent[0].Uri.Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_PagesChangeMeanwhile_EachMachineOnceAndTheFreshestReading()
    {
        using var bench = new VastBench(request => Cursor(request) is null
            ? Page([1, 2, 3], "x")
            : ScriptedHandler.Json("""{"success":true,"instances":[{"id":3,"actual_status":"running","intended_status":"running"},{"id":9}],"next_token":null}"""));

        var listing = Assert.IsType<MachineListing.Complete>(await bench.Provider.ListAsync(Cancel));

        Assert.Equal(["1", "2", "3", "9"], listing.Machines.Select(machine => machine.Id));
        Assert.Equal(ProviderMachineState.Running, listing.Machines[2].State);
    }

    [Theory]
    [InlineData("""{"success":false,"error":"invalid_token"}""", 400)]
    [InlineData("oops", 502)]
    [InlineData("API requests too frequent", 429)]
    [InlineData("""{"success":true,"next_token":null}""", 200)]
    [InlineData("""{"success":true,"instances":null,"next_token":null}""", 200)]
    [InlineData("""{"success":true,"instances":[{"label":"no id"}],"next_token":null}""", 200)]
    public async Task List_LaterPageFails_IsUnknownNotShort(string body, int status)
    {
        using var bench = new VastBench(request => Cursor(request) is null ? Page([1], "next") : ScriptedHandler.Text(body, status));

        Assert.IsType<MachineListing.Unknown>(await bench.Provider.ListAsync(Cancel));
    }

    [Fact]
    public async Task List_CursorInACircle_IsUnknown()
    {
        using var bench = new VastBench(_ => Page([1], "again"));

        Assert.Equal(ProviderErrorKind.Protocol, Assert.IsType<MachineListing.Unknown>(await bench.Provider.ListAsync(Cancel)).Kind);
        Assert.Equal(2, bench.Network.Sent.Count);
    }

    [Fact]
    public async Task List_EndlessCursors_EndsAtItsBound()
    {
        var page = 0;
        using var bench = new VastBench(_ => Page([++page], $"c{page}"));

        Assert.IsType<MachineListing.Unknown>(await bench.Provider.ListAsync(Cancel));
        Assert.Equal(400, bench.Network.Sent.Count);
    }

    [Theory]
    [InlineData("""{"success":true,"instances":[{"id":1}],"total_instances":1}""", true)]
    [InlineData("""{"success":true,"instances":[{"id":1}]}""", true)]
    [InlineData("""{"success":true,"instances":[{"id":1}],"total_instances":30}""", false)]
    [InlineData("""{"success":true,"instances":[],"total_instances":0,"next_token":null}""", true)]
    public async Task List_WithoutCursorField_IsCompleteOnlyIfTheCountAgrees(string body, bool complete)
    {
        using var bench = VastBench.Answering(body);

        Assert.Equal(complete, await bench.Provider.ListAsync(Cancel) is MachineListing.Complete);
    }

    private static string? Cursor(SentRequest request) => HttpUtility.ParseQueryString(request.Uri.Query)["after_token"];

    private static HttpResponseMessage Page(int[] ids, string? next)
    {
        var rows = string.Join(',', ids.Select(id => $$"""{"id":{{id}},"label":"dumont/s/{{id}}/1","actual_status":"loading","intended_status":"running"}"""));
        return ScriptedHandler.Json($$"""{"success":true,"instances":[{{rows}}],"next_token":{{(next is null ? "null" : $"\"{next}\"")}},"total_instances":99}""");
    }
}
