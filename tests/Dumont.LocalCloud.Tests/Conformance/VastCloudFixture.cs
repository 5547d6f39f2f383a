using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Conformance;

/// <summary>A cloud with one instance that runs on demand, one on a bid, one that is stopped and a volume; checks share it and leave it as it is.</summary>
public sealed class VastCloudFixture : IAsyncLifetime
{
    internal TestCloud Cloud { get; private set; } = null!;

    internal long Running { get; private set; }

    internal long Bid { get; private set; }

    internal long Stopped { get; private set; }

    internal long Volume { get; private set; }

    /// <summary>Offer that <see cref="Running"/> took.</summary>
    internal long TakenOffer { get; private set; }

    internal JsonObject Instance { get; private set; } = null!;

    internal JsonObject Listed { get; private set; } = null!;

    internal JsonObject Offer { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Cloud = await TestCloud.StartAsync();
        await Cloud.KeyAsync();
        var (offer, volumeOffer, _) = await Vast.VolumeTests.OfferAsync(Cloud);
        TakenOffer = offer;
        Running = await Vast.VolumeTests.RentAsync(Cloud, offer, $$"""
            "label":"conformance","env":{"COLOUR":"green","-p 8080:8080":"1"},"onstart":"true",
            "volume_info":{"mount_path":"/data","create_new":true,"volume_id":{{volumeOffer}} }
            """);
        Bid = await Cloud.RentAsync("\"price\":2", "RTX 3090");
        var jupyter = await Cloud.VastAsync(
            "PUT", $"v0/asks/{await Cloud.CheapestAsync("RTX 3080")}/", """{"image":"ubuntu:22.04","runtype":"jupyter_direc ssh_direc ssh_proxy"}""");
        Stopped = jupyter.Json["new_contract"]!.GetValue<long>();
        Instance = await Cloud.UntilAsync(Running, "running");
        await Cloud.UntilAsync(Bid, "running");
        await Cloud.UntilAsync(Stopped, "running");
        await Cloud.VastAsync("PUT", $"v0/instances/{Stopped}/", """{"state":"stopped"}""");
        await Cloud.UntilAsync(Stopped, "exited");
        var list = (await Cloud.VastAsync("GET", "v1/instances/")).Json["instances"]!.AsArray();
        Listed = list.Single(instance => instance!["id"]!.GetValue<long>() == Running)!.AsObject();
        Volume = Listed["volume_info"]![0]!["id"]!.GetValue<long>();
        Offer = (await Cloud.SearchAsync("""{"gpu_name":{"eq":"RTX 4090"},"rentable":{"eq":true},"allocated_storage":50}"""))[0];
    }

    public ValueTask DisposeAsync() => Cloud.DisposeAsync();

    /// <summary>Whether a value is of a type of the spec's tables: <c>int</c>, <c>float</c>, <c>str</c>, <c>bool</c>, <c>obj</c>, <c>list</c>,
    /// <c>null</c>, several joined by <c>|</c>.</summary>
    internal static bool IsOf(JsonNode? value, string types) => types.Split('|').Any(type => (type, value?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        ("null", JsonValueKind.Null) => true,
        ("int", JsonValueKind.Number) => !value!.ToJsonString().AsSpan().ContainsAny('.', 'e', 'E'),
        ("float", JsonValueKind.Number) => true,
        ("str", JsonValueKind.String) => true,
        ("bool", JsonValueKind.True or JsonValueKind.False) => true,
        ("obj", JsonValueKind.Object) => true,
        ("list", JsonValueKind.Array) => true,
        _ => false,
    });

    internal string Fill(string text) => text
        .Replace("RUNNING", $"{Running}", StringComparison.Ordinal)
        .Replace("BID", $"{Bid}", StringComparison.Ordinal)
        .Replace("STOPPED", $"{Stopped}", StringComparison.Ordinal)
        .Replace("VOLUME", $"{Volume}", StringComparison.Ordinal)
        .Replace("TAKEN", $"{TakenOffer}", StringComparison.Ordinal);
}
