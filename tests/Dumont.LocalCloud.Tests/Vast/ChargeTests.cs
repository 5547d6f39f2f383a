using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>Charges and invoices as the provider shows them.</summary>
public sealed class ChargeTests : IAsyncLifetime
{
    private readonly HandClock _time = new();
    private TestCloud _cloud = null!;

    public async ValueTask InitializeAsync() => _cloud = await TestCloud.StartAsync(options => options.BootDelay = TimeSpan.Zero, _time);

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Fact]
    public async Task Charges_OfAWindow_AreItsSecondsAndWindowsAddUp()
    {
        var id = await RentAsync("first");
        var start = _time.GetUtcNow().ToUnixTimeSeconds();
        _time.Advance(TimeSpan.FromHours(3));

        var whole = await ChargesAsync(start, start + 10_799);
        var hours = new[] { await ChargesAsync(start, start + 3_599), await ChargesAsync(start + 3_600, start + 7_199), await ChargesAsync(start + 7_200, start + 10_799) };

        var row = whole["results"]!.AsArray().Single()!;
        Assert.Equal(("instance", $"instance-{id}", "first"), (row["type"]!.ToString(), row["source"]!.ToString(), row["metadata"]!["label"]!.ToString()));
        Assert.Contains("hours at $", row["items"]![0]!["description"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(["disk", "gpu"], row["items"]!.AsArray().Select(item => item!["type"]!.ToString()).Order());
        Assert.Equal(Amount(whole), hours.Sum(Amount), 6);
        var credit = (await _cloud.VastAsync("GET", "v0/users/current/")).Json["credit"]!.GetValue<double>();
        Assert.Equal(1000 - Amount(whole), credit, 6);
    }

    [Fact]
    public async Task Charges_ManyPages_AreAllThereOnceInEitherDirection()
    {
        var start = _time.GetUtcNow().ToUnixTimeSeconds();
        var (offer, volumeOffer, _) = await VolumeTests.OfferAsync(_cloud);
        for (var i = 0; i < 5; i++)
        {
            await _cloud.VastAsync("PUT", "v0/volumes/", $$"""{"id":{{volumeOffer}},"size":5}""");
        }

        await VolumeTests.RentAsync(_cloud, offer);
        _time.Advance(TimeSpan.FromHours(1));

        var forward = await PagesAsync(start, latestFirst: false);
        var backward = await PagesAsync(start, latestFirst: true);

        Assert.Equal(6, forward.Distinct().Count());
        Assert.Equal(forward, backward.AsEnumerable().Reverse());
        var volumes = await ChargesAsync(start, start + 10_000, ",\"type\":{\"in\":[\"volume\"]}");
        Assert.Equal(5, volumes["total"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("")]
    [InlineData("?select_filters={}")]
    [InlineData("?select_filters={\"day\":{\"gte\":1}}")]
    [InlineData("?select_filters={\"day\":{\"lte\":1}}")]
    [InlineData("?select_filters={\"day\":{\"gte\":\"monday\",\"lte\":1}}")]
    [InlineData("?select_filters={\"day\":{\"gte\":1,\"lte\":2},\"colour\":{\"eq\":1}}")]
    [InlineData("?select_filters={\"day\":")]
    [InlineData("?select_filters={\"day\":{\"gte\":1,\"lte\":2}}&format=cake")]
    [InlineData("?select_filters={\"day\":{\"gte\":1,\"lte\":2}}&after_token=nonsense")]
    [InlineData("?select_filters={\"day\":{\"gte\":1,\"lte\":2}}&limit=many")]
    public async Task Charges_BadQuestion_IsRefused(string query)
    {
        var answer = await _cloud.VastAsync("GET", "v0/charges/" + query);

        Assert.Equal(400, answer.Status);
        Assert.False(answer.Json["success"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Invoices_NewAndOld_ShowTheStartingCredit()
    {
        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        await RentAsync("first");
        _time.Advance(TimeSpan.FromHours(1));

        var invoices = (await _cloud.VastAsync("GET", $$"""v1/invoices/?select_filters={"when":{"gte":{{now - 10}},"lte":{{now + 10}} } }&limit=20""")).Json;
        Assert.Equal((1, -1000.0), (invoices["total"]!.GetValue<int>(), invoices["results"]![0]!["amount"]!.GetValue<double>()));

        var old = (await _cloud.VastAsync("GET", $"v0/users/me/invoices?owner=me&sdate={now - 10}&edate={now + 10_000}&inc_charges=true")).Json;
        Assert.Equal(["charge", "charge", "payment"], old["invoices"]!.AsArray().Select(row => row!["type"]!.ToString()).Order());
        Assert.True(old["current"]!["total"]!.GetValue<double>() > 0.1);
    }

    private async Task<long> RentAsync(string label)
    {
        var id = await _cloud.RentAsync($"\"label\":\"{label}\"");
        await _cloud.UntilAsync(id, "running");
        return id;
    }


    private async Task<JsonObject> ChargesAsync(long from, long to, string more = "", string page = "")
    {
        var answer = await _cloud.VastAsync("GET", $$"""v0/charges/?select_filters={"day":{"gte":{{from}},"lte":{{to}} }{{more}} }{{page}}""");
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json;
    }

    private async Task<List<string>> PagesAsync(long start, bool latestFirst)
    {
        var seen = new List<string>();
        string? token = null;
        do
        {
            var page = await ChargesAsync(start, start + 10_000, "", $"&limit=4&latest_first={(latestFirst ? "true" : "false")}" + (token is null ? "" : "&after_token=" + Uri.EscapeDataString(token)));
            seen.AddRange(page["results"]!.AsArray().Select(row => row!["source"]!.ToString()));
            token = page["next_token"]?.ToString();
        }
        while (token is not null);

        return seen;
    }

    private static double Amount(JsonObject charges) => charges["results"]!.AsArray().Sum(row => row!["amount"]!.GetValue<double>());
}
