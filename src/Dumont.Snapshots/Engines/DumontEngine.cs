namespace Dumont.Snapshots.Engines;

/// <summary>Our own repository behind the seam.</summary>
/// <param name="store">Where the repository is. Not owned.</param>
/// <param name="secret">What opens it.</param>
/// <param name="graceOfPrune">How long packs that are no longer needed stay; zero only while nobody reads.</param>
/// <param name="time">Clock.</param>
public sealed class DumontEngine(IObjectStore store, RepositorySecret secret, TimeSpan graceOfPrune, TimeProvider time) : ISnapshotEngine
{
    /// <summary>Word of this engine in settings and records.</summary>
    public const string Name = "dumont";

    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc />
    public Task EnsureRepositoryAsync(CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            try
            {
                await Repository.OpenAsync(store, secret, cancellationToken);
            }
            catch (RepositoryException none) when (none.Kind == RepositoryErrorKind.NoRepository)
            {
                await InitAsync(cancellationToken);
            }

            return true;
        });

    /// <inheritdoc />
    public Task<SnapshotResult> SnapshotAsync(SnapshotRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var repository = await Repository.OpenAsync(store, secret, cancellationToken);
            var (snapshots, _) = await repository.ReadSnapshotsAsync(cancellationToken);
            if (snapshots.LastOrDefault(each => each.Tags.Contains(request.OperationTag)) is { } made &&
                await SnapshotWriter.TryConfirmAsync(repository, made, time, cancellationToken))
            {
                return ResultOf(made, []);
            }

            var options = new SnapshotOptions
            {
                Source = request.SourcePath,
                Hostname = request.HostName,
                Tags = [request.OperationTag],
                Excludes = [.. request.Exclude.Select(Pattern)],
                Force = request.Full,
            };
            var counted = new SnapshotProgress();
            var work = SnapshotWriter.WriteAsync(repository, options, counted, time, cancellationToken);
            await WatchAsync(work, () => progress?.Report(ProgressOf(counted)));
            var outcome = await work;
            return ResultOf(outcome.Snapshot, outcome.IsIncomplete ? outcome.Warnings : []);
        });

    /// <inheritdoc />
    public Task<RestoreResult> RestoreAsync(RestoreRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var started = time.GetTimestamp();
            var repository = await Repository.OpenAsync(store, secret, cancellationToken);
            var snapshot = await repository.GetSnapshotAsync(request.SnapshotId, cancellationToken);
            await EnsureIncludedAsync(repository, snapshot, request.Include, cancellationToken);
            if (request.DryRun && !Directory.Exists(request.TargetPath))
            {
                return new RestoreResult(0, 0, time.GetElapsedTime(started), [], RemovedEntries.None);
            }

            Directory.CreateDirectory(request.TargetPath);
            var options = new RestoreOptions
            {
                Mode = RestoreMode.InPlace,
                Include = [.. request.Include.Select(Pattern)],
                Verify = request.Verify,
                Delete = request.Delete,
                DryRun = request.DryRun,
                PreservePrivileged = true,
                OnProgress = at => progress?.Report(new EngineProgress(PhaseOf(at.Phase), at.BytesDone, at.BytesTotal, at.FilesDone, at.FilesTotal)),
            };
            var done = await RepositoryRestore.RunAsync(repository, snapshot, request.TargetPath, options, cancellationToken);
            var warnings = new WarningList();
            foreach (var warning in done.Warnings)
            {
                warnings.Add($"{warning.Path}: {warning.Message}");
            }

            return new RestoreResult(
                done.FilesRestored + done.FilesSkipped + done.LinksMade,
                done.BytesRestored,
                time.GetElapsedTime(started),
                warnings.ToList(),
                new RemovedEntries(done.RemovedEntries, done.RemovedBytes, [.. done.RemovedPaths.Take(EngineLimits.RemovedPathsMax)]));
        });

    /// <inheritdoc />
    public Task<IReadOnlyList<EngineSnapshot>> ListAsync(CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<EngineSnapshot>>(async () =>
        {
            var repository = await Repository.OpenAsync(store, secret, cancellationToken);
            return
            [
                .. (await repository.ListSnapshotsAsync(cancellationToken))
                    .Select(each => new EngineSnapshot(each.Id, each.Hostname, each.Tags is [var tag, ..] ? tag : null, each.Time, each.Source)),
            ];
        });

    /// <inheritdoc />
    public Task<VerifyResult> VerifyAsync(VerifyRequest request, CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var repository = await Repository.OpenAsync(store, secret, cancellationToken);
            var parts = request.Parts.Select(part => PackSample.Part(part.Number, part.Total)).Append(PackSample.Named(request.Packs));
            var options = new VerifyOptions { Sample = request.ReadAll ? PackSample.All : PackSample.AnyOf([.. parts]), Workers = 1 };
            var found = await RepositoryVerifier.VerifyAsync(repository, options, new VerifyProgress(), cancellationToken);
            var damage = new WarningList();
            foreach (var each in found.Damages)
            {
                damage.Add($"{each.ObjectName}: {each.Message}");
            }

            foreach (var path in found.AffectedPaths)
            {
                damage.Add($"{path} cannot be restored whole");
            }

            return new VerifyResult(damage.ToList(), found.AffectedSnapshots, [.. found.DamagedPacks.Take(EngineLimits.DamagedPacksMax)], [], found.BytesRead);
        });

    /// <inheritdoc />
    public Task ForgetAsync(IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var repository = await Repository.OpenAsync(store, secret, cancellationToken);
            var (snapshots, _) = await repository.ReadSnapshotsAsync(cancellationToken);
            await Pruner.ForgetAsync(repository, snapshots.Where(each => snapshotIds.Contains(each.Id)), cancellationToken);
            return true;
        });

    /// <inheritdoc />
    public Task<PruneResult> PruneAsync(bool thorough, CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var repository = await Repository.OpenAsync(store, secret, cancellationToken);
            var options = new PruneOptions { Grace = graceOfPrune };
            options = thorough ? options with { MaximumWaste = 0 } : options;
            var before = await SizeAsync(cancellationToken);
            await Pruner.PruneAsync(repository, options, time, cancellationToken);
            var after = await SizeAsync(cancellationToken);
            return new PruneResult(Math.Max(0, before - after), before, after);
        });

    /// <inheritdoc />
    public Task<RepositoryStats> StatsAsync(CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var repository = await Repository.OpenAsync(store, secret, cancellationToken);
            var found = await RepositoryStatistics.ReadAsync(repository, cancellationToken);
            return new RepositoryStats(found.StoredBytes, found.Snapshots);
        });

    private async Task InitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Repository.InitAsync(store, secret, time, cancellationToken);
        }
        catch (RepositoryException twice) when (twice.Kind == RepositoryErrorKind.AlreadyExists)
        {
            // Somebody else was faster; is it ours?
            await Repository.OpenAsync(store, secret, cancellationToken);
        }
    }

    private async Task<long> SizeAsync(CancellationToken cancellationToken)
    {
        var size = 0L;
        await foreach (var each in store.ListAsync("", cancellationToken))
        {
            size += each.SizeBytes;
        }

        return size;
    }

    private static async Task EnsureIncludedAsync(
        Repository repository, Snapshot snapshot, IReadOnlyList<string> include, CancellationToken cancellationToken)
    {
        if (include.Count == 0)
        {
            return;
        }

        await repository.LoadIndexAsync(cancellationToken);
        var paths = (await repository.ReadEntriesAsync(snapshot, cancellationToken)).Select(entry => entry.Path).ToHashSet();
        if (include.FirstOrDefault(path => !paths.Contains(TreePath.Parse(path))) is { } missing)
        {
            throw new SnapshotEngineException(SnapshotFailure.NotFound, $"The snapshot has no {missing}.");
        }
    }

    private async Task WatchAsync(Task work, Action report)
    {
        using var timer = new PeriodicTimer(ProgressInterval, time);
        while (!work.IsCompleted)
        {
            await Task.WhenAny(work, timer.WaitForNextTickAsync(CancellationToken.None).AsTask());
            report();
        }
    }

    private static SnapshotResult ResultOf(Snapshot made, IReadOnlyList<string> warnings)
    {
        var bounded = new WarningList();
        foreach (var warning in warnings)
        {
            bounded.Add(warning);
        }

        var figures = made.Statistics;
        return new SnapshotResult(
            made.Id,
            figures.FilesNew,
            figures.FilesChanged,
            figures.FilesUnmodified,
            figures.Bytes,
            figures.BytesStored,
            TimeSpan.FromMilliseconds(figures.Milliseconds),
            made.Parent is not null,
            bounded.ToList());
    }

    private static EngineProgress ProgressOf(SnapshotProgress counted) =>
        new(counted.BytesTotal == 0 ? "scanning" : "transferring", counted.BytesDone, counted.BytesTotal, counted.FilesDone, counted.FilesTotal);

    private static string PhaseOf(RestorePhase phase) =>
        phase switch
        {
            RestorePhase.Planning => "scanning",
            RestorePhase.Restoring => "transferring",
            RestorePhase.Verifying => "verifying",
            RestorePhase.Syncing or RestorePhase.Placing => "placing",
        };

    // From the root of the tree, every letter for itself.
    private static string Pattern(string path) =>
        "/" + string.Concat(path.Select(letter => letter is '*' or '?' or '[' or '\\' ? $"[{letter}]" : letter.ToString()));

    private static async Task<T> GuardAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new SnapshotEngineException(FailureOf(failed), failed.Message, failed);
        }
    }

    private static SnapshotFailure FailureOf(Exception failed) =>
        failed switch
        {
            RepositoryException known => known.Kind switch
            {
                RepositoryErrorKind.NoRepository or RepositoryErrorKind.NoSnapshot => SnapshotFailure.NotFound,
                RepositoryErrorKind.AlreadyExists => SnapshotFailure.Other,
                RepositoryErrorKind.KeyNeeded or RepositoryErrorKind.WrongKey => SnapshotFailure.WrongKey,
                RepositoryErrorKind.Locked => SnapshotFailure.Locked,
                RepositoryErrorKind.NoSource => SnapshotFailure.Files,
            },
            SnapshotFormatException => SnapshotFailure.Damaged,
            ObjectStoreException => SnapshotFailure.Store,
            _ => SnapshotFailure.Files,
        };
}
