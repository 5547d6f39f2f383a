using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>Files that go from instance to instance, to volumes and back.</summary>
public sealed class CopyTests
{
    [Fact]
    public async Task Copy_BetweenInstances_CarriesFilesAndIsChargedOnBothHosts()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (from, to) = (await cloud.RentAsync(), await cloud.RentAsync(gpu: "RTX 3090"));
        var source = MachineTests.Access(await cloud.UntilAsync(from, "running"));
        var target = MachineTests.Access(await cloud.UntilAsync(to, "running"));
        await ssh.OutputAsync(source.Host, source.Port, "mkdir -p '/workspace/a b'; head -c 3000000 /dev/urandom > '/workspace/a b/data'; ln -s /etc/hostname /workspace/link; chmod 600 '/workspace/a b/data'");

        await CopyAsync(cloud, $"C.{from}", "/workspace/", $"{to}", "/workspace/in/");

        var sum = await ssh.OutputAsync(source.Host, source.Port, "sha256sum < '/workspace/a b/data'");
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(target.Host, target.Port, "sha256sum < '/workspace/in/a b/data'")).Output.TrimEnd() == sum, "copied");
        Assert.Equal("600 /etc/hostname", await ssh.OutputAsync(target.Host, target.Port, "echo $(stat -c %a '/workspace/in/a b/data') $(readlink /workspace/in/link)"));
        await Eventually.IsTrueAsync(async () => await BytesAsync(cloud, to, "bwd") > 3_000_000, "received bytes charged");
        Assert.Equal(await BytesAsync(cloud, from, "bwu"), await BytesAsync(cloud, to, "bwd"));
    }

    [Fact]
    public async Task Copy_VolumeToStoppedInstanceAndToAClone_CarriesFiles()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (offer, volumeOffer, _) = await VolumeTests.OfferAsync(cloud);
        var id = await VolumeTests.RentAsync(cloud, offer, $$"""
            "volume_info":{"mount_path":"/data","create_new":true,"volume_id":{{volumeOffer}} }
            """);
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(id, "running"));
        await ssh.OutputAsync(host, port, "mkdir /data/set; echo 1 > /data/set/one");
        var volume = (await cloud.VastAsync("GET", "v0/volumes")).Json["volumes"]![0]!["id"]!.GetValue<long>();
        var (otherOffer, otherVolumeOffer, _) = await VolumeTests.OfferAsync(cloud, "RTX 3090");
        var other = await VolumeTests.RentAsync(cloud, otherOffer);
        (host, port) = MachineTests.Access(await cloud.UntilAsync(other, "running"));
        await cloud.VastAsync("PUT", $"v0/instances/{other}/", """{"state":"stopped"}""");
        await cloud.UntilAsync(other, "exited");

        await CopyAsync(cloud, $"V.{volume}", "/set", $"C.{other}", "/workspace");
        var disk = Path.Combine(cloud.Options.DataFolder, "machines", $"vast-{other}", "disk", "workspace", "set", "one");
        await Eventually.IsTrueAsync(() => File.Exists(disk) && File.ReadAllText(disk) == "1\n", "copied to the stopped instance");

        var clone = (await cloud.VastAsync("POST", "v0/volumes/copy/", $$"""{"src_id":{{volume}},"dst_id":{{otherVolumeOffer}}}""")).Json["volume_name"]!.ToString();
        var cloned = Path.Combine(cloud.Options.DataFolder, "volumes", clone, "set", "one");
        await Eventually.IsTrueAsync(() => File.Exists(cloned) && File.ReadAllText(cloned) == "1\n", "cloned");
        var small = await cloud.VastAsync("POST", "v0/volumes/copy/", $$"""{"src_id":{{volume}},"dst_id":{{otherVolumeOffer}},"size":1}""");
        Assert.Equal((400, "invalid_args"), (small.Status, small.Json["error"]!.ToString()));
    }

    [Fact]
    public async Task Copy_OfWhatIsNotThere_SaysSoInTheStatus()
    {
        await using var cloud = await TestCloud.StartAsync();
        var (from, to) = (await cloud.RentAsync(), await cloud.RentAsync(gpu: "RTX 3090"));
        await cloud.UntilAsync(from, "running");
        await cloud.UntilAsync(to, "running");

        await CopyAsync(cloud, $"C.{from}", "/nowhere", $"C.{to}", "/workspace");

        await Eventually.IsTrueAsync(
            async () => (await cloud.InstanceAsync(to))!["status_msg"]!.ToString().Contains("failed", StringComparison.Ordinal), "failure shown");
    }

    [Fact]
    public async Task Copy_Canceled_Ends()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (from, to) = (await cloud.RentAsync(), await cloud.RentAsync(gpu: "RTX 3090"));
        var source = MachineTests.Access(await cloud.UntilAsync(from, "running"));
        await cloud.UntilAsync(to, "running");
        // A tar that never ends: the copy lasts until it is canceled.
        await ssh.OutputAsync(source.Host, source.Port, "mv /usr/bin/tar /usr/bin/tar.real; printf '#!/bin/sh\\nexec sleep infinity\\n' > /usr/bin/tar; chmod +x /usr/bin/tar");
        await CopyAsync(cloud, $"C.{from}", "/workspace/", $"C.{to}", "/workspace/");
        Assert.Contains("copying", (await cloud.InstanceAsync(to))!["status_msg"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(400, (await cloud.VastAsync("PUT", "v0/commands/copy_direct/", Body($"C.{from}", "/workspace/", $"C.{to}", "/workspace/"))).Status);

        Assert.Equal(200, (await cloud.VastAsync("DELETE", "v0/commands/copy_direct/", $$"""{"client_id":"me","dst_id":"{{to}}"}""")).Status);

        await Eventually.IsTrueAsync(
            async () => (await cloud.InstanceAsync(to))!["status_msg"]!.ToString().Contains("canceled", StringComparison.Ordinal), "cancellation shown");
    }

    [Fact]
    public async Task Copy_BadRequests_AreRefused()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync();
        await cloud.UntilAsync(id, "running");
        foreach (var (body, status, error) in ((string, int, string)[])
        [
            (Body("C.1", "/a", $"C.{id}", "/b"), 404, "no_such_instance"), (Body($"C.{id}", "/a", "V.1", "/b"), 404, "no_such_volume"),
            (Body($"C.{id}", "a", $"C.{id}", "/b"), 400, "invalid_args"), (Body($"C.{id}", "/a/../../b", $"C.{id}", "/b"), 400, "invalid_args"),
            (Body("X.1", "/a", $"C.{id}", "/b"), 400, "invalid_args"), (Body("s3.101", "/a", $"C.{id}", "/b"), 501, "not_supported"),
        ])
        {
            var answer = await cloud.VastAsync("PUT", "v0/commands/copy_direct/", body);

            Assert.Equal((body, status, error), (body, answer.Status, answer.Json["error"]!.ToString()));
        }
    }

    private static async Task CopyAsync(TestCloud cloud, string from, string fromPath, string to, string toPath)
    {
        var answer = await cloud.VastAsync("PUT", "v0/commands/copy_direct/", Body(from, fromPath, to, toPath));
        Assert.True(answer.Status == 200, answer.Text);
    }

    private static string Body(string from, string fromPath, string to, string toPath) =>
        new JsonObject { ["client_id"] = "me", ["src_id"] = from, ["dst_id"] = to, ["src_path"] = fromPath, ["dst_path"] = toPath }.ToJsonString();

    private static async Task<long> BytesAsync(TestCloud cloud, long id, string kind) =>
        (await cloud.SendAsync("GET", "/local/invoices")).Json["invoices"]!.AsArray().Single(invoice => invoice!["id"]!.ToString() == $"{id}")!["lines"]!.AsArray()
            .Where(line => line!["kind"]!.ToString() == kind).Sum(line => line!["bytes"]!.GetValue<long>());
}
