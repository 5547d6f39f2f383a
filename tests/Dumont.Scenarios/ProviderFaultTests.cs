using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The provider loses answers, lies, refuses and dawdles. Whatever it does, cloud and server agree in the end: no machine without an owner, no
/// second machine for an instance, no instance stuck.</summary>
public sealed class ProviderFaultTests(ProviderFaultTests.Fixture fixture) : WorldTests(fixture), IClassFixture<ProviderFaultTests.Fixture>
{
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    /// <summary>One strike against the creation of a GPU machine, after which an instance must run all the same.</summary>
    public static TheoryData<string, string> CreationFaults => new()
    {
        { "answer-lost-after-effect", "create" },
        { "answer-lost-after-effect", "list" },
        { "answer-lost-after-effect", "get" },
        { "create-fails-leaves-contract", "create" },
        { "offer-gone", "create" },
        { "too-many-requests", "create" },
        { "too-many-requests", "get" },
        { "server-error-after", "create" },
        { "server-error-before", "create" },
        { "server-error-before", "get" },
    };

    [Theory]
    [MemberData(nameof(CreationFaults))]
    public async Task Create_ProviderFails_RunsOnExactlyOneMachine(string kind, string operation)
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        await world.Cloud.ArmAsync(Fault(kind, operation, count: 1), _cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await user.Ssh.RunAsync(instance, "nvidia-smi -L", _cancellationToken);
        await AwaitStruckAsync();
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    // Each is the first thing that a standby's creation meets.
    [Theory]
    [InlineData("answer-lost-after-effect")]
    [InlineData("server-error-after")]
    [InlineData("server-error-before")]
    [InlineData("offer-gone")]
    public async Task CreateStandby_ProviderFails_FollowsOnExactlyOneMachine(string kind)
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        await user.EnableStandbyAsync(_cancellationToken);
        await world.Cloud.ArmAsync(Fault(kind, "create", count: 1, provider: "gcp"), _cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await user.AwaitSyncedAsync(id, TestWorld.Patience, _cancellationToken);
        await AwaitStruckAsync();
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    /// <summary>The answer is lost and the list that should tell is empty for a while: the machine turns up late, and one of two must go.</summary>
    [Fact]
    public async Task Create_AnswerLostAndListingEmpty_KeepsOneMachine()
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        await world.Cloud.ArmAsync(Fault("answer-lost-after-effect", "create", count: 1), _cancellationToken);
        await world.Cloud.ArmAsync(Fault("empty-listing", "list", count: 6), _cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    [Fact]
    public async Task Create_OfferGone_TakesEquivalentAndSaysSo()
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        var offer = (await user.OffersAsync("gpu_name=RTX%204090&num_gpus=1", _cancellationToken))[0];
        await world.Cloud.ArmAsync(Fault("offer-gone", "create", count: 1), _cancellationToken);
        var id = await user.CreateAsync(Request(offer), _cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        Assert.Equal("RTX 4090", instance["gpu_name"]!.ToString());
        Assert.InRange(instance["dph_total"]!.GetValue<double>(), 0, offer["dph_total"]!.GetValue<double>() * 1.25);
        Assert.Contains("instance.substitute", await EventTypesAsync(user, id));
    }

    /// <summary>An offer that the market no longer lists (seed scenario 96).</summary>
    [Fact]
    public async Task Create_OfferRentedBySomebodyElse_TakesEquivalent()
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        var rival = await world.NewUserAsync(_cancellationToken);
        var offer = (await user.OffersAsync("gpu_name=RTX%204090&num_gpus=1", _cancellationToken))[0];
        var first = await rival.CreateAsync(Request(offer), _cancellationToken);
        await rival.AwaitStatusAsync(first, "running", TestWorld.Patience, _cancellationToken);
        var second = await user.CreateAsync(Request(offer), _cancellationToken);
        await user.AwaitStatusAsync(second, "running", TestWorld.Patience, _cancellationToken);
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    [Fact]
    public async Task Create_BootTakesTooLong_MovesToAnotherHostAndGivesTheSlowOneBack()
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        await world.Cloud.ArmAsync(
            new JsonObject { ["kind"] = "slow-boot", ["operation"] = "create", ["provider"] = "vast", ["count"] = 1, ["delay_seconds"] = 600 }, _cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var slow = await Poll.UntilAsync<BilledMachine>(
            "the slow machine is rented",
            TestWorld.Patience,
            async () => (await world.Cloud.MachinesAsync(_cancellationToken)).FirstOrDefault(machine => machine.InstanceId == id),
            _cancellationToken);
        await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
        Assert.NotEqual(slow.Id, (await world.Cloud.GpuOfAsync(id, _cancellationToken)).Id);
    }

    [Fact]
    public async Task Create_TwoUsersSameOffer_GetDifferentMachines()
    {
        var world = World;
        var one = await world.NewUserAsync(_cancellationToken);
        var other = await world.NewUserAsync(_cancellationToken);
        var offer = (await one.OffersAsync("gpu_name=RTX%204090&num_gpus=1", _cancellationToken))[0];
        ApiUser[] users = [one, other];
        var ids = await Task.WhenAll(users.Select(user => user.CreateAsync(Request(offer), _cancellationToken)));
        await Task.WhenAll(users.Zip(ids, (user, id) => user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken)));
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
        Assert.Equal(2, (await world.Cloud.MachinesAsync(_cancellationToken)).Count);
    }

    /// <summary>Seed scenario 100.</summary>
    [Fact]
    public async Task Create_ThreeAtOnce_AllRun()
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        var ids = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => user.Create4090Async(_cancellationToken)));
        await Task.WhenAll(ids.Select(id => user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken)));
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
        Assert.Equal(3, (await world.Cloud.MachinesAsync(_cancellationToken)).Count);
    }

    [Fact]
    public async Task Create_ProviderRefusesForLackOfMoney_EndsInErrorWithNothingRented()
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        await world.Cloud.ArmAsync(Fault("insufficient-credit", "create", count: 5), _cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var instance = await AwaitErrorAsync(user, id);
        Assert.Contains("credit", instance["status_message"]!.ToString(), StringComparison.Ordinal);
        await world.AwaitNothingBillsAsync(_cancellationToken);
    }

    /// <summary>The destroy call has no effect at first: the machine is asked to go until it is gone.</summary>
    [Theory]
    [InlineData("server-error-before", 2)]
    [InlineData("too-many-requests", 2)]
    [InlineData("answer-lost-after-effect", 1)]
    [InlineData("server-error-after", 1)]
    public async Task Destroy_ProviderFails_EndsWithNothingRented(string kind, int count)
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await world.Cloud.ArmAsync(Fault(kind, "destroy", count), _cancellationToken);
        await user.DeleteAsync(id, _cancellationToken);
        await world.AwaitNothingBillsAsync(_cancellationToken);
    }

    /// <summary>The list says that a running machine is not there: no reason to give it up.</summary>
    [Fact]
    public async Task Sweep_ListingEmpty_KeepsRunningMachine()
    {
        var world = World;
        var user = await world.NewUserAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        var before = await world.Cloud.GpuOfAsync(id, _cancellationToken);
        await world.Cloud.ArmAsync(Fault("empty-listing", "list", count: 3), _cancellationToken);
        await AwaitStruckAsync();
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
        Assert.Equal(before.Id, (await world.Cloud.GpuOfAsync(id, _cancellationToken)).Id);
        await user.Ssh.RunAsync(instance, "true", _cancellationToken);
    }

    // A fault that never struck proves nothing.
    private Task AwaitStruckAsync() =>
        Poll.UntilAsync("every fault has struck", TestWorld.Patience, async () => !await World.Cloud.HasFaultsAsync(_cancellationToken), _cancellationToken);

    private static JsonObject Fault(string kind, string operation, int count, string provider = "vast") =>
        new() { ["kind"] = kind, ["operation"] = operation, ["provider"] = provider, ["count"] = count };

    private static JsonObject Request(JsonNode offer) => new() { ["offer_id"] = offer["id"]!.GetValue<long>(), ["disk_size"] = 20 };

    private Task<JsonNode> AwaitErrorAsync(ApiUser user, long id) =>
        Poll.UntilAsync<JsonNode>(
            $"instance {id} is in error",
            TestWorld.Patience,
            async () => await user.InstanceAsync(id, _cancellationToken) is var instance && instance["status"]!.ToString() == "error" ? instance : null,
            _cancellationToken,
            () => user.DescribeAsync(id, _cancellationToken));

    private async Task<IEnumerable<string>> EventTypesAsync(ApiUser user, long id) =>
        (await user.GetAsync($"/instances/{id}/events", _cancellationToken))["events"]!.AsArray().Select(each => each!["type"]!.ToString());

    public sealed class Fixture : WorldFixture
    {
        private protected override IReadOnlyDictionary<string, string> ServerSettings { get; } =
            new Dictionary<string, string> { ["Machines__BootTimeout"] = "00:00:10" };
    }
}

/// <summary>Creations that must end in a refusal; each wants a world of its own kind.</summary>
public sealed class CreationLimitTests
{
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    /// <summary>Seed scenario 99.</summary>
    [Fact]
    public async Task Create_NothingBootsInTime_EndsInErrorWithNothingRented()
    {
        Assert.SkipWhen(Ssh.Missing is not null, Ssh.Missing ?? "");
        await using var world = await TestWorld.StartAsync(
            _cancellationToken, server: new Dictionary<string, string> { ["Instances__CreationTimeout"] = "00:00:10" });
        var user = await world.NewUserAsync(_cancellationToken);
        await user.EnableStandbyAsync(_cancellationToken);
        await world.Cloud.ArmAsync(
            new JsonObject { ["kind"] = "slow-boot", ["operation"] = "create", ["provider"] = "vast", ["probability"] = 1, ["delay_seconds"] = 600 },
            _cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var instance = await Poll.UntilAsync<JsonNode>(
            "the creation has failed",
            TestWorld.Patience,
            async () => await user.InstanceAsync(id, _cancellationToken) is var now && now["status"]!.ToString() == "error" ? now : null,
            _cancellationToken);
        Assert.Contains("00:00:10", instance["status_message"]!.ToString(), StringComparison.Ordinal);
        await world.AwaitNothingBillsAsync(_cancellationToken);
    }

    [Fact]
    public async Task Create_AccountIsEmpty_IsRefusedWith402()
    {
        Assert.SkipWhen(Ssh.Missing is not null, Ssh.Missing ?? "");
        await using var world = await TestWorld.StartAsync(
            _cancellationToken, cloud: new Dictionary<string, string> { ["DUMONT_LOCALCLOUD_CREDIT_USD"] = "0.05" });
        var user = await world.NewUserAsync(_cancellationToken);
        var refusal = await Assert.ThrowsAsync<DumontApiException>(() => user.Create4090Async(_cancellationToken));
        Assert.Equal((HttpStatusCode.PaymentRequired, "insufficient-credit"), (refusal.Status, refusal.Code));
        Assert.Empty(await user.InstancesAsync(_cancellationToken));
        Assert.Empty(await world.Cloud.MachinesAsync(_cancellationToken));
    }
}
