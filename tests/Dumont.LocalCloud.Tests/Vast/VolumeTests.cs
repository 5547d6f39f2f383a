using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>Volumes: real folders of one host that outlive the instances that mount them.</summary>
public sealed class VolumeTests
{
    [Fact]
    public async Task Volume_UsedByTwoInstancesInTurn_KeepsItsFiles()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (offer, volumeOffer, _) = await OfferAsync(cloud);
        var created = await cloud.VastAsync("PUT", "v0/volumes/", $$"""{"id":{{volumeOffer}},"size":20,"name":"models"}""");
        Assert.Equal(200, created.Status);
        var name = created.Json["volume_name"]!.ToString();
        var id = long.Parse(name[2..], System.Globalization.CultureInfo.InvariantCulture);

        var first = await RentAsync(cloud, offer, $"\"env\":{{\"-v {name}:/mnt/models\":\"1\"}}");
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(first, "running"));
        await ssh.OutputAsync(host, port, "echo weights > /mnt/models/a; mkdir /mnt/models/sub");
        Assert.Equal([first], (await ListAsync(cloud))[0]["instances"]!.AsArray().Select(user => user!.GetValue<long>()));
        var refused = await cloud.VastAsync("DELETE", $"v0/volumes/?id={id}");
        Assert.Equal((400, "invalid_args"), (refused.Status, refused.Json["error"]!.ToString()));
        var listed = (await cloud.VastAsync("GET", "v1/instances/")).Json["instances"]![0]!["volume_info"]![0]!;
        Assert.Equal((id, "/mnt/models"), (listed["id"]!.GetValue<long>(), listed["mount_path"]!.ToString()));
        Assert.Null((await cloud.InstanceAsync(first))!["volume_info"]);
        await cloud.VastAsync("DELETE", $"v0/instances/{first}/", "{}");

        var second = await RentAsync(cloud, offer, $$"""
            "volume_info":{"mount_path":"/data","create_new":false,"volume_id":{{id}} }
            """);
        (host, port) = MachineTests.Access(await cloud.UntilAsync(second, "running"));
        Assert.Equal("weights\na\nsub", await ssh.OutputAsync(host, port, "cat /data/a; ls /data"));
        await cloud.VastAsync("DELETE", $"v0/instances/{second}/", "{}");

        await Eventually.IsTrueAsync(async () => (await cloud.VastAsync("DELETE", "v0/volumes/", $$"""{"id":{{id}}}""")).Status == 200, "volume released");
        Assert.Empty(await ListAsync(cloud));
        Assert.False(Directory.Exists(Path.Combine(cloud.Options.DataFolder, "volumes", name)));
        Assert.Equal(404, (await cloud.VastAsync("DELETE", $"v0/volumes/?id={id}")).Status);
    }

    [Fact]
    public async Task Volume_MadeWithTheInstance_IsThereAfterARestartAndIsBilled()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (offer, volumeOffer, _) = await OfferAsync(cloud);
        await Billing.InvoiceTests.SetSpeedAsync(cloud, 3600);
        var id = await RentAsync(cloud, offer, $$"""
            "volume_info":{"mount_path":"/root/volume","create_new":true,"volume_id":{{volumeOffer}},"size":30,"name":"kept"}
            """);
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(id, "running"));
        await ssh.OutputAsync(host, port, "echo 1 > /root/volume/a");

        await cloud.RestartAsync();

        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(host, port, "cat /root/volume/a")).Output == "1\n", "volume mounted again");
        var volume = (await ListAsync(cloud)).Single();
        Assert.Equal(("kept", 30), (volume["label"]!.ToString(), volume["disk_space"]!.GetValue<int>()));
        var bill = (await cloud.SendAsync("GET", "/local/invoices")).Json["invoices"]!.AsArray().Single(invoice => invoice!["source"]!.ToString() == "volume")!;
        Assert.Equal("volume", bill["lines"]![0]!["kind"]!.ToString());
        Assert.True(bill["amount_micro_usd"]!.GetValue<long>() > 0);
    }

    [Fact]
    public async Task Volume_OnAnotherMachine_CannotBeMounted()
    {
        await using var cloud = await TestCloud.StartAsync();
        var (_, volumeOffer, machine) = await OfferAsync(cloud);
        var name = (await cloud.VastAsync("PUT", "v0/volumes/", $$"""{"id":{{volumeOffer}},"size":10}""")).Json["volume_name"]!.ToString();
        var other = (await cloud.SearchAsync($$"""{"machine_id":{"neq":{{machine}} },"rentable":{"eq":true},"limit":1}"""))[0]["id"]!.GetValue<long>();

        var answer = await cloud.VastAsync("PUT", $"v0/asks/{other}/", TestCloud.RentBody($"\"env\":\"-v {name}:/data\""));

        Assert.Equal((400, "invalid_args"), (answer.Status, answer.Json["error"]!.ToString()));
        Assert.Empty((await cloud.VastAsync("GET", "v1/instances/")).Json["instances"]!.AsArray());
    }

    [Fact]
    public async Task Volume_MountPathThatIsALink_FailsTheBootAndTouchesNothingOutside()
    {
        await using var cloud = await TestCloud.StartAsync();
        var (offer, volumeOffer, _) = await OfferAsync(cloud);
        var id = await RentAsync(cloud, offer, $$"""
            "volume_info":{"mount_path":"/data","create_new":true,"volume_id":{{volumeOffer}} }
            """);
        await cloud.UntilAsync(id, "running");
        var outside = Path.Combine(cloud.Folder, "outside");
        await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"stopped"}""");
        await cloud.UntilAsync(id, "exited");
        var disk = Path.Combine(cloud.Options.DataFolder, "machines", $"vast-{id}", "disk");
        Directory.Delete(Path.Combine(disk, "data"));
        File.CreateSymbolicLink(Path.Combine(disk, "data"), outside);

        await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"running"}""");

        var failed = await cloud.UntilAsync(id, "created");
        Assert.Contains("not a folder", failed["status_msg"]!.ToString(), StringComparison.Ordinal);
        Assert.False(Path.Exists(outside));
    }

    [Fact]
    public async Task Search_Volumes_FollowsTheQueryAndWhatIsRented()
    {
        await using var cloud = await TestCloud.StartAsync();
        var (_, volumeOffer, machine) = await OfferAsync(cloud);
        var query = $$"""{"machine_id":{"eq":"{{machine}}"},"disk_space":{"gte":1},"external":{"eq":false},"order":[["disk_space","desc"]],"allocated_storage":1}""";
        var before = await SearchAsync(cloud, query);

        await cloud.VastAsync("PUT", "v0/volumes/", $$"""{"id":{{volumeOffer}},"size":"25"}""");

        var after = await SearchAsync(cloud, query);
        Assert.Equal(volumeOffer, after[0]["id"]!.GetValue<long>());
        Assert.Equal(before[0]["disk_space"]!.GetValue<double>() - 25, after[0]["disk_space"]!.GetValue<double>());
        Assert.Equal(64, (await SearchAsync(cloud, """{"limit":500}""")).Count);
        var bad = await cloud.SendAsync("POST", "/api/v0/volumes/search/", """{"colour":{"eq":1}}""");
        Assert.Equal((400, "invalid_request"), (bad.Status, bad.Json["error"]!.ToString()));
    }

    [Theory]
    [InlineData("""{"id":1,"size":15}""", 404, "invalid_args")]
    [InlineData("""{"size":15}""", 400, "invalid_args")]
    [InlineData("""{"id":OFFER,"size":0.5}""", 400, "invalid_args")]
    [InlineData("""{"id":OFFER,"size":1000000}""", 400, "invalid_args")]
    [InlineData("""{"id":OFFER,"size":"big"}""", 400, "invalid_args")]
    public async Task Create_BadRequest_IsRefused(string body, int status, string error)
    {
        await using var cloud = await TestCloud.StartAsync();
        var (_, volumeOffer, _) = await OfferAsync(cloud);

        var answer = await cloud.VastAsync("PUT", "v0/volumes/", body.Replace("OFFER", $"{volumeOffer}", StringComparison.Ordinal));

        Assert.Equal((status, error), (answer.Status, answer.Json["error"]!.ToString()));
        Assert.Empty(await ListAsync(cloud));
    }

    /// <summary>A cheap offer, the volume offer of its machine and the machine.</summary>
    internal static async Task<(long Offer, long VolumeOffer, long Machine)> OfferAsync(TestCloud cloud, string gpu = "RTX 4090")
    {
        var offer = (await cloud.SearchAsync($$"""{"id":{"eq":{{await cloud.CheapestAsync(gpu)}} } }"""))[0];
        return (offer["id"]!.GetValue<long>(), offer["avail_vol_ask_id"]!.GetValue<long>(), offer["machine_id"]!.GetValue<long>());
    }

    internal static async Task<long> RentAsync(TestCloud cloud, long offer, string extra = "")
    {
        var answer = await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody(extra));
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json["new_contract"]!.GetValue<long>();
    }

    private static async Task<IReadOnlyList<JsonObject>> ListAsync(TestCloud cloud) =>
        [.. (await cloud.VastAsync("GET", "v0/volumes?owner=me&type=all_volume")).Json["volumes"]!.AsArray().Select(volume => volume!.AsObject())];

    private static async Task<IReadOnlyList<JsonObject>> SearchAsync(TestCloud cloud, string query) =>
        [.. (await cloud.SendAsync("POST", "/api/v0/volumes/search/", query)).Json["offers"]!.AsArray().Select(offer => offer!.AsObject())];
}
