namespace Dumont.Server.Platform.Reconcile;

/// <summary>Kinds of work items. A feature below wakes one above by kind and key, knowing nothing else of it.</summary>
internal static class WorkKinds
{
    /// <summary>Key: machine id.</summary>
    public const string Machine = "machine";

    /// <summary>Key: instance id.</summary>
    public const string Instance = "instance";

    /// <summary>Key: instance id.</summary>
    public const string Standby = "standby";

    /// <summary>Key: number of a migration.</summary>
    public const string Migration = "migration";

    /// <summary>Key: instance id.</summary>
    public const string Recovery = "recovery";

    /// <summary>Key: own machine's id.</summary>
    public const string OwnMachine = "own-machine";

    /// <summary>Key: number of a snapshot operation.</summary>
    public const string SnapshotOperation = "snapshot-operation";

    /// <summary>Key: instance id.</summary>
    public const string SnapshotSchedule = "snapshot-schedule";

    /// <summary>Key: user id.</summary>
    public const string SnapshotCleanup = "snapshot-cleanup";

    /// <summary>Key: always 1.</summary>
    public const string Verification = "verification";

    /// <summary>Key: always 1.</summary>
    public const string Sweep = "sweep";
}
