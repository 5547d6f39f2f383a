using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>Moving an instance to another machine: 91 to 94 of the hundred end-to-end scenarios, and what may go wrong on the way.</summary>
public sealed class MigrationTests(MigrationTests.Fixture fixture, ITestOutputHelper output) : WorldTests(fixture), IClassFixture<MigrationTests.Fixture>
{
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Seed", "91, 93")]
    public async Task Migrate_ToACheaperGpu_KeepsAddressHostKeyAndFiles()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var offers = await user.OffersAsync("gpu_name=RTX%204090", _cancellationToken);
        var before = await CreateAsync(user, offers[^1]);
        var id = ApiUser.IdOf(before);
        var content = await WriteAsync(user, before);

        var estimate = await EstimateAsync(user, id, Gpu("rtx4090"));
        Assert.True(estimate["cost"]!["hourly_difference_usd"]!.GetValue<decimal>() < 0, estimate.ToJsonString());
        var migration = await MigrateAsync(user, id, Gpu("rtx4090"));

        Assert.Equal("complete", migration["status"]!.ToString());
        var after = await user.InstanceAsync(id, _cancellationToken);
        Assert.True(after["dph_total"]!.GetValue<decimal>() < before["dph_total"]!.GetValue<decimal>());
        Assert.Equal(
            (before["ssh_host"]!.ToString(), before["ssh_port"]!.ToString(), before["ssh_host_key"]!.ToString()),
            (after["ssh_host"]!.ToString(), after["ssh_port"]!.ToString(), after["ssh_host_key"]!.ToString()));

        // The client still trusts the one host key that it has seen.
        Assert.Equal(content, await ReadAsync(user, before));
        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
        output.WriteLine($"pause {migration["write_pause_ms"]} ms, phases {migration["phase_timings_ms"]!.ToJsonString()}");
    }

    [Fact]
    [Trait("Seed", "92")]
    public async Task Migrate_ToAnotherRegion_TakesTheFilesAlong()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(user, (await user.OffersAsync("gpu_name=RTX%204090&region=US", _cancellationToken))[0]);
        var id = ApiUser.IdOf(instance);
        var content = await WriteAsync(user, instance);

        var goal = Gpu("rtx4090");
        goal["region"] = "EU";
        var migration = await MigrateAsync(user, id, goal);

        Assert.Equal("complete", migration["status"]!.ToString());
        var inEurope = (await user.OffersAsync("gpu_name=RTX%204090&region=EU", _cancellationToken)).Select(offer => offer["geolocation"]!.ToString());
        Assert.Contains((await user.InstanceAsync(id, _cancellationToken))["geolocation"]!.ToString(), inEurope);
        Assert.Equal(content, await ReadAsync(user, instance));
    }

    [Fact]
    [Trait("Seed", "94")]
    public async Task Estimate_BeforeAMove_TellsTimeCostAndPlanAndChangesNothing()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(user, (await user.OffersAsync("gpu_name=RTX%204090", _cancellationToken))[0]);
        var id = ApiUser.IdOf(instance);
        await WriteAsync(user, instance);
        await AwaitMeasuredAsync(user, id, 5_000_000);
        var machines = (await World.Cloud.MachinesAsync(_cancellationToken)).Count;

        var estimate = await EstimateAsync(user, id, Cpu());

        Assert.True(estimate["available"]!.GetValue<bool>(), estimate.ToJsonString());
        Assert.True(estimate["estimated_time_minutes"]!.GetValue<double>() > 0);
        Assert.True(estimate["estimated_cost"]!.GetValue<decimal>() > 0);
        Assert.True(estimate["cost"]!["egress_usd"]!.GetValue<decimal>() >= 0);
        Assert.Equal("advertised", estimate["bandwidth"]!["basis"]!.ToString());
        Assert.Equal("gcp", estimate["target"]!["provider"]!.ToString());
        Assert.Equal(
            ["search_offers", "create_machine", "copy_workspace", "verify_content", "switch", "destroy_source"],
            estimate["plan"]!.AsArray().Select(step => step!["step"]!.ToString()));
        Assert.Equal(machines, (await World.Cloud.MachinesAsync(_cancellationToken)).Count);
        Assert.Equal(0, (await user.GetAsync($"/instances/{id}/migrations", _cancellationToken))["count"]!.GetValue<int>());

        // Too small for what is there: refused before anything is rented.
        await user.Ssh.RunSoonAsync(instance, "truncate -s 30G /workspace/sparse", TestWorld.Patience, _cancellationToken);
        await AwaitMeasuredAsync(user, id, 30_000_000_000);
        var small = Cpu();
        small["disk_size"] = 20;
        var refusal = await Assert.ThrowsAsync<DumontApiException>(() => user.PostAsync($"/instances/{id}/migrate", small, _cancellationToken));
        Assert.Contains("disk_size", refusal.Message + refusal.Detail, StringComparison.Ordinal);
        Assert.Equal(machines, (await World.Cloud.MachinesAsync(_cancellationToken)).Count);
    }

    [Fact]
    public async Task Migrate_ToACpuMachineAndBack_KeepsFilesAndTheSourceOnlyWhereAsked()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(user, (await user.OffersAsync("gpu_name=RTX%204090", _cancellationToken))[0]);
        var id = ApiUser.IdOf(instance);
        var content = await WriteAsync(user, instance);

        var there = Cpu();
        there["auto_destroy_source"] = false;
        var first = await MigrateAsync(user, id, there);
        Assert.Equal("complete", first["status"]!.ToString());
        Assert.True(first["source_kept"]!.GetValue<bool>());
        Assert.Equal("gcp", (await user.InstanceAsync(id, _cancellationToken))["provider"]!.ToString());
        Assert.Equal(content, await ReadAsync(user, instance));

        // The old machine is in the way of another move until its owner gives it up.
        var refusal = await Assert.ThrowsAsync<DumontApiException>(() => user.PostAsync($"/instances/{id}/migrate", Gpu("rtx4090"), _cancellationToken));
        Assert.Equal(System.Net.HttpStatusCode.Conflict, refusal.Status);
        await user.PostAsync($"/migrations/{first["id"]}/release-source", null, _cancellationToken);
        await Poll.UntilAsync(
            "the kept machine is gone",
            TestWorld.Patience,
            async () => (await World.Cloud.MachinesAsync(_cancellationToken)).All(machine => machine.InstanceId != id || !machine.IsGpu),
            _cancellationToken);

        var second = await MigrateAsync(user, id, Gpu("rtx4090"));
        Assert.Equal("complete", second["status"]!.ToString());
        Assert.Equal(content, await ReadAsync(user, instance));
        await user.Ssh.RunSoonAsync(instance, "nvidia-smi -L", TestWorld.Patience, _cancellationToken);
        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    [Fact]
    public async Task Migrate_WithAStandby_IsFollowedByItAfterwards()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        await user.EnableStandbyAsync(_cancellationToken);
        var instance = await CreateAsync(user, (await user.OffersAsync("gpu_name=RTX%204090", _cancellationToken))[0]);
        var id = ApiUser.IdOf(instance);
        await user.AwaitSyncedAsync(id, TestWorld.Patience, _cancellationToken);
        var content = await WriteAsync(user, instance);
        var standby = (await user.AssociationAsync(id, _cancellationToken))["cpu_standby"]!["name"]!.ToString();

        Assert.Equal("complete", (await MigrateAsync(user, id, Gpu("rtx4090")))["status"]!.ToString());
        await user.WriteAsync(instance, "echo after > /workspace/after", TestWorld.Patience, _cancellationToken);
        Assert.Equal(standby, (await user.AssociationAsync(id, _cancellationToken))["cpu_standby"]!["name"]!.ToString());
        Assert.Equal(content, await ReadAsync(user, instance));
        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    [Fact]
    public async Task Migrate_TargetDiesOnTheWay_TakesAnotherAndTheUserNoticesNothing()
    {
        var user = await World.NewUserAsync(_cancellationToken);

        // Not on the host that dies: the move goes to the cheapest.
        var offers = await user.OffersAsync("gpu_name=RTX%204090", _cancellationToken);
        var cheapest = offers.Take(3).Select(offer => offer["machine_id"]!.ToString()).ToHashSet();
        var instance = await CreateAsync(user, offers.Last(offer => !cheapest.Contains(offer["machine_id"]!.ToString())));
        var id = ApiUser.IdOf(instance);
        var content = await WriteAsync(user, instance);
        var source = (await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id;

        var number = (await user.PostAsync($"/instances/{id}/migrate", Gpu("rtx4090"), _cancellationToken))!["migration_id"]!.GetValue<long>();
        var target = await Poll.UntilAsync<BilledMachine>(
            "a target is rented",
            TestWorld.Patience,
            async () => (await World.Cloud.MachinesAsync(_cancellationToken)).FirstOrDefault(machine => machine.InstanceId == id && machine.IsGpu && machine.Id != source),
            _cancellationToken,
            () => user.DescribeAsync(id, _cancellationToken));
        await World.Cloud.KillHostAsync(target.Id, _cancellationToken);

        Assert.Equal(content, await ReadAsync(user, instance));
        var migration = await AwaitOverAsync(user, id, number);
        Assert.Equal("complete", migration["status"]!.ToString());
        Assert.Equal(2, migration["attempts"]!.GetValue<int>());
        Assert.Equal(content, await ReadAsync(user, instance));
        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    [Fact]
    public async Task Migrate_Cancelled_LeavesEverythingAsItWas()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(user, (await user.OffersAsync("gpu_name=RTX%204090", _cancellationToken))[0]);
        var id = ApiUser.IdOf(instance);
        var content = await WriteAsync(user, instance);
        var source = (await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id;

        var number = (await user.PostAsync($"/instances/{id}/migrate", Gpu("rtx4090"), _cancellationToken))!["migration_id"]!.GetValue<long>();
        var second = await Assert.ThrowsAsync<DumontApiException>(() => user.PostAsync($"/instances/{id}/migrate", Cpu(), _cancellationToken));
        Assert.Contains(number.ToString(CultureInfo.InvariantCulture), second.Detail, StringComparison.Ordinal);
        await user.RemoveAsync($"/migrations/{number}", _cancellationToken);

        Assert.Equal("cancelled", (await AwaitOverAsync(user, id, number))["status"]!.ToString());
        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
        Assert.Equal(source, (await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id);
        Assert.Equal(content, await ReadAsync(user, instance));
        Assert.Equal(1, (await user.InstanceAsync(id, _cancellationToken))["generation"]!.GetValue<long>());
    }

    private static JsonObject Gpu(string name) => new() { ["target_type"] = "gpu", ["gpu_name"] = name };

    private static JsonObject Cpu() => new() { ["target_type"] = "cpu" };

    private async Task<JsonNode> CreateAsync(ApiUser user, JsonNode offer)
    {
        var id = await user.CreateAsync(
            new JsonObject { ["offer_id"] = offer["id"]!.GetValue<long>(), ["disk_size"] = 20, ["label"] = "to-move" }, _cancellationToken);
        return await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
    }

    private Task<string> WriteAsync(ApiUser user, JsonNode instance) =>
        user.Ssh.RunSoonAsync(
            instance,
            "mkdir -p /workspace/deep/er; head -c 5000000 /dev/urandom > /workspace/blob; for i in 1 2 3 4 5; do echo $i > /workspace/deep/er/$i; done; " + Digest,
            TestWorld.Patience,
            _cancellationToken);

    private Task<string> ReadAsync(ApiUser user, JsonNode instance) => user.Ssh.RunSoonAsync(instance, Digest, TestWorld.Patience, _cancellationToken);

    private const string Digest = "cd /workspace && cat blob deep/er/* | sha256sum";

    private async Task<JsonNode> EstimateAsync(ApiUser user, long id, JsonObject goal) =>
        (await user.PostAsync($"/instances/{id}/migrate/estimate", goal, _cancellationToken))!;

    private async Task AwaitMeasuredAsync(ApiUser user, long id, long bytes) =>
        await Poll.UntilAsync(
            "the workspace is measured",
            TestWorld.Patience,
            async () => (await EstimateAsync(user, id, Cpu()))["data_bytes"]?.GetValue<long>() >= bytes,
            _cancellationToken);

    private async Task<JsonNode> MigrateAsync(ApiUser user, long id, JsonObject goal)
    {
        var answer = (await user.PostAsync($"/instances/{id}/migrate", goal, _cancellationToken))!;
        Assert.Equal(id, answer["new_instance_id"]!.GetValue<long>());
        return await AwaitOverAsync(user, id, answer["migration_id"]!.GetValue<long>());
    }

    private Task<JsonNode> AwaitOverAsync(ApiUser user, long id, long number) =>
        Poll.UntilAsync<JsonNode>(
            $"migration {number} is over",
            2 * TestWorld.Patience,
            async () => await user.GetAsync($"/migrations/{number}", _cancellationToken) is { } migration && migration["success"] is not null ? migration : null,
            _cancellationToken,
            async () => (await user.GetAsync($"/migrations/{number}", _cancellationToken)).ToJsonString() + "\n" + await user.DescribeAsync(id, _cancellationToken));

    public sealed class Fixture : WorldFixture;
}
