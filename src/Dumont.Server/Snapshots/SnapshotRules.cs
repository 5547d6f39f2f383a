using System.Diagnostics.CodeAnalysis;
using System.Text;
using Dumont.Contracts;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Snapshots;

/// <summary>What requests about snapshots must satisfy. Pure; each refusal names the field.</summary>
internal static class SnapshotRules
{
    /// <summary>The tree that is kept; snapshots and restores stay within it.</summary>
    public const string Workspace = "/workspace";

    public const int NameLengthMax = 100;
    public const int TagsMax = 20;
    public const int IncludeMax = 1000;

    private const int PathLengthMax = 4000;
    private const int KeepMax = 10_000;
    private const int DaysMax = 3650;

    /// <summary>Everything wrong with <paramref name="request"/>.</summary>
    public static IReadOnlyList<FieldError> Check(CreateSnapshotRequest request)
    {
        var errors = new List<FieldError>();
        if (request.InstanceId is null)
        {
            errors.Add(new FieldError("instance_id", "Field required.", "missing"));
        }

        CheckName(errors, "name", request.Name);
        CheckName(errors, "label", request.Label);
        CheckTags(errors, "tags", request.Tags);
        if (request.Type is not (null or "full" or "incremental"))
        {
            errors.Add(new FieldError("type", "Must be full or incremental."));
        }

        if (request.Paths is { Count: > 1 })
        {
            errors.Add(new FieldError("paths", "One directory is kept at a time."));
        }
        else if (SourceOf(request) is { } source && !IsInWorkspace(source))
        {
            errors.Add(new FieldError(request.SourcePath is null ? "paths" : "source_path", "Must be /workspace or a directory in it."));
        }

        return errors;
    }

    /// <summary>Everything wrong with <paramref name="request"/>.</summary>
    public static IReadOnlyList<FieldError> Check(RestoreSnapshotRequest request)
    {
        var errors = new List<FieldError>();
        if (string.IsNullOrEmpty(request.SnapshotId))
        {
            errors.Add(new FieldError("snapshot_id", "Field required.", "missing"));
        }

        if (request is { InstanceId: not null, GpuName: not null })
        {
            errors.Add(new FieldError("gpu_name", "Leave it out with instance_id: that instance has its GPU."));
        }

        if (request.GpuName is not null && (request.Delete == true || request.DryRun == true))
        {
            errors.Add(new FieldError(request.Delete == true ? "delete" : "dry_run", "Leave it out with gpu_name: a new instance has nothing to remove."));
        }

        if (request.TargetPath is { } target && target != "/" && !IsInWorkspace(target))
        {
            errors.Add(new FieldError("target_path", "Must be / or a directory in /workspace."));
        }

        if (request.Include is not null && request.Paths is not null)
        {
            errors.Add(new FieldError("paths", "Leave it out with include: they say the same."));
        }
        else if ((request.Include ?? request.Paths) is { } include && (include.Count > IncludeMax || include.Any(path => !TryRelative(path, Workspace, out _))))
        {
            errors.Add(new FieldError(request.Include is null ? "paths" : "include", "Must be at most 1000 paths within the snapshot, without ..."));
        }

        CheckName(errors, "label", request.Label);
        return errors;
    }

    /// <summary>Everything wrong with <paramref name="request"/>.</summary>
    public static IReadOnlyList<FieldError> Check(RetentionPolicyRequest request)
    {
        var errors = new List<FieldError>();
        Range(errors, "retention_days", request.RetentionDays, 0, DaysMax);
        Range(errors, "min_snapshots_to_keep", request.MinSnapshotsToKeep, 0, KeepMax);
        Range(errors, "max_snapshots_per_instance", request.MaxSnapshotsPerInstance, 1, KeepMax);
        Range(errors, "keep_hourly", request.KeepHourly, 0, KeepMax);
        Range(errors, "keep_daily", request.KeepDaily, 0, KeepMax);
        Range(errors, "keep_weekly", request.KeepWeekly, 0, KeepMax);
        Range(errors, "keep_monthly", request.KeepMonthly, 0, KeepMax);
        Range(errors, "keep_yearly", request.KeepYearly, 0, KeepMax);
        CheckTags(errors, "keep_tags", request.KeepTags);
        return errors;
    }

    /// <summary>Everything wrong with <paramref name="request"/>.</summary>
    public static IReadOnlyList<FieldError> Check(PruneSnapshotsRequest request)
    {
        var errors = new List<FieldError>();
        Range(errors, "keep_last", request.KeepLast, 1, KeepMax);
        return errors;
    }

    /// <summary>The directory that <paramref name="request"/> names; null for none.</summary>
    public static string? SourceOf(CreateSnapshotRequest request) => request.SourcePath ?? (request.Paths is [var first, ..] ? first : null);

    /// <summary>Whether <paramref name="path"/> is the workspace or a directory in it, spelled plainly.</summary>
    public static bool IsInWorkspace(string path) =>
        path == Workspace || (path.StartsWith(Workspace + "/", StringComparison.Ordinal) && TryRelative(path, Workspace, out _));

    /// <summary>The part of <paramref name="path"/> below <paramref name="root"/>; false for what leads elsewhere.</summary>
    public static bool TryRelative(string path, string root, [NotNullWhen(true)] out string? relative)
    {
        relative = path.StartsWith(root + "/", StringComparison.Ordinal) ? path[(root.Length + 1)..] : path;
        relative = relative.TrimEnd('/');
        return relative.Length > 0 && relative[0] != '/' && Encoding.UTF8.GetByteCount(relative) <= PathLengthMax && !relative.Any(char.IsControl)
            && relative.Split('/').All(name => name is not ("" or "." or ".."));
    }

    private static void CheckName(List<FieldError> errors, string field, string? name)
    {
        if (name is not null && (name.Trim().Length is 0 or > NameLengthMax || name.Any(char.IsControl)))
        {
            errors.Add(new FieldError(field, $"Must be 1 to {NameLengthMax} characters without control characters."));
        }
    }

    private static void CheckTags(List<FieldError> errors, string field, IReadOnlyList<string>? tags)
    {
        if (tags is not null && (tags.Count > TagsMax || tags.Any(tag => tag.Trim().Length is 0 or > NameLengthMax || tag.Any(char.IsControl))))
        {
            errors.Add(new FieldError(field, $"Must be at most {TagsMax} words of 1 to {NameLengthMax} characters."));
        }
    }

    private static void Range(List<FieldError> errors, string field, int? value, int from, int to)
    {
        if (value is { } number && (number < from || number > to))
        {
            errors.Add(new FieldError(field, $"Must be from {from} to {to}."));
        }
    }
}
