using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>Where an instance is to move. Names an offer, or says what is wanted: then the cheapest that fits is taken.</summary>
public sealed record MigrateRequest
{
    /// <summary><c>gpu</c> or <c>cpu</c>; required.</summary>
    public string? TargetType { get; init; }

    /// <summary>GPU in any spelling; required for <c>gpu</c>, unless an offer is named.</summary>
    public string? GpuName { get; init; }

    /// <summary>Alias of <see cref="GpuName"/>.</summary>
    public string? TargetGpu { get; init; }

    /// <summary>Most that the machine may cost, $/h, 0.001 to 1,000; default 2.</summary>
    public decimal? MaxPrice { get; init; }

    /// <summary><c>US</c>, <c>EU</c> or <c>ASIA</c>; anywhere by default.</summary>
    public string? Region { get; init; }

    /// <summary>Alias of <see cref="Region"/>.</summary>
    public string? TargetRegion { get; init; }

    /// <summary>Disk to rent, GB, 10 to 10,000; default: the instance's, or what the workspace needs if that is more.</summary>
    public double? DiskSize { get; init; }

    /// <summary>Give the old machine back as soon as the new one has everything; default true. Otherwise it is stopped and kept, and its disk is billed until
    /// <c>POST /migrations/{id}/release-source</c>.</summary>
    public bool? AutoDestroySource { get; init; }

    /// <summary>Exactly this offer: a number of <c>GET /instances/offers</c>, own machines included, or <c>zone/type/spot</c> of Google Cloud.</summary>
    [JsonConverter(typeof(NumberOrTextConverter))]
    public string? TargetOfferId { get; init; }

    /// <summary><c>vast</c>, <c>gcp</c> or <c>ssh</c>, which are own machines; any by default.</summary>
    public string? TargetProvider { get; init; }

    /// <summary>Which of the offers that fit is taken; only <c>cheapest</c>.</summary>
    public string? Strategy { get; init; }
}

/// <summary>One end of a migration.</summary>
/// <param name="Id">Our number of the machine; null of one that is not rented yet.</param>
/// <param name="Type"><c>gpu</c> or <c>cpu</c>.</param>
/// <param name="GpuName">Null of a CPU machine.</param>
/// <param name="CostPerHour">$/h with its disk.</param>
/// <param name="OfferId">The provider's.</param>
/// <param name="Provider"><c>vast</c>, <c>gcp</c> or <c>ssh</c>.</param>
/// <param name="Geolocation">As the provider writes it.</param>
/// <param name="DiskGb">Disk of the instance there.</param>
public sealed record MigrationEnd(
    MachineId? Id, string Type, string? GpuName, decimal CostPerHour, string OfferId, string Provider, string Geolocation, double DiskGb);

/// <summary>One step of the plan.</summary>
/// <param name="Step">The word that <c>steps_completed</c> has later.</param>
/// <param name="Seconds">Estimate.</param>
/// <param name="Description">What happens then.</param>
public sealed record MigrationPlanStep(string Step, double Seconds, string Description);

/// <summary>What moving costs.</summary>
/// <param name="SourceUsd">The source while both are paid.</param>
/// <param name="TargetUsd">The target while both are paid.</param>
/// <param name="EgressUsd">What the source's provider takes for sending the workspace, and the target's for receiving it.</param>
/// <param name="TotalUsd">All of it.</param>
/// <param name="HourlyDifferenceUsd">What an hour costs afterwards, less what it costs now.</param>
public sealed record MigrationCost(decimal SourceUsd, decimal TargetUsd, decimal EgressUsd, decimal TotalUsd, decimal HourlyDifferenceUsd);

/// <summary>How fast the workspace is expected to travel.</summary>
/// <param name="Mbps">Mbit/s.</param>
/// <param name="Basis"><c>measured</c> by a sync of this instance, <c>advertised</c> by the offers, or <c>assumed</c> where nobody says.</param>
public sealed record MigrationBandwidth(double Mbps, string Basis);

/// <summary>What a migration would be. Nothing has been done.</summary>
public sealed record MigrationEstimateResponse
{
    /// <summary>Whether there is an offer that fits.</summary>
    public required bool Available { get; init; }

    /// <summary>Why not; null when there is.</summary>
    public string? Error { get; init; }

    /// <summary>The machine that writes now.</summary>
    public required MigrationEnd Source { get; init; }

    /// <summary>The offer that would be taken; null without one.</summary>
    public MigrationEnd? Target { get; init; }

    /// <summary>Size of the workspace; null while the machine has not measured it.</summary>
    public long? DataBytes { get; init; }

    /// <summary>Disk that would be rented, GB.</summary>
    public double DiskSize { get; init; }

    /// <summary>How fast the workspace would travel.</summary>
    public MigrationBandwidth? Bandwidth { get; init; }

    /// <summary>From the wish to the end; the instance can be used meanwhile.</summary>
    public double EstimatedTimeMinutes { get; init; }

    /// <summary>The same in words.</summary>
    public string? EstimatedTime { get; init; }

    /// <summary>What it costs, $.</summary>
    public decimal EstimatedCost { get; init; }

    /// <summary>Of what that is made up; null without an offer.</summary>
    public MigrationCost? Cost { get; init; }

    /// <summary>How long nothing can be written, about.</summary>
    public double WritePauseSeconds { get; init; }

    /// <summary>What would happen, in order.</summary>
    public IReadOnlyList<MigrationPlanStep> Plan { get; init; } = [];

    /// <summary>What the move does not see to, and what to do about it.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Offers that fit.</summary>
    public int OffersAvailable { get; init; }
}

/// <summary>A migration is under way.</summary>
public sealed record MigrateResponse
{
    /// <summary>It has been accepted; how it ends is told by <c>GET /migrations/{id}</c>.</summary>
    public required bool Success { get; init; }

    /// <summary>Number of the migration.</summary>
    public required long MigrationId { get; init; }

    /// <summary>The instance afterwards: the same, with the same SSH address.</summary>
    public required InstanceId NewInstanceId { get; init; }

    /// <summary>The instance before.</summary>
    public required InstanceId OldInstanceId { get; init; }

    /// <summary>Always null: the workspace travels from machine to machine.</summary>
    public string? SnapshotId { get; init; }

    /// <summary>Always null: what is refused is a problem.</summary>
    public string? Error { get; init; }

    /// <summary>Where it is.</summary>
    public required string Status { get; init; }

    /// <summary>What is done.</summary>
    public required IReadOnlyList<string> StepsCompleted { get; init; }

    /// <summary>What to expect.</summary>
    public required MigrationEstimateResponse Estimate { get; init; }
}

/// <summary>A migration, under way or over.</summary>
public sealed record MigrationResponse
{
    /// <summary>Number.</summary>
    public required long Id { get; init; }

    /// <summary>The instance, before and afterwards.</summary>
    public required InstanceId InstanceId { get; init; }

    /// <summary><c>searching</c>, <c>provisioning</c>, <c>copying</c>, <c>verifying</c>, <c>draining</c>, <c>switching</c>, <c>returning</c>,
    /// <c>complete</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Null while it is under way.</summary>
    public bool? Success { get; init; }

    /// <summary>Where the instance came from.</summary>
    public MigrationEnd? Source { get; init; }

    /// <summary>Where it goes; null while no machine is rented.</summary>
    public MigrationEnd? Target { get; init; }

    /// <summary>What is done, in order.</summary>
    public required IReadOnlyList<string> StepsCompleted { get; init; }

    /// <summary>What was sent to the target.</summary>
    public long BytesCopied { get; init; }

    /// <summary>Size of the workspace when it began.</summary>
    public long? BytesTotal { get; init; }

    /// <summary>Mbit/s of the copy; null before it was measured.</summary>
    public double? Mbps { get; init; }

    /// <summary>What was expected.</summary>
    public double EstimatedSeconds { get; init; }

    /// <summary>What was expected, $.</summary>
    public decimal EstimatedCost { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When it was over; null before.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>So far, or in all.</summary>
    public double DurationSeconds { get; init; }

    /// <summary>How long nothing could be written; null before the switch.</summary>
    public double? WritePauseMs { get; init; }

    /// <summary>Time in each phase that is over, ms.</summary>
    public required IReadOnlyDictionary<string, double> PhaseTimingsMs { get; init; }

    /// <summary>Machines that were tried.</summary>
    public int Attempts { get; init; }

    /// <summary>Whether <c>DELETE /migrations/{id}</c> would still be heard: until the switch.</summary>
    public bool Cancellable { get; init; }

    /// <summary>The source is stopped and kept, and its disk is billed.</summary>
    public bool SourceKept { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }
}

/// <summary>The migrations of an instance, newest first.</summary>
public sealed record MigrationListResponse(IReadOnlyList<MigrationResponse> Migrations, int Count);
