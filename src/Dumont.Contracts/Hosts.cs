using System.ComponentModel.DataAnnotations;

namespace Dumont.Contracts;

/// <summary>Hides a host from the caller's offers.</summary>
public sealed record BlacklistHostRequest
{
    /// <summary>Provider word; default <c>vast</c>.</summary>
    [RegularExpression("^[a-z0-9-]{1,32}$")]
    public string? Provider { get; init; }

    /// <summary>The provider's number of the physical machine.</summary>
    [Required]
    [Range(1, long.MaxValue)]
    public long? MachineId { get; init; }

    /// <summary>For the user's own overview. 1 to 500 characters.</summary>
    [Required]
    [StringLength(500, MinimumLength = 1)]
    public string? Reason { get; init; }

    /// <summary>Hours until it ends, up to a year; null means until removed.</summary>
    [Range(1, 8760)]
    public int? DurationHours { get; init; }
}

/// <summary>A host that is hidden from offers.</summary>
/// <param name="Provider">Provider word.</param>
/// <param name="MachineId">The provider's number of the physical machine.</param>
/// <param name="Reason">Why.</param>
/// <param name="AddedAt">Since when.</param>
/// <param name="ExpiresAt">Until when; null means until removed.</param>
/// <param name="Scope"><c>user</c> for the caller's own entry, <c>server</c> for one that repeated failures made for everybody.</param>
public sealed record BlacklistEntryResponse(
    string Provider, long MachineId, string Reason, DateTimeOffset AddedAt, DateTimeOffset? ExpiresAt, string Scope);

/// <summary>Hosts that are hidden from the caller's offers.</summary>
/// <param name="Blacklist">Newest first.</param>
/// <param name="Count">How many.</param>
public sealed record BlacklistResponse(IReadOnlyList<BlacklistEntryResponse> Blacklist, int Count);

/// <summary>A host was hidden.</summary>
/// <param name="Success">Always true.</param>
/// <param name="Host">The entry.</param>
/// <param name="Message">What was done.</param>
public sealed record BlacklistedHostResponse(bool Success, BlacklistEntryResponse Host, string Message);

/// <summary>Whether a host is hidden.</summary>
/// <param name="IsBlacklisted">For the caller.</param>
/// <param name="Info">The entry; null when it is not.</param>
public sealed record BlacklistCheckResponse(bool IsBlacklisted, BlacklistEntryResponse? Info);

/// <summary>What our own rentals say about a host.</summary>
/// <param name="Provider">Provider word.</param>
/// <param name="MachineId">The provider's number of the physical machine.</param>
/// <param name="GpuName">GPU of the last attempt; null where unknown.</param>
/// <param name="TotalAttempts">Tries to rent it.</param>
/// <param name="Successful">Those that came up.</param>
/// <param name="Failed">Those that did not.</param>
/// <param name="SuccessRate">0 to 1; null without attempts.</param>
/// <param name="ReliabilityStatus"><c>unknown</c>, <c>excellent</c>, <c>good</c>, <c>fair</c> or <c>poor</c>.</param>
/// <param name="LastAttemptAt">Null without attempts.</param>
/// <param name="LastFailureReason">Null without failures.</param>
/// <param name="IsBlacklisted">For the caller.</param>
/// <param name="BlacklistReason">Null when it is not.</param>
public sealed record HostResponse(
    string Provider,
    long MachineId,
    string? GpuName,
    int TotalAttempts,
    int Successful,
    int Failed,
    double? SuccessRate,
    string ReliabilityStatus,
    DateTimeOffset? LastAttemptAt,
    string? LastFailureReason,
    bool IsBlacklisted,
    string? BlacklistReason);

/// <summary>Hosts by what our rentals say.</summary>
/// <param name="Machines">Worst or best first, as asked.</param>
/// <param name="Count">How many.</param>
public sealed record HostListResponse(IReadOnlyList<HostResponse> Machines, int Count);

/// <summary>All rentals of a period.</summary>
/// <param name="PeriodHours">How far back.</param>
/// <param name="Provider">Provider word; null for all.</param>
/// <param name="TotalAttempts">Tries.</param>
/// <param name="Successful">Those that came up.</param>
/// <param name="Failed">Those that did not.</param>
/// <param name="SuccessRate">0 to 1; 0 without attempts.</param>
/// <param name="FailureStages">Stage → how often it failed there.</param>
/// <param name="BlacklistedMachines">Hosts hidden from the caller now.</param>
public sealed record HistorySummaryResponse(
    int PeriodHours,
    string? Provider,
    int TotalAttempts,
    int Successful,
    int Failed,
    double SuccessRate,
    IReadOnlyDictionary<string, int> FailureStages,
    int BlacklistedMachines);

/// <summary>One try to rent a host.</summary>
/// <param name="Id">Number of the attempt.</param>
/// <param name="Provider">Provider word.</param>
/// <param name="MachineId">The provider's number of the physical machine.</param>
/// <param name="GpuName">Null where unknown.</param>
/// <param name="Success">Whether it came up.</param>
/// <param name="Stage">How far it got.</param>
/// <param name="Reason">Why it failed; empty for a success.</param>
/// <param name="At">When.</param>
public sealed record HostAttemptResponse(
    long Id, string Provider, long MachineId, string? GpuName, bool Success, string Stage, string Reason, DateTimeOffset At);

/// <summary>Tries to rent hosts.</summary>
/// <param name="Attempts">Newest first.</param>
/// <param name="Count">How many.</param>
public sealed record HostAttemptListResponse(IReadOnlyList<HostAttemptResponse> Attempts, int Count);
