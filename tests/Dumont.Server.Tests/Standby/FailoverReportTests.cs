using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Offers;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Standby;

public sealed class FailoverReportTests
{
    [Fact]
    public void PhaseTimings_Complete_CountDetectionFromTheLastSignOfLife()
    {
        var timings = Ended().PhaseTimings();

        Assert.Equal(
            [("detecting", 4000.0), ("gpu_lost", 500), ("failover_to_cpu", 100), ("searching_gpu", 900), ("provisioning", 20_000), ("restoring", 8500)],
            timings.Select(timing => (timing.Key, timing.Value)));
        Assert.Equal((Ended().CompletedAt!.Value - Ended().LastHeardAt).TotalMilliseconds, timings.Values.Sum());
    }

    [Fact]
    public void PhaseTimings_Running_LeavesOutThePhaseThatGoesOn()
    {
        var running = New().Enter(FailoverPhase.FailoverToCpu, At(4.5));

        Assert.Equal(["detecting", "gpu_lost"], running.PhaseTimings().Keys);
    }

    [Fact]
    public void PhaseTimings_PhaseEnteredTwice_AddsUp()
    {
        var failover = New()
            .Enter(FailoverPhase.SearchingGpu, At(5))
            .Enter(FailoverPhase.Provisioning, At(6))
            .Enter(FailoverPhase.SearchingGpu, At(10))
            .Enter(FailoverPhase.Provisioning, At(12))
            .Enter(FailoverPhase.Restoring, At(15));

        Assert.Equal((3000, 7000), (failover.PhaseTimings()["searching_gpu"], failover.PhaseTimings()["provisioning"]));
    }

    [Fact]
    public void PhaseTimings_Failed_EndsWithTheFailure()
    {
        var failed = New().Enter(FailoverPhase.Failed, At(64)) with { CompletedAt = At(64) };

        Assert.Equal(60_000, failed.PhaseTimings()["gpu_lost"]);
        Assert.DoesNotContain("failed", failed.PhaseTimings().Keys);
    }

    [Fact]
    public void Of_Nothing_HasNullsAndNoZeroes()
    {
        var report = Report();

        Assert.Equal((30, 0, 0, 0), (report.PeriodDays, report.TotalFailovers, report.SuccessfulFailovers, report.FailedFailovers));
        Assert.Null(report.SuccessRate);
        Assert.Null(report.MttrMs);
        Assert.Null(report.MttrSeconds);
        Assert.Empty(report.LatencyByPhaseMs);
    }

    [Fact]
    public void Of_SuccessFailureAndRunning_CountsEach()
    {
        var failed = New() with { Reason = "requested" };
        failed = failed.Enter(FailoverPhase.Failed, At(64)) with { CompletedAt = At(64) };
        var report = Report(Ended(), failed, New());

        Assert.Equal((3, 1, 1), (report.TotalFailovers, report.SuccessfulFailovers, report.FailedFailovers));
        Assert.Equal(50, report.SuccessRate);
        Assert.Equal(4500, report.MttrMs);
        Assert.Equal(4.5, report.MttrSeconds);

        // The mean over those that ended: 500 ms and 60 s.
        Assert.Equal(30_250, report.LatencyByPhaseMs["gpu_lost"]);
        Assert.Equal("gpu_failure", report.PrimaryCause);
    }

    [Theory]
    [InlineData("europe-west1-b", "", "europe-west1-b europe-west1-c us-east1-b asia-east1-a")]
    [InlineData("europe-west1-d", "", "europe-west1-b europe-west1-c us-east1-b asia-east1-a")]
    [InlineData("nowhere", "", "us-east1-b asia-east1-a europe-west1-b europe-west1-c")]
    [InlineData("europe-west1-b", "europe-west1-b", "europe-west1-c us-east1-b asia-east1-a europe-west1-b")]
    [InlineData("europe-west1-b", "europe-west1-b europe-west1-b europe-west1-c us-east1-b asia-east1-a", "europe-west1-c us-east1-b asia-east1-a europe-west1-b")]
    public void Rank_WantedZoneAndFailures_NearestFirstAndFailedLast(string wanted, string failed, string order)
    {
        static MachineOffer Offer(string zone, decimal price) =>
            OfferSamples.Rtx4090(1, price) with { Id = $"{zone}/e2-medium/spot" };
        MachineOffer[] offers =
        [
            Offer("asia-east1-a", 0.01m), Offer("europe-west1-c", 0.02m), Offer("europe-west1-b", 0.02m), Offer("us-east1-b", 0.005m),
        ];
        var tried = failed.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(zone => $"{zone}/e2-medium/spot").ToList();

        Assert.Equal(order.Split(' '), StandbyPlacement.Rank(offers, wanted, tried).Select(offer => offer.Id.Split('/')[0]));
    }

    private static FailoverReportResponse Report(params Failover[] failovers) =>
        FailoverReport.Of(
            failovers,
            30,
            failover => new FailoverResponse
            {
                FailoverId = failover.Id,
                GpuInstanceId = failover.InstanceId,
                Reason = failover.Reason,
                Phase = "",
                StartedAt = failover.StartedAt,
                DataRestored = failover.DataRestored,
                PhaseTimingsMs = failover.PhaseTimings(),
                TotalTimeMs = 0,
            });

    private static DateTimeOffset At(double seconds) => Now + TimeSpan.FromSeconds(seconds);

    /// <summary>Last heard at 0 s, suspected at 3 s, confirmed at 4 s.</summary>
    private static Failover New() => new()
    {
        Id = "fo-1",
        InstanceId = Id,
        UserId = new UserId(1),
        Reason = "gpu_failure",
        LastHeardAt = At(0),
        StartedAt = At(4),
        Phase = FailoverPhase.GpuLost,
        Timeline = [new FailoverMark(FailoverPhase.Detecting, At(3)), new FailoverMark(FailoverPhase.GpuLost, At(4))],
    };

    private static Failover Ended() =>
        New()
            .Enter(FailoverPhase.FailoverToCpu, At(4.5))
            .Enter(FailoverPhase.SearchingGpu, At(4.6))
            .Enter(FailoverPhase.Provisioning, At(5.5))
            .Enter(FailoverPhase.Restoring, At(25.5))
            .Enter(FailoverPhase.Complete, At(34)) with
        { CompletedAt = At(34), DataRestored = true };
}
