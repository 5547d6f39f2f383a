using System.Text;

namespace Dumont.Snapshots;

/// <summary>One pass of a restore: recover what an earlier one left, plan, prepare in staging, put in place.</summary>
internal sealed class RestoreRun
{
    private readonly IChunkSource _source;
    private readonly RestoreOptions _options;
    private readonly RestoreSelection _selection;
    private readonly AttributeWriter _attributes;
    private readonly RestoreCounters _counters;
    private readonly ContentComparer _comparer;
    private readonly RestorePlacement _placement;
    private readonly ContentHash _identity;

    public RestoreRun(IChunkSource source, RestoreOptions options, RestoreWarnings warnings, string identity)
    {
        _source = source;
        _options = options;
        _selection = new RestoreSelection(options.Include, options.Exclude);
        _attributes = new AttributeWriter(options.PreservePrivileged, warnings);
        _counters = new RestoreCounters(options.OnProgress);
        _comparer = new ContentComparer(_counters);
        _placement = new RestorePlacement(options.Durable, _attributes, _counters);
        _identity = IdentityOf(identity, options);
    }

    /// <summary>Whether an earlier run of the same restore has put its tree in place and was stopped before it had tidied up. Tidies up.</summary>
    public bool WasPlaced(int parent, string stagingName)
    {
        if (!Posix.TryStat(parent, Posix.Terminated(stagingName), out _))
        {
            return false;
        }

        using var staging = RestoreStaging.Open(parent, stagingName, stagingName);
        if (staging.ReadJournal() is not { State: JournalState.Staging } journal || journal.Identity != _identity)
        {
            return false;
        }

        staging.Prepare();
        if (Posix.TryStat(staging.New, Posix.Terminated(RestorePlanner.TreeName), out _))
        {
            return false;
        }

        staging.Delete();
        return true;
    }

    /// <summary>Says what would be done.</summary>
    /// <param name="manifest">Checked.</param>
    /// <param name="target">Root of the target, open; -1 for a new tree.</param>
    public RestoreResult Look(IReadOnlyList<ManifestEntry> manifest, int target)
    {
        using var planner = new RestorePlanner(target, _selection, _attributes, _options);
        var plan = planner.Plan(manifest, CancellationToken.None);
        ReadPlan.Create(plan.Files, _source);
        return ResultOf(plan, [.. plan.Files]);
    }

    /// <summary>Restores.</summary>
    /// <param name="manifest">Checked.</param>
    /// <param name="target">Root of the target, open; -1 for a new tree.</param>
    /// <param name="stagingParent">Directory that the staging directory is made in.</param>
    /// <param name="stagingName">Its name.</param>
    /// <param name="stagingLocation">Its path for people.</param>
    /// <param name="placeName">Of a new tree: its name in <paramref name="stagingParent"/>, one char a byte.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<RestoreResult> RunAsync(
        IReadOnlyList<ManifestEntry> manifest,
        int target,
        int stagingParent,
        string stagingName,
        string stagingLocation,
        string? placeName,
        CancellationToken cancellationToken)
    {
        var rootModifiedNs = Posix.Stat(stagingParent).ModifiedNs;
        using var staging = RestoreStaging.Open(stagingParent, stagingName, stagingLocation);
        if (target >= 0)
        {
            // Making the staging directory has changed it; from here a crash leaves it as it was.
            _ = Posix.SetTimes(target, [], rootModifiedNs);
        }

        var journal = Recover(staging, target) ??
            new RestoreJournal(JournalState.Staging, _identity, _options.Durable, RestoreJournal.CurrentBootId(), rootModifiedNs);
        var isResumed = journal.Swaps.Count > 0 || staging.ReadJournal() is not null;
        RestorePlan? plan = null;
        try
        {
            staging.Prepare();
            _attributes.Probe(staging.New);
            using var planner = new RestorePlanner(target, _selection, _attributes, _options);
            plan = planner.Plan(manifest, cancellationToken);
            var result = plan.IsEmpty
                ? ResultOf(plan, [])
                : await PrepareAsync(plan, staging, journal with { BootId = RestoreJournal.CurrentBootId() }, isResumed ? journal : null, target, cancellationToken);
            if (!plan.IsEmpty)
            {
                _placement.Place(plan, staging, journal, target, stagingParent, placeName);
            }

            TidyUp(staging);
            RestorePlacement.SetRootTime(plan, target, journal.RootModifiedNs);
            return result with { WarningCount = _attributes.Warnings.Count, Warnings = _attributes.Warnings.First };
        }
        catch (Exception e) when (e is not UnfinishedPlacementException)
        {
            if (!_options.KeepPartial)
            {
                staging.Delete();
                if (target >= 0)
                {
                    _ = Posix.SetTimes(target, [], journal.RootModifiedNs);
                }
            }

            throw;
        }
    }

    // All is in place: what cannot be deleted now is deleted by the next restore.
    private void TidyUp(RestoreStaging staging)
    {
        try
        {
            staging.Delete();
        }
        catch (IOException e)
        {
            _attributes.Warnings.Add(TreePath.Root, $"{staging.Location} could not be removed: {e.Message}");
        }
    }

    // Brings the target into a state that one can begin with. Says what an earlier run of the same restore has prepared, if it can be used.
    private RestoreJournal? Recover(RestoreStaging staging, int target)
    {
        var journal = staging.ReadJournal();
        switch (journal)
        {
            case { State: JournalState.Staging } when journal.Identity == _identity:
                return journal;
            case { State: JournalState.Placing } when target >= 0:
                _placement.Settle(staging, journal, target, mayFinish: journal.Identity == _identity && (journal.IsDurable || journal.IsOfThisBoot));
                break;
            default:
                break;
        }

        staging.Clear();
        return null;
    }

    private async Task<RestoreResult> PrepareAsync(
        RestorePlan plan, RestoreStaging staging, RestoreJournal journal, RestoreJournal? earlier, int target, CancellationToken cancellationToken)
    {
        staging.WriteJournal(journal);
        var workers = Enumerable.Range(0, WorkersOf(_options))
            .Select(_ => new RestoreWorker(staging.New, target, _source.CreateOpener())).ToList();
        try
        {
            await KeepEqualAsync(plan, workers, target, cancellationToken);
            var finished = earlier is null ? [] : await FindFinishedAsync(plan, staging, earlier, workers, cancellationToken);
            var unfinished = plan.Files.Where(file => file is { IsKept: false, IsFinished: false }).ToList();
            var reads = ReadPlan.Create(unfinished, _source);
            RequireSpace(staging, unfinished.Sum(static file => file.DataBytes));

            var tree = new StagedTree(plan, staging, _attributes);
            tree.MakeDirectories();
            _counters.Begin(RestorePhase.Restoring, unfinished.Count, unfinished.Sum(static file => file.DataBytes));
            using (var files = new RestoreFiles(_attributes, earlier is not null, _options.Durable, _counters))
            {
                await new RestoreExecutor(_source, files, _counters)
                    .RunAsync(reads, [.. unfinished.Where(static file => file.Remaining == 0)], workers, cancellationToken);
            }

            tree.MakeLinks(target);
            tree.FinishDirectories();
            if (_options.Verify)
            {
                _counters.Begin(RestorePhase.Verifying, unfinished.Count, unfinished.Sum(static file => file.Entry.SizeBytes));
                await _comparer.VerifyAsync(unfinished, workers, cancellationToken);
            }

            return ResultOf(plan, [.. unfinished, .. finished]);
        }
        finally
        {
            workers.ForEach(static worker => worker.Dispose());
        }
    }

    // One more than cores where they wait for the disk.
    private static int WorkersOf(RestoreOptions options) =>
        options.Workers > 0 ? options.Workers : Environment.ProcessorCount + (options.Durable ? 1 : 0);

    // A file with another time and the same content stays, and only gets its attributes.
    private async Task KeepEqualAsync(RestorePlan plan, List<RestoreWorker> workers, int target, CancellationToken cancellationToken)
    {
        var candidates = plan.Files.Where(static file => file.HasBasis).ToList();
        if (candidates.Count == 0)
        {
            return;
        }

        _counters.Begin(RestorePhase.Planning, candidates.Count, candidates.Sum(static file => file.Entry.SizeBytes));
        await _comparer.FindEqualAsync(candidates, workers, cancellationToken);
        using var directories = new DirectoryCache(target);
        var kept = new HashSet<TreePath>();
        foreach (var file in candidates.Where(static file => file.EqualExtents is { } equal && equal.All(static same => same)))
        {
            var path = file.Entry.Path;
            if (Posix.TryStat(directories.Get(path.Parent.Raw), Posix.Terminated(path.RawName), out var stat) &&
                (long)stat.Size == file.Entry.SizeBytes && !file.Entry.Content.Any(static extent => extent.IsHole))
            {
                file.IsKept = true;
                kept.Add(path);
                plan.Stamps.Add(file.Entry);
            }
        }

        plan.Swaps.RemoveAll(swap => kept.Contains(swap.Path));
    }

    private async Task<IReadOnlyList<RestoreItem>> FindFinishedAsync(
        RestorePlan plan, RestoreStaging staging, RestoreJournal earlier, List<RestoreWorker> workers, CancellationToken cancellationToken)
    {
        var found = new List<RestoreItem>();
        using (var directories = new DirectoryCache(staging.New))
        {
            foreach (var file in plan.Files.Where(static file => !file.IsKept))
            {
                var name = Posix.Terminated(file.Name);
                if (directories.TryGet(file.Directory.StagedPath, out var directory) && Posix.TryStat(directory, name, out var stat) &&
                    stat.Format == TreeRoot.FormatRegular && (long)stat.Size == file.Entry.SizeBytes && stat.ModifiedNs == file.Entry.ModifiedNs)
                {
                    found.Add(file);
                }
            }
        }

        // The time is set last, so it proves the rest, as long as nothing that was written can have been lost.
        var wrong = _options.Verify || !earlier.IsOfThisBoot
            ? (await _comparer.FindWrongAsync(found, workers, cancellationToken)).ToHashSet()
            : [];
        found.RemoveAll(wrong.Contains);
        found.ForEach(static file => file.IsFinished = true);
        return found;
    }

    private static unsafe void RequireSpace(RestoreStaging staging, long bytes)
    {
        LibcFd.StatVfsBuffer disk;
        if (LibcFd.FStatVfs(staging.New, &disk) == 0 && disk.AvailableBlocks * disk.FragmentBytes < (ulong)bytes)
        {
            throw new RestoreException(
                $"the disk of the target has {disk.AvailableBlocks * disk.FragmentBytes >> 20} MiB free and the restore needs {bytes >> 20} MiB: " +
                "make room, restore elsewhere, or restore less");
        }
    }

    private RestoreResult ResultOf(RestorePlan plan, IReadOnlyList<RestoreItem> written) => new()
    {
        FilesRestored = written.Count,
        FilesSkipped = plan.FilesSkipped + plan.Files.Count(static file => file.IsKept),
        DirectoriesMade = plan.Directories.Count - 1,
        LinksMade = plan.Links.Count,
        Removed = plan.Removals.Count,
        RemovedEntries = plan.RemovedEntries,
        RemovedBytes = plan.RemovedBytes,
        RemovedPaths = [.. plan.FirstRemoved.Select(RestoreWarnings.Escape)],
        BytesRestored = written.Sum(static file => file.Entry.SizeBytes),
        BytesFetched = _counters.Fetched,
        BytesReused = _counters.Reused,
        OwnersSkipped = _attributes.Warnings.OwnersSkipped,
        WarningCount = _attributes.Warnings.Count,
        Warnings = _attributes.Warnings.First,
    };

    private static ContentHash IdentityOf(string snapshot, RestoreOptions options)
    {
        var text = new StringBuilder(snapshot).Append('\0').Append(options.PreservePrivileged).Append('\0').Append(options.Fifos);
        foreach (var pattern in options.Include.Prepend("include").Append("exclude").Concat(options.Exclude))
        {
            text.Append('\0').Append(pattern);
        }

        return ContentHash.Of(Encoding.UTF8.GetBytes(text.ToString()));
    }
}
