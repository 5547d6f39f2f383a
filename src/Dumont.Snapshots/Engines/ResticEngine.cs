using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Dumont.Snapshots.Engines;

/// <summary>The restic program behind our seam: its own format, its own store access, our semantics.</summary>
/// <remarks>Tried with restic 0.14 (Debian 12) and its documented JSON; see https://restic.readthedocs.io/en/stable/075_scripting.html.</remarks>
public sealed class ResticEngine(string program, ResticRepository repository) : ISnapshotEngine
{
    /// <summary>Word of this engine in settings and records.</summary>
    public const string Name = "restic";

    // "Some source data could not be read"; what could be is in a snapshot.
    private const int Incomplete = 3;

    private readonly ResticProcess _restic = new(program, repository);

    /// <inheritdoc />
    public async Task EnsureRepositoryAsync(CancellationToken cancellationToken)
    {
        var (code, errors) = await _restic.RunAsync(["cat", "config"], static _ => { }, null, cancellationToken);
        if (code == 0)
        {
            return;
        }

        if (!errors.Contains("Is there a repository", StringComparison.Ordinal) && !errors.Contains("does not exist", StringComparison.Ordinal))
        {
            throw Failed(errors);
        }

        (code, errors) = await _restic.RunAsync(["init"], static _ => { }, null, cancellationToken);
        if (code != 0 && !errors.Contains("already", StringComparison.Ordinal))
        {
            throw Failed(errors);
        }
    }

    /// <inheritdoc />
    public async Task<SnapshotResult> SnapshotAsync(SnapshotRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
    {
        var earlier = await ListAsync(cancellationToken);
        if (earlier.LastOrDefault(each => each.OperationTag == request.OperationTag) is { } made)
        {
            return await DescribeAsync(made, cancellationToken);
        }

        var isIncremental = !request.Full && earlier.Any(each => each.HostName == request.HostName && each.SourcePath == request.SourcePath);
        List<string> arguments = ["backup", "--json", "--host", request.HostName, "--tag", request.OperationTag];
        foreach (var path in request.Exclude)
        {
            arguments.Add("--exclude");
            arguments.Add(ResticOutput.Literal(Path.Combine(request.SourcePath, path)));
        }

        if (request.Full)
        {
            arguments.Add("--force");
        }

        arguments.AddRange(["--", request.SourcePath]);
        var warnings = new WarningList();
        JsonElement? summary = null;
        var (code, errors) = await _restic.RunAsync(arguments, Take, Warn, cancellationToken);
        if (summary is not { } end || code is not (0 or Incomplete))
        {
            throw Failed(errors);
        }

        var result = ResticOutput.Summary(end, isIncremental, warnings.ToList());
        var kept = (await ListAsync(cancellationToken)).LastOrDefault(each => each.SnapshotId.StartsWith(result.SnapshotId, StringComparison.Ordinal));
        return result with { SnapshotId = kept?.SnapshotId ?? result.SnapshotId };

        void Take(string line)
        {
            if (ResticOutput.Message(line) is { } message)
            {
                if (ResticOutput.TypeOf(message) == "status")
                {
                    progress?.Report(ResticOutput.Progress(message));
                }
                else if (ResticOutput.TypeOf(message) == "summary")
                {
                    summary = message;
                }
            }
        }

        void Warn(string line)
        {
            if (ResticOutput.Message(line) is { } message && ResticOutput.TypeOf(message) == "error")
            {
                warnings.Add(ResticOutput.Warning(message));
            }
        }
    }

    /// <inheritdoc />
    public async Task<RestoreResult> RestoreAsync(RestoreRequest request, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        if (request.DryRun)
        {
            var would = await PreviewAsync(request, cancellationToken);
            return new RestoreResult(0, 0, TimeProvider.System.GetElapsedTime(started), [], would);
        }

        var staged = new StagedSwap(request.StagingPath);
        try
        {
            staged.Begin();
            List<string> arguments = ["restore", request.SnapshotId, "--target", staged.NewPath];
            foreach (var path in request.Include)
            {
                arguments.Add("--include");
                arguments.Add(ResticOutput.Literal(Path.Combine(request.SourcePath, path)));
            }

            if (request.Verify)
            {
                arguments.Add("--verify");
            }

            progress?.Report(new EngineProgress("transferring", 0, 0, 0, 0));
            var (code, errors) = await _restic.RunAsync(arguments, static _ => { }, null, cancellationToken);
            if (code != 0)
            {
                throw Failed(errors);
            }

            var source = Path.Join(staged.NewPath, request.SourcePath);
            if (request.Include.FirstOrDefault(path => !Path.Exists(Path.Join(source, path)) && new FileInfo(Path.Join(source, path)).LinkTarget is null) is { } missing)
            {
                throw new SnapshotEngineException(SnapshotFailure.NotFound, $"The snapshot has no {missing}.");
            }

            progress?.Report(new EngineProgress("placing", 0, 0, 0, 0));
            Directory.CreateDirectory(source);
            var surplus = request.Delete
                ? TargetSurplus.Find(request.TargetPath, request.Include, path => Path.Exists(Path.Join(source, path)) || new FileInfo(Path.Join(source, path)).LinkTarget is not null)
                : null;
            var (files, bytes) = staged.Place(source, request.TargetPath, surplus?.Paths ?? []);
            return new RestoreResult(files, bytes, TimeProvider.System.GetElapsedTime(started), [], surplus?.Summary ?? RemovedEntries.None);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new SnapshotEngineException(SnapshotFailure.Files, failed.Message, failed);
        }
        finally
        {
            staged.Discard();
        }
    }

    private async Task<RemovedEntries> PreviewAsync(RestoreRequest request, CancellationToken cancellationToken)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        var (code, errors) = await _restic.RunAsync(["ls", "--json", request.SnapshotId], Take, null, cancellationToken);
        if (code != 0)
        {
            throw Failed(errors);
        }

        if (request.Include.FirstOrDefault(path => !known.Contains(path)) is { } missing)
        {
            throw new SnapshotEngineException(SnapshotFailure.NotFound, $"The snapshot has no {missing}.");
        }

        return request.Delete ? TargetSurplus.Find(request.TargetPath, request.Include, known.Contains).Summary : RemovedEntries.None;

        void Take(string line)
        {
            if (ResticOutput.Message(line) is { } node && ResticOutput.Text(node, "path") is { } path
                && path.StartsWith(request.SourcePath + "/", StringComparison.Ordinal))
            {
                known.Add(path[(request.SourcePath.Length + 1)..]);
            }
        }
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<EngineSnapshot>> ListAsync(CancellationToken cancellationToken) =>
        ResticOutput.Snapshots(await ReadAsync(["snapshots", "--json"], cancellationToken));

    /// <inheritdoc />
    public async Task<VerifyResult> VerifyAsync(VerifyRequest request, CancellationToken cancellationToken)
    {
        var (damage, unnamed) = (new List<string>(), new List<VerifyPart>());
        foreach (var part in PartsOf(request))
        {
            var found = await FindDamageAsync(part, cancellationToken);
            damage.AddRange(found);
            if (part is not null && found.Count > 0 && !found.SelectMany(ResticOutput.PacksIn).Any())
            {
                unnamed.Add(part);
            }
        }

        // Every check says what is wrong with the structure, whatever part of the data it reads: no part has to be read again for that.
        if (unnamed.Count > 0 && (await FindDamageAsync(part: null, cancellationToken)).Count > 0)
        {
            unnamed.Clear();
        }

        var told = new WarningList();
        foreach (var line in damage.Distinct(StringComparer.Ordinal))
        {
            told.Add(line);
        }

        var packs = damage.SelectMany(ResticOutput.PacksIn).Distinct(StringComparer.Ordinal).Take(EngineLimits.DamagedPacksMax);
        return new VerifyResult(told.ToList(), damage.Count == 0 ? [] : null, [.. packs], unnamed, 0);
    }

    // restic knows parts by the first byte of a pack's name alone, and takes one part at a time. Null: the structure alone.
    private static List<VerifyPart?> PartsOf(VerifyRequest request)
    {
        if (request.ReadAll || request.Parts.Contains(VerifyPart.Whole))
        {
            return [VerifyPart.Whole];
        }

        var again = request.Packs.Select(pack => new VerifyPart(Convert.FromHexString(pack[..2])[0] + 1, EngineLimits.VerifyPartsMax));
        List<VerifyPart?> parts = [.. request.Parts.Concat(again).Distinct()];
        return parts.Count == 0 ? [null] : parts;
    }

    private async Task<IReadOnlyList<string>> FindDamageAsync(VerifyPart? part, CancellationToken cancellationToken)
    {
        string[] sample = part is null ? []
            : part == VerifyPart.Whole ? ["--read-data"]
            : [string.Create(CultureInfo.InvariantCulture, $"--read-data-subset={part.Number}/{part.Total}")];

        // Its lock would turn backups away. What is found without it may be a prune's doing, so it is looked at again under the lock.
        return await CheckAsync([.. sample, "--no-lock"], cancellationToken) is { Count: > 0 } ? await CheckAsync(sample, cancellationToken) : [];
    }

    private async Task<IReadOnlyList<string>> CheckAsync(IReadOnlyList<string> sample, CancellationToken cancellationToken)
    {
        var (code, errors) = await _restic.RunAsync(["check", .. sample], static _ => { }, null, cancellationToken);
        if (code == 0)
        {
            return [];
        }

        // Not all that goes wrong is damage.
        var failed = Failed(errors);
        if (failed.Failure is SnapshotFailure.Locked or SnapshotFailure.WrongKey or SnapshotFailure.Store)
        {
            throw failed;
        }

        var told = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => !ResticOutput.IsRetry(line)).ToList();
        return told.Count > 0 ? told : [failed.Message];
    }

    /// <inheritdoc />
    public async Task ForgetAsync(IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken)
    {
        var there = (await ListAsync(cancellationToken)).Select(each => each.SnapshotId).ToHashSet(StringComparer.Ordinal);
        var wanted = snapshotIds.Where(there.Contains).ToList();
        if (wanted.Count > 0)
        {
            await ReadAsync(["unlock"], cancellationToken);
            await ReadAsync(["forget", .. wanted], cancellationToken);
        }
    }

    /// <inheritdoc />
    public async Task<PruneResult> PruneAsync(bool thorough, CancellationToken cancellationToken)
    {
        await ReadAsync(["unlock"], cancellationToken);
        var before = await StatsAsync(cancellationToken);
        await ReadAsync(thorough ? ["prune", "--max-unused=0"] : ["prune"], cancellationToken);
        var after = await StatsAsync(cancellationToken);
        return new PruneResult(Math.Max(0, before.BytesStored - after.BytesStored), before.BytesStored, after.BytesStored);
    }

    /// <inheritdoc />
    public async Task<RepositoryStats> StatsAsync(CancellationToken cancellationToken)
    {
        var stored = 0L;
        foreach (var line in (await ReadAsync(["stats", "--json", "--mode", "raw-data"], cancellationToken)).Split('\n'))
        {
            stored = ResticOutput.Message(line) is { } stats ? ResticOutput.Number(stats, "total_size") : stored;
        }

        return new RepositoryStats(stored, (await ListAsync(cancellationToken)).Count);
    }

    // A repetition of a request whose answer was lost: the summary is lost, the size is not.
    private async Task<SnapshotResult> DescribeAsync(EngineSnapshot made, CancellationToken cancellationToken)
    {
        var (size, files) = (0L, 0L);
        foreach (var line in (await ReadAsync(["stats", "--json", made.SnapshotId], cancellationToken)).Split('\n'))
        {
            if (ResticOutput.Message(line) is { } stats)
            {
                (size, files) = (ResticOutput.Number(stats, "total_size"), ResticOutput.Number(stats, "total_file_count"));
            }
        }

        return new SnapshotResult(made.SnapshotId, 0, 0, files, size, 0, TimeSpan.Zero, IsIncremental: true, []);
    }

    private async Task<string> ReadAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var output = new StringBuilder();
        var (code, errors) = await _restic.RunAsync(arguments, line => output.Append(line).Append('\n'), null, cancellationToken);
        return code == 0 ? output.ToString() : throw Failed(errors);
    }

    private static SnapshotEngineException Failed(string errors)
    {
        var failure =
            Has("wrong password") ? SnapshotFailure.WrongKey
            : Has("no matching ID") || Has("no snapshot found") ? SnapshotFailure.NotFound
            : Has("already locked") ? SnapshotFailure.Locked
            : Has("ciphertext verification failed") || Has("invalid data returned") || Has("hash does not match") ? SnapshotFailure.Damaged
            : Has("no space left") || Has("Access Denied") || Has("connection refused") || Has("server response unexpected") ? SnapshotFailure.Store
            : Has("all target directories/files do not exist") || Has("permission denied") ? SnapshotFailure.Files
            : SnapshotFailure.Other;
        var told = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var last = told.FirstOrDefault(line => line.StartsWith("Fatal:", StringComparison.Ordinal)) ?? told.LastOrDefault() ?? "it ended without a word";
        return new SnapshotEngineException(failure, $"restic: {(last.Length > EngineLimits.WarningLengthMax ? last[..EngineLimits.WarningLengthMax] : last)}");

        bool Has(string text) => errors.Contains(text, StringComparison.OrdinalIgnoreCase);
    }
}
