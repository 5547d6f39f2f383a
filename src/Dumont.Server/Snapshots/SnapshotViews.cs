using System.Globalization;
using Dumont.Contracts;

namespace Dumont.Server.Snapshots;

/// <summary>Snapshots and operations as the API and the pages have them.</summary>
internal sealed class SnapshotViews(SnapshotStore snapshots, OperationStore operations)
{
    private const int IdShown = 8;

    /// <summary>One snapshot of the user; null when there is none.</summary>
    public async Task<SnapshotResponse?> FindAsync(UserId user, SnapshotNumber id, CancellationToken cancellationToken) =>
        await snapshots.FindOfUserAsync(user, id, cancellationToken) is { } snapshot ? await ToResponseAsync(snapshot, cancellationToken) : null;

    /// <summary>The user's snapshots, newest first.</summary>
    public async Task<SnapshotListResponse> ListAsync(
        UserId user, InstanceId? instance, string? tag, int offset, int limit, CancellationToken cancellationToken)
    {
        var all = (await snapshots.ListOfUserAsync(user, instance, cancellationToken))
            .Where(each => tag is null || each.Document.Tags.Contains(tag, StringComparer.Ordinal)).ToList();
        var page = new List<SnapshotResponse>();
        foreach (var each in all.Skip(offset).Take(limit))
        {
            page.Add(await ToResponseAsync(each, cancellationToken));
        }

        return new SnapshotListResponse(page, page.Count, all.Count);
    }

    /// <summary>As the API has an operation.</summary>
    public static SnapshotOperationResponse ToResponse(SnapshotOperation operation)
    {
        var document = operation.Document;
        var isRestore = operation.Kind == OperationKind.Restore;
        return new SnapshotOperationResponse
        {
            Success = operation.State is not (OperationState.Failed or OperationState.Cancelled),
            OperationId = operation.Id,
            Kind = Word(operation.Kind),
            Status = Word(operation.State),
            SnapshotId = operation.SnapshotId?.ToString(),
            InstanceId = operation.InstanceId,
            NewInstanceId = document.IsNewInstance ? operation.InstanceId : null,
            TargetPath = document.TargetPath,
            FilesRestored = isRestore && !document.DryRun ? document.Result?.FilesNew ?? 0 : 0,
            BytesRestored = isRestore && !document.DryRun ? document.Result?.BytesProcessed ?? 0 : 0,
            DryRun = document.DryRun,
            RemovedCount = document.Result?.Removed?.Count ?? 0,
            RemovedBytes = document.Result?.Removed?.Bytes ?? 0,
            RemovedPaths = document.Result?.Removed?.Paths ?? [],
            BytesVerified = document.BytesVerified,
            BytesFreed = document.BytesFreed,
            DurationSeconds = Math.Round(document.Result?.DurationSeconds ?? 0, 3),
            Errors = [.. document.Damage, .. document.Result?.Warnings ?? [], .. document.Message is { } message ? (IEnumerable<string>)[message] : []],
            Error = document.Message,
            CreatedAt = operation.CreatedAt,
            FinishedAt = operation.FinishedAt,
            Progress = operation.IsOver ? null : ProgressOf(operation),
        };
    }

    /// <summary>What a sync did, or is doing.</summary>
    public static SyncResponse ToSync(SnapshotResponse made) =>
        new()
        {
            Success = made.Status is "completed" or "partial",
            InstanceId = made.InstanceId,
            SnapshotId = made.Id,
            Status = made.Status,
            FilesNew = made.FilesNew,
            FilesChanged = made.FilesChanged,
            FilesUnmodified = made.FilesUnmodified,
            DataAdded = Size(made.DataAdded),
            DataAddedBytes = made.DataAdded,
            DurationSeconds = made.DurationSeconds,
            IsIncremental = made.IsIncremental,
            Error = made.Error,
        };

    /// <summary>A size as people read it, in powers of ten.</summary>
    public static string Size(long bytes)
    {
        var (value, unit) = ((double)bytes, 0);
        string[] units = ["B", "kB", "MB", "GB", "TB", "PB"];
        while (value >= 1000 && unit < units.Length - 1)
        {
            (value, unit) = (value / 1000, unit + 1);
        }

        return value.ToString(unit == 0 ? "0" : "0.0", CultureInfo.InvariantCulture) + " " + units[unit];
    }

    public static string Word<T>(T value)
        where T : struct, Enum =>
        value.ToString().ToLowerInvariant();

    private async Task<SnapshotResponse> ToResponseAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        var operation = snapshot.Status == SnapshotStatus.Creating ? await operations.FindOfSnapshotAsync(snapshot.Id, cancellationToken) : null;
        var (document, result) = (snapshot.Document, snapshot.Document.Result);
        return new SnapshotResponse
        {
            Id = snapshot.Id.ToString(),
            ShortId = snapshot.EngineSnapshotId is { Length: > IdShown } engineId ? engineId[..IdShown] : snapshot.Id.ToString(),
            Name = snapshot.Name,
            InstanceId = snapshot.InstanceId,
            Hostname = document.InstanceLabel,
            Status = Word(snapshot.Status),
            Type = document.Full || result is { IsIncremental: false } ? "full" : "incremental",
            Engine = document.Engine,
            CreatedAt = snapshot.CreatedAt,
            Tags = document.Tags,
            Paths = [document.SourcePath],
            SizeBytes = result?.BytesProcessed ?? 0,
            FilesNew = result?.FilesNew ?? 0,
            FilesChanged = result?.FilesChanged ?? 0,
            FilesUnmodified = result?.FilesUnmodified ?? 0,
            DataAdded = result?.BytesAdded ?? 0,
            Ratio = result is { BytesAdded: > 0 } ? Math.Round((double)result.BytesProcessed / result.BytesAdded, 2) : null,
            DurationSeconds = Math.Round(result?.DurationSeconds ?? 0, 3),
            IsIncremental = result?.IsIncremental ?? false,
            KeepForever = snapshot.KeepForever,
            Warnings = result?.Warnings ?? [],
            Error = document.Error,
            OperationId = operation?.Id,
            Progress = operation is null ? null : ProgressOf(operation),
        };
    }

    private static SnapshotProgress ProgressOf(SnapshotOperation operation)
    {
        var known = operation.Document.Progress ?? new OperationProgress(operation.State == OperationState.Pending ? "waiting" : "starting", 0, 0, 0, 0);
        double? percent = known.BytesTotal > 0 ? Math.Round(100.0 * Math.Min(known.BytesDone, known.BytesTotal) / known.BytesTotal, 1) : null;
        return new SnapshotProgress(known.Phase, known.BytesDone, known.BytesTotal, known.FilesDone, known.FilesTotal, percent);
    }
}
