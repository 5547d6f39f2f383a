using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>Creating, pausing and destroying as users do it every day: the first fifteen of the hundred end-to-end scenarios.</summary>
public sealed class LifecycleTests(LifecycleTests.Fixture fixture, ITestOutputHelper output) : WorldTests(fixture), IClassFixture<LifecycleTests.Fixture>
{
    private static readonly TimeSpan LongPause = TimeSpan.FromMinutes(5);

    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Seed", "1")]
    public async Task Create_Rtx4090_CanBeLoggedInto()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(user, new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "rtx4090", ["disk_size"] = 20 });
        Assert.Equal("NVIDIA GeForce RTX 4090", await user.Ssh.RunAsync(instance, "nvidia-smi --query-gpu=name --format=csv,noheader", _cancellationToken));
    }

    [Fact]
    [Trait("Seed", "2")]
    public async Task Create_Cheapest3080_CostsWhatTheOfferSays()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var offers = await user.OffersAsync("gpu_name=RTX%203080&num_gpus=1&min_disk=20", _cancellationToken);
        var prices = offers.Select(offer => offer["dph_total"]!.GetValue<double>()).ToList();
        Assert.Equal(prices.Order(), prices);
        var instance = await CreateAsync(user, new JsonObject { ["offer_id"] = offers[0]["id"]!.GetValue<long>(), ["disk_size"] = 20 });
        Assert.Equal(offers[0]["gpu_name"]!.ToString(), instance["gpu_name"]!.ToString());
        Assert.Equal(prices[0], instance["dph_total"]!.GetValue<double>(), 0.001);
    }

    [Fact]
    [Trait("Seed", "3")]
    public async Task Create_CustomImage_IsKeptAndHasCuda()
    {
        const string image = "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime";
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(
            user, new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["disk_size"] = 20, ["image"] = image, ["label"] = "torch" });
        Assert.Equal((image, "torch"), (instance["image"]!.ToString(), instance["label"]!.ToString()));
        Assert.Contains("CUDA Version", await user.Ssh.RunAsync(instance, "nvidia-smi", _cancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Seed", "4")]
    public async Task Create_Two3090_ShowsBoth()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(
            user, new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 3090", ["num_gpus"] = 2, ["disk_size"] = 20 });
        Assert.Equal(2, instance["num_gpus"]!.GetValue<int>());
        var gpus = (await user.Ssh.RunAsync(instance, "nvidia-smi -L", _cancellationToken)).Split('\n');
        Assert.Equal(2, gpus.Length);
        Assert.All(gpus, gpu => Assert.Contains("RTX 3090", gpu, StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Seed", "5")]
    public async Task Create_InEurope_IsInEurope()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var european = (await user.OffersAsync("gpu_name=RTX%204090&num_gpus=1&region=EU", _cancellationToken))
            .Select(offer => offer["geolocation"]!.ToString()).ToHashSet();
        var instance = await CreateAsync(
            user, new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["region"] = "EU", ["disk_size"] = 20 });
        Assert.Contains(instance["geolocation"]!.ToString(), european);
        Assert.DoesNotContain(european, place => place.EndsWith(", US", StringComparison.Ordinal) || place.EndsWith(", JP", StringComparison.Ordinal));
    }

    [Theory]
    [Trait("Seed", "6, 7, 9")]
    [InlineData(1)]
    [InlineData(3)]
    public async Task PauseAndResume_KeepsFilesAndAddress(int cycles)
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(user);
        var id = ApiUser.IdOf(instance);
        for (var cycle = 0; cycle < cycles; cycle++)
        {
            await user.Ssh.RunSoonAsync(instance, $"echo {cycle} >> /workspace/cycles; head -c 1000000 /dev/urandom > /workspace/blob; sync", TestWorld.Patience, _cancellationToken);
            var before = await user.Ssh.RunAsync(instance, "cd /workspace && sha256sum blob cycles", _cancellationToken);
            await PauseAsync(user, id);
            Assert.Equal("exited", (await World.Cloud.GpuOfAsync(id, _cancellationToken)).State);
            await ResumeAsync(user, id);
            Assert.Equal(before, await user.Ssh.RunSoonAsync(instance, "cd /workspace && sha256sum blob cycles", TestWorld.Patience, _cancellationToken));
        }

        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    [Fact(Explicit = true)]
    [Trait("Seed", "8")]
    [Trait("Speed", "Slow")]
    public async Task Resume_AfterFiveMinutes_IsAsQuick()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var id = ApiUser.IdOf(await CreateAsync(user));
        await PauseAsync(user, id);
        var paused = TimeProvider.System.GetTimestamp();
        await Poll.UntilAsync(
            "five minutes have passed",
            LongPause * 2,
            async () =>
            {
                Assert.Equal("paused", (await user.InstanceAsync(id, _cancellationToken))["status"]!.ToString());
                return TimeProvider.System.GetElapsedTime(paused) > LongPause;
            },
            _cancellationToken);
        await ResumeAsync(user, id);
    }

    [Fact]
    [Trait("Seed", "10")]
    public async Task Pause_WhileAProcessRuns_EndsItAndKeepsWhatItWrote()
    {
        const string counter = "i=0; while :; do i=$((i+1)); echo $i >> /workspace/progress; sleep 0.05; done";
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreateAsync(user);
        var id = ApiUser.IdOf(instance);
        await user.Ssh.RunAsync(instance, $"nohup sh -c '{counter}' > /dev/null 2>&1 & while [ ! -s /workspace/progress ]; do sleep 0.05; done", _cancellationToken);
        var seen = (await user.Ssh.RunAsync(instance, "cat /workspace/progress", _cancellationToken)).Split('\n');
        await PauseAsync(user, id);
        await ResumeAsync(user, id);
        var kept = (await user.Ssh.RunSoonAsync(instance, "cat /workspace/progress; pgrep -f workspace/progress | grep -v $$ >&2 || true", TestWorld.Patience, _cancellationToken)).Split('\n');
        Assert.True(kept.Length >= seen.Length);
        Assert.Equal(Enumerable.Range(1, kept.Length).Select(number => $"{number}"), kept);
        Assert.Equal(kept.Length, (await user.Ssh.RunAsync(instance, "cat /workspace/progress", _cancellationToken)).Split('\n').Length);
    }

    /// <summary>Seed 13 asks for a big disk and no cost that stays: what a cloud bills ends with its machines.</summary>
    [Theory]
    [Trait("Seed", "11, 12, 13")]
    [InlineData(20, false)]
    [InlineData(20, true)]
    [InlineData(200, false)]
    public async Task Destroy_LeavesNothingThatBills(int diskGb, bool paused)
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var id = ApiUser.IdOf(await CreateAsync(user, new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["disk_size"] = diskGb }));
        if (paused)
        {
            await PauseAsync(user, id);
        }

        await user.DeleteAsync(id, _cancellationToken);
        await World.AwaitNothingBillsAsync(_cancellationToken);
        Assert.Empty(await user.InstancesAsync(_cancellationToken));
    }

    /// <summary>Destroyed before it ever ran: the machine that was on its way goes too.</summary>
    [Fact]
    [Trait("Seed", "11")]
    public async Task Destroy_WhileBeingCreated_LeavesNothingThatBills()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        await user.EnableStandbyAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        await user.DeleteAsync(id, _cancellationToken);
        await World.AwaitNothingBillsAsync(_cancellationToken);
        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
    }

    [Fact]
    [Trait("Seed", "14")]
    public async Task Create_SameOfferAfterDestroy_GetsIt()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var offer = (await user.OffersAsync("gpu_name=RTX%204090&num_gpus=1", _cancellationToken))[0];
        for (var life = 0; life < 2; life++)
        {
            var instance = await CreateAsync(user, new JsonObject { ["offer_id"] = offer["id"]!.GetValue<long>(), ["disk_size"] = 20 });
            Assert.Equal(offer["machine_id"]!.GetValue<long>(), instance["machine_id"]!.GetValue<long>());
            await user.DeleteAsync(ApiUser.IdOf(instance), _cancellationToken);
            await World.AwaitNothingBillsAsync(_cancellationToken);
        }
    }

    [Fact]
    [Trait("Seed", "15")]
    public async Task BatchDestroy_Three_LeavesNothingThatBills()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var ids = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => user.Create4090Async(_cancellationToken)));
        await Task.WhenAll(ids.Select(id => user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken)));
        var answer = await user.PostAsync("/instances/batch-delete", new JsonObject { ["ids"] = new JsonArray([.. ids.Select(id => (JsonNode)id)]) }, _cancellationToken);
        Assert.Equal(3, answer!["deleted"]!.AsArray().Count);
        await World.AwaitNothingBillsAsync(_cancellationToken);
    }

    private async Task<JsonNode> CreateAsync(ApiUser user, JsonObject? request = null)
    {
        var started = TimeProvider.System.GetTimestamp();
        var id = request is null ? await user.Create4090Async(_cancellationToken) : await user.CreateAsync(request, _cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        output.WriteLine($"create -> running {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.00} s");
        return instance;
    }

    private async Task PauseAsync(ApiUser user, long id)
    {
        var started = TimeProvider.System.GetTimestamp();
        await user.PostAsync($"/instances/{id}/pause", null, _cancellationToken);
        await user.AwaitStatusAsync(id, "paused", TestWorld.Patience, _cancellationToken);
        output.WriteLine($"pause  -> paused  {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.00} s");
    }

    private async Task ResumeAsync(ApiUser user, long id)
    {
        var started = TimeProvider.System.GetTimestamp();
        await user.PostAsync($"/instances/{id}/resume", null, _cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await user.Ssh.RunSoonAsync(instance, "true", TestWorld.Patience, _cancellationToken);
        output.WriteLine($"resume -> login   {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.00} s");
    }

    public sealed class Fixture : WorldFixture;
}
