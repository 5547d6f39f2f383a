using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Providers.Tests.Ssh;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>Computers that their user owns, as GPU machine and as standby of an instance.</summary>
public sealed class OwnMachineTests(OwnMachineTests.Fixture fixture) : WorldTests(fixture), IClassFixture<OwnMachineTests.Fixture>
{
    private const string Gpu = "NVIDIA GeForce RTX 4090, 24564";

    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    public async Task TwoOwnMachines_FirstDies_SecondServesAndNothingOfOursIsLeftOnEither()
    {
        Assert.SkipWhen(OwnComputer.Missing is not null, OwnComputer.Missing ?? "");
        await using var first = await OwnComputer.StartAsync(Gpu);
        await using var second = await OwnComputer.StartAsync();
        var (user, stranger) = (await World.NewUserAsync(_cancellationToken), await World.NewUserAsync(_cancellationToken));
        var gpu = await JoinAsync(user, first, "gpu-box");
        var cpu = await JoinAsync(user, second, "cpu-box");
        Assert.Equal(("RTX 4090", 1, "gpu", "standby"), (gpu["gpu_name"]!.ToString(), gpu["num_gpus"]!.GetValue<int>(), gpu["uses"]!.ToString(), cpu["uses"]!.ToString()));
        var rootKeys = File.Exists("/root/.ssh/authorized_keys") ? await File.ReadAllTextAsync("/root/.ssh/authorized_keys", _cancellationToken) : null;

        // It is on offer at no price, to its owner alone.
        var offerId = gpu["offer_id"]!.GetValue<long>();
        Assert.Contains(await OfferIdsAsync(user), id => id == offerId);
        Assert.DoesNotContain(await OfferIdsAsync(stranger), id => id == offerId);
        var theft = await Assert.ThrowsAsync<DumontApiException>(() => stranger.CreateAsync(new JsonObject { ["offer_id"] = offerId, ["disk_size"] = 10 }, _cancellationToken));
        Assert.Equal(HttpStatusCode.NotFound, theft.Status);

        await user.EnableStandbyAsync(_cancellationToken);
        var id = await user.CreateAsync(new JsonObject { ["offer_id"] = offerId, ["disk_size"] = 10, ["label"] = "at-home" }, _cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        Assert.Equal(0, instance["total_dph"]!.GetValue<decimal>());
        await user.AwaitSyncedAsync(id, TestWorld.Patience, _cancellationToken);
        Assert.Equal("ssh", (await user.InstanceAsync(id, _cancellationToken))["cpu_standby"]!["provider"]!.ToString());
        var blob = await user.WriteAsync(
            instance, "head -c 400000 /dev/urandom > /workspace/blob; sha256sum < /workspace/blob; touch /usr/bin/of-the-instance", TestWorld.Patience, _cancellationToken);

        // Nothing of the computer itself was touched: the instance changed its own layer.
        Assert.False(File.Exists("/usr/bin/of-the-instance"));
        Assert.False(Directory.Exists("/opt/dumont") || Directory.Exists("/workspace"));
        Assert.Equal(rootKeys, File.Exists("/root/.ssh/authorized_keys") ? await File.ReadAllTextAsync("/root/.ssh/authorized_keys", _cancellationToken) : null);

        // Neither can be taken away now.
        var inUse = await Assert.ThrowsAsync<DumontApiException>(() => user.RemoveAsync($"/own-machines/{cpu["id"]}", _cancellationToken));
        Assert.Equal((HttpStatusCode.Conflict, "own-machine-in-use"), (inUse.Status, inUse.Code));

        await first.PowerOffAsync();
        Assert.Equal(blob, await user.Ssh.RunSoonAsync(instance, "sha256sum < /workspace/blob", TestWorld.Patience, _cancellationToken));

        await user.DeleteAsync(id, _cancellationToken);
        await AwaitNoResidueAsync(second, user, cpu);
        Assert.NotEmpty(first.Residue);
        await first.PowerOnAsync();
        await AwaitNoResidueAsync(first, user, gpu);
        await user.RemoveAsync($"/own-machines/{gpu["id"]}", _cancellationToken);
        await user.RemoveAsync($"/own-machines/{cpu["id"]}", _cancellationToken);
        Assert.Empty((await user.GetAsync("/own-machines", _cancellationToken))["own_machines"]!.AsArray());
    }

    [Fact]
    public async Task OwnMachine_HostKeySwapped_IsSentNothingAndSaysSo()
    {
        Assert.SkipWhen(OwnComputer.Missing is not null, OwnComputer.Missing ?? "");
        await using var computer = await OwnComputer.StartAsync(Gpu);
        var user = await World.NewUserAsync(_cancellationToken);
        var machine = await JoinAsync(user, computer, "swapped");

        await computer.SwapHostKeyAsync();
        var checkedNow = (await user.PostAsync($"/own-machines/{machine["id"]}/check", null, _cancellationToken))!;

        Assert.Equal("host_key_changed", checkedNow["state"]!.ToString());
        Assert.DoesNotContain(await OfferIdsAsync(user), id => id == machine["offer_id"]!.GetValue<long>());
        Assert.DoesNotContain("Accepted publickey", computer.LogSincePowerOn, StringComparison.Ordinal);
        Assert.DoesNotContain("Failed publickey", computer.LogSincePowerOn, StringComparison.Ordinal);
        var again = await Assert.ThrowsAsync<DumontApiException>(() => user.PostAsync("/own-machines", Request(computer, "again", machine["host_key_fingerprint"]!.ToString()), _cancellationToken));
        Assert.Equal("own-machine-host-key-changed", again.Code);
    }

    [Fact]
    public async Task OwnMachine_InstancePausedAndResumed_KeepsItsFiles()
    {
        Assert.SkipWhen(OwnComputer.Missing is not null, OwnComputer.Missing ?? "");
        await using var computer = await OwnComputer.StartAsync(Gpu);
        var user = await World.NewUserAsync(_cancellationToken);
        var machine = await JoinAsync(user, computer, "pausing");
        var id = await user.CreateAsync(new JsonObject { ["offer_id"] = machine["offer_id"]!.GetValue<long>(), ["disk_size"] = 10 }, _cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await user.Ssh.RunSoonAsync(instance, "echo kept > /workspace/note", TestWorld.Patience, _cancellationToken);

        await user.PostAsync($"/instances/{id}/pause", null, _cancellationToken);
        await user.AwaitStatusAsync(id, "paused", TestWorld.Patience, _cancellationToken);
        Assert.DoesNotContain(computer.Residue, line => line.Contains("unshare", StringComparison.Ordinal));
        await user.PostAsync($"/instances/{id}/resume", null, _cancellationToken);
        instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);

        Assert.Equal("kept", await user.Ssh.RunSoonAsync(instance, "cat /workspace/note", TestWorld.Patience, _cancellationToken));
        await user.DeleteAsync(id, _cancellationToken);
        await AwaitNoResidueAsync(computer, user, machine);
    }

    /// <summary>Joins as a person does: installs the key, is shown the fingerprint, compares and confirms it.</summary>
    private async Task<JsonNode> JoinAsync(ApiUser user, OwnComputer computer, string name)
    {
        computer.Authorize((await user.GetAsync("/own-machines/key", _cancellationToken))["public_key"]!.ToString());
        var unconfirmed = await Assert.ThrowsAsync<DumontApiException>(() => user.PostAsync("/own-machines", Request(computer, name, null), _cancellationToken));
        Assert.Equal("own-machine-host-key-unconfirmed", unconfirmed.Code);
        Assert.Contains(computer.Fingerprint, unconfirmed.Message, StringComparison.Ordinal);
        return (await user.PostAsync("/own-machines", Request(computer, name, computer.Fingerprint), _cancellationToken))!;
    }

    private static JsonObject Request(OwnComputer computer, string name, string? fingerprint) => new()
    {
        ["name"] = name,
        ["host"] = computer.Host,
        ["port"] = computer.Port,
        ["folder"] = computer.Folder,
        ["instance_port"] = computer.InstancePort,
        ["host_key_fingerprint"] = fingerprint,
    };

    private async Task<IReadOnlyList<long>> OfferIdsAsync(ApiUser user) =>
        [.. (await user.OffersAsync("gpu_name=RTX 4090&max_price=1", _cancellationToken)).Select(offer => offer["id"]!.GetValue<long>())];

    private async Task AwaitNoResidueAsync(OwnComputer computer, ApiUser user, JsonNode machine) =>
        await Poll.UntilAsync(
            "nothing of ours is left on the own machine",
            TestWorld.Patience,
            async () => computer.Residue.Count == 0 && (await user.GetAsync($"/own-machines/{machine["id"]}", _cancellationToken))["is_free"]!.GetValue<bool>(),
            _cancellationToken,
            () => Task.FromResult(string.Join("\n", computer.Residue) + "\n" + World.Server.Tail));

    /// <summary>One world for the class.</summary>
    public sealed class Fixture : WorldFixture
    {
        private protected override IReadOnlyDictionary<string, string> ServerSettings { get; } =
            new Dictionary<string, string> { ["OwnMachines__CheckInterval"] = "00:00:02" };
    }
}
