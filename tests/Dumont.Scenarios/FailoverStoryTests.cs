using System.Reflection;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The parts of the failover guide's list that are about detection, recovery and the whole. One GPU is lost, once; each test looks at another side of it.</summary>
public sealed class FailoverStoryTests(FailoverStoryTests.Fixture fixture) : IClassFixture<FailoverStoryTests.Fixture>
{
    private static readonly string[] Guide =
    [
        "test_sync_gpu_to_cpu_continuous", "test_sync_failure_recovery", "test_gpu_failure_detection_threshold", "test_failover_state_transition",
        "test_data_sync_to_cpu_before_failure", "test_data_consistency_after_failover", "test_data_restore_from_cpu_to_new_gpu", "test_auto_recovery_find_gpu",
        "test_auto_recovery_provision_gpu", "test_auto_recovery_wait_for_ssh", "test_auto_recovery_full_cycle", "test_complete_failover_flow",
        "test_standby_manager_create_association", "test_standby_manager_mark_gpu_failed",
    ];

    /// <summary>Heartbeats of 200 ms, three of them.</summary>
    private const double ThresholdMs = 600;

    /// <summary>The guide's bound on detection.</summary>
    private const double DetectionMs = 30_000;

    [Fact]
    public void EveryNameOfTheGuide_IsATestOfItsOwn()
    {
        var named = typeof(FailoverStoryTests).Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .SelectMany(method => method.GetCustomAttributes<TraitAttribute>()).Where(trait => trait.Name == "Guide").Select(trait => trait.Value);
        Assert.Equal(Guide.Order(), named.Order());
    }

    [Fact]
    [Trait("Guide", "test_standby_manager_create_association")]
    public async Task StandbyManager_CreateAssociation()
    {
        var story = await fixture.StoryAsync();
        Assert.Equal(
            (story.Id, "ready", "e2-medium", story.Standby.Label, true, false),
            (story.Pair["gpu_instance_id"]!.GetValue<long>(), story.Pair["state"]!.ToString(), story.Pair["cpu_standby"]!["machine_type"]!.ToString(),
                story.Pair["cpu_standby"]!["name"]!.ToString(), story.Pair["sync_enabled"]!.GetValue<bool>(), story.Pair["gpu_failed"]!.GetValue<bool>()));
        Assert.Equal("RUNNING", story.Standby.State);
    }

    [Fact]
    [Trait("Guide", "test_gpu_failure_detection_threshold")]
    public async Task GpuFailure_DetectionThreshold()
    {
        var story = await fixture.StoryAsync();
        Assert.False(story.HiccupWasAFailover);
        Assert.InRange(story.Failover["phase_timings_ms"]!["detecting"]!.GetValue<double>(), ThresholdMs, DetectionMs);
    }

    [Fact]
    [Trait("Guide", "test_standby_manager_mark_gpu_failed")]
    public async Task StandbyManager_MarkGpuFailed()
    {
        var story = await fixture.StoryAsync();
        Assert.False(story.Sights[0].GpuFailed);
        var marked = story.Sights.First(sight => sight.GpuFailed);
        Assert.Equal(("gpu_failure", true), (marked.Reason, marked.HasFailedAt));
        Assert.All(story.Sights.Where(sight => sight.Phase is not null), sight => Assert.True(sight.GpuFailed));
        Assert.False(story.PairAfter["gpu_failed"]!.GetValue<bool>());
    }

    [Fact]
    [Trait("Guide", "test_failover_state_transition")]
    public async Task Failover_StateTransition()
    {
        var story = await fixture.StoryAsync();
        string[] order = ["ready", "failover_active", "recovering"];
        var states = story.Sights.Select(sight => sight.State).Where(order.Contains).ToList();
        Assert.Equal(order, states.TakeWhile((_, i) => i == 0 || states[i - 1] != "recovering" || states[i] != "ready").Distinct());
        Assert.Equal("ready", story.PairAfter["state"]!.ToString());

        string[] phases = ["detecting", "gpu_lost", "failover_to_cpu", "searching_gpu", "provisioning", "restoring"];
        Assert.Equal(phases, story.Failover["phase_timings_ms"]!.AsObject().Select(phase => phase.Key));
        Assert.Equal("complete", story.Failover["phase"]!.ToString());
    }

    [Fact]
    [Trait("Guide", "test_auto_recovery_find_gpu")]
    public async Task AutoRecovery_FindGpu()
    {
        var story = await fixture.StoryAsync();
        Assert.NotEqual(story.LostGpu.Id, story.NewGpu.Id);
        Assert.Equal((story.LostGpu.GpuName, story.LostGpu.Gpus), (story.NewGpu.GpuName, story.NewGpu.Gpus));
    }

    [Fact]
    [Trait("Guide", "test_auto_recovery_provision_gpu")]
    public async Task AutoRecovery_ProvisionGpu()
    {
        var story = await fixture.StoryAsync();
        Assert.Equal(("running", story.Id), (story.NewGpu.State, story.NewGpu.InstanceId));
        Assert.True(story.Failover["phase_timings_ms"]!["provisioning"]!.GetValue<double>() > 0);
        Assert.NotNull(story.Failover["new_gpu_id"]);
    }

    [Fact]
    [Trait("Guide", "test_auto_recovery_wait_for_ssh")]
    public async Task AutoRecovery_WaitForSsh()
    {
        var story = await fixture.StoryAsync();
        Assert.Equal(3, story.HostNames.Distinct().Count());
        Assert.Equal($"C.{story.NewGpu.Id}", story.HostNames[^1]);
    }

    [Fact]
    [Trait("Guide", "test_auto_recovery_full_cycle")]
    public async Task AutoRecovery_FullCycle()
    {
        var story = await fixture.StoryAsync();
        Assert.True(story.Failover["success"]!.GetValue<bool>());
        Assert.True(story.Failover["data_restored"]!.GetValue<bool>());
        Assert.Equal(story.Content.Before, story.Content.OnNewGpu);
        Assert.Equal(0, story.PairAfter["rpo_seconds"]!.GetValue<double>());
    }

    [Fact]
    [Trait("Guide", "test_complete_failover_flow")]
    public async Task Complete_FailoverFlow()
    {
        var story = await fixture.StoryAsync();
        Assert.Equal(story.Content.Before, story.Content.OnStandby);
        Assert.Equal("from the standby", story.Note);
        string[] happened = ["standby.gpu_lost", "standby.promoted", "standby.recovered"];
        Assert.Equal(happened, story.Events.Where(happened.Contains).Distinct().Order().OrderBy(type => Array.IndexOf(happened, type)));
    }

    public sealed class Fixture : WorldFixture
    {
        private Task<FailoverStory>? _story;

        private protected override IReadOnlyDictionary<string, string> ServerSettings { get; } = new Dictionary<string, string>
        {
            ["Standby__HeartbeatInterval"] = "00:00:00.200",
        };

        /// <summary>The one story; told when somebody first asks.</summary>
        internal Task<FailoverStory> StoryAsync() => _story ??= FailoverStory.TellAsync(World, CancellationToken.None);

        private protected override Task EndAsync() => World.ClearAsync(CancellationToken.None);
    }
}
