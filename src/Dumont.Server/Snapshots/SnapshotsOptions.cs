using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Snapshots;

/// <summary>Rules for snapshots. Section <c>Snapshots</c>.</summary>
internal sealed class SnapshotsOptions
{
    /// <summary>Engine of users who have chosen none: <c>dumont</c> or <c>restic</c>.</summary>
    [RegularExpression("dumont|restic")]
    public string DefaultEngine { get; set; } = "dumont";

    /// <summary>The restic program of the server, for what it does itself in a repository.</summary>
    [Required]
    public string ResticProgram { get; set; } = "restic";

    /// <summary>How long a call waits for the end before it answers with the state on the way. 0 to 1 h; default 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan Wait { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>An operation that has not ended by then has failed. 1 min to 7 d; default 24 h.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan OperationLimit { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Time between looks at an operation under way. 50 ms to 10 s; default 500 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:00:10")]
    public TimeSpan WatchInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Shortest time between two syncs of an instance that are not forced. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan SyncInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Time between two checks of a repository that come by themselves. 1 min to 7 d; default 24 h.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan VerifyInterval { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Days in which these checks read every byte once, for users who have not said; 0: there are none. 0 to 180; default 30.</summary>
    [Range(0, VerificationPolicy.DaysMax)]
    public int VerifyDays { get; set; } = 30;

    /// <summary>Snapshots that one user may have. 1 to 100,000; default 10,000.</summary>
    [Range(1, 100_000)]
    public int QuotaPerUser { get; set; } = 10_000;
}
