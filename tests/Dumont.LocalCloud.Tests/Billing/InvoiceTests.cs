using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Billing;

/// <summary><c>/local/invoices</c> and <c>/local/clock</c> over real machines.</summary>
public sealed class InvoiceTests
{
    [Fact]
    public async Task Invoices_OfALife_HoldEveryStretchAndMatchTheCredit()
    {
        await using var cloud = await TestCloud.StartAsync();
        await SetSpeedAsync(cloud, 3600);
        var id = await cloud.RentAsync("\"label\":\"job\"");
        await cloud.UntilAsync(id, "running");
        await Eventually.IsTrueAsync(async () => Seconds(await InvoiceAsync(cloud, id), "gpu") > 0, "GPU seconds charged");
        await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"stopped"}""");
        await cloud.UntilAsync(id, "exited");
        await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"running"}""");
        await cloud.UntilAsync(id, "running");
        await cloud.RestartAsync();
        await cloud.UntilAsync(id, "running");
        await cloud.VastAsync("DELETE", $"v0/instances/{id}/", "{}");

        var invoice = await InvoiceAsync(cloud, id);

        Assert.Equal("job", invoice["label"]!.ToString());
        Assert.NotNull(invoice["to"]);
        // Before the stop, after it, and once more where the restart was long enough to be seen.
        Assert.InRange(Lines(invoice, "gpu").Count, 2, 3);
        Assert.Single(Lines(invoice, "disk"));
        Assert.Equal(invoice["amount_micro_usd"]!.GetValue<long>(), invoice["lines"]!.AsArray().Sum(line => line!["amount_micro_usd"]!.GetValue<long>()));
        var credit = (await cloud.VastAsync("GET", "v0/users/current/")).Json["credit"]!.GetValue<double>();
        Assert.Equal(1000 - (invoice["amount_micro_usd"]!.GetValue<long>() / 1e6), credit, 6);
        Assert.Equal(invoice.ToJsonString(), (await InvoiceAsync(cloud, id)).ToJsonString());
    }

    [Fact]
    public async Task Credit_AtAFastClock_FallsToZeroAndEverythingStops()
    {
        await using var cloud = await TestCloud.StartAsync(options => options.StartingCreditUsd = 1);
        var (bid, onDemand) = (await cloud.RentAsync("\"price\":0.4"), await cloud.RentAsync(gpu: "RTX 3090"));
        await cloud.UntilAsync(bid, "running");
        await cloud.UntilAsync(onDemand, "running");

        await SetSpeedAsync(cloud, 36_000);

        await cloud.UntilAsync(bid, "exited");
        await cloud.UntilAsync(onDemand, "exited");
        Assert.True((await cloud.VastAsync("GET", "v0/users/current/")).Json["credit"]!.GetValue<double>() <= 0);
        var start = await cloud.VastAsync("PUT", $"v0/instances/{onDemand}/", """{"state":"running"}""");
        Assert.Equal((400, "insufficient_credit"), (start.Status, start.Json["error"]!.ToString()));
    }

    [Theory]
    [InlineData("""{"speed":-1}""", "speed")]
    [InlineData("""{"speed":100001}""", "speed")]
    [InlineData("""{"speed":"fast"}""", "speed")]
    [InlineData("""{"speed":"NaN"}""", "speed")]
    [InlineData("""{"speed":null}""", "speed")]
    [InlineData("{}", "speed")]
    [InlineData("""{"speed":1,"zone":"UTC"}""", "zone")]
    public async Task Clock_BadValue_IsRefusedWithTheField(string body, string field)
    {
        await using var cloud = await TestCloud.StartAsync();

        var answer = await cloud.SendAsync("POST", "/local/clock", body);

        Assert.Equal((422, field), (answer.Status, answer.Json["field"]!.ToString()));
        Assert.Equal(1, (await cloud.SendAsync("GET", "/local/clock")).Json["speed"]!.GetValue<double>());
    }

    [Fact]
    public async Task Invoices_OfAVm_AreThoseOfItsAccount()
    {
        const string Zone = "europe-west1-b";
        await using var cloud = await TestCloud.StartAsync();
        await SetSpeedAsync(cloud, 3600);
        await cloud.GcpAsync("POST", $"/zones/{Zone}/instances", Gcp.VmTests.Body("cs-1", await Ssh.CreateAsync(cloud.Folder)));
        await cloud.VmUntilAsync(Zone, "cs-1", "RUNNING");
        JsonObject? invoice = null;
        await Eventually.IsTrueAsync(
            async () => (invoice = (await cloud.SendAsync("GET", "/local/invoices")).Json["invoices"]![0]!.AsObject())["lines"]!.AsArray().Count == 2, "both charges");

        Assert.Equal(("gcp", "vm", "cs-1"), (invoice!["provider"]!.ToString(), invoice["source"]!.ToString(), invoice["label"]!.ToString()));
        Assert.Equal("gcp", (await cloud.SendAsync("GET", "/local/invoices")).Json["accounts"]![0]!["provider"]!.ToString());
    }

    internal static async Task SetSpeedAsync(TestCloud cloud, double speed) =>
        Assert.Equal(200, (await cloud.SendAsync("POST", "/local/clock", new JsonObject { ["speed"] = speed }.ToJsonString())).Status);

    private static async Task<JsonObject> InvoiceAsync(TestCloud cloud, long id) =>
        (await cloud.SendAsync("GET", "/local/invoices")).Json["invoices"]!.AsArray().Single(invoice => invoice!["id"]!.ToString() == $"{id}")!.AsObject();

    private static List<JsonNode?> Lines(JsonObject invoice, string kind) => [.. invoice["lines"]!.AsArray().Where(line => line!["kind"]!.ToString() == kind)];

    private static long Seconds(JsonObject invoice, string kind) => Lines(invoice, kind).Sum(line => line!["seconds"]!.GetValue<long>());
}
