using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>
/// Restores a manifest into a directory. Everything is put together in a staging directory on the same file system and put in place at the end:
/// <code>
/// new tree   parent/.name.dumont-restore/new/tree ──one rename──▶ parent/name
/// in place   target/.dumont-restore/new/UNIT ◀──exchange──▶ target/path          (what was there is kept until all is done)
/// </code>
/// Until then the target is untouched; a failure afterwards is rolled back, and so is a crash, or finished, by the next restore.
/// </summary>
internal sealed class RestoreTree(IChunkSource source, RestoreOptions options)
{
    private const string StagingSuffix = ".dumont-restore";
    private const int LongestPlainName = 200;

    private readonly RestoreWarnings _warnings = new();

    /// <summary>Restores.</summary>
    /// <param name="manifest">All entries, each directory before what is in it.</param>
    /// <param name="identity">Names the snapshot: what an earlier run has prepared is only used for the same one.</param>
    /// <param name="target">Where to.</param>
    /// <param name="cancellationToken">Gives up; the target is then as it was.</param>
    /// <exception cref="SnapshotFormatException">The snapshot is damaged or hostile; names the path.</exception>
    /// <exception cref="RestoreException">The target is not one that can be restored into.</exception>
    /// <exception cref="ArgumentException">A pattern is none.</exception>
    public async Task<RestoreResult> RunAsync(
        IReadOnlyList<ManifestEntry> manifest, string identity, string target, CancellationToken cancellationToken)
    {
        ManifestCheck.Check(manifest);
        var place = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        RefuseStaging(place);
        if (options.First.Count > 0)
        {
            return await RunLazyAsync(manifest, identity, place, cancellationToken);
        }

        return options.Mode == RestoreMode.InPlace || IsEmptyDirectory(place)
            ? await RunInPlaceAsync(manifest, identity, place, options, cancellationToken)
            : await RunNewTreeAsync(manifest, identity, place, cancellationToken);
    }

    private async Task<RestoreResult> RunLazyAsync(
        IReadOnlyList<ManifestEntry> manifest, string identity, string target, CancellationToken cancellationToken)
    {
        if (options.Include.Count > 0)
        {
            throw new RestoreException("what is restored first cannot be named together with what is restored only; leave one of the two out");
        }

        if (options.Mode == RestoreMode.NewTree && Directory.Exists(target) && !IsEmptyDirectory(target))
        {
            throw NotEmpty(target);
        }

        // Two restores in place, so that the first part can be used while the rest is under way.
        var first = await RunInPlaceAsync(manifest, identity, target, options with { Include = options.First, Delete = false }, cancellationToken);
        var rest = await RunInPlaceAsync(manifest, identity, target, options, cancellationToken);
        return rest with
        {
            FilesRestored = first.FilesRestored + rest.FilesRestored,
            FilesSkipped = rest.FilesSkipped - first.FilesRestored,
            DirectoriesMade = first.DirectoriesMade + rest.DirectoriesMade,
            LinksMade = first.LinksMade + rest.LinksMade,
            BytesRestored = first.BytesRestored + rest.BytesRestored,
            BytesFetched = first.BytesFetched + rest.BytesFetched,
            BytesReused = first.BytesReused + rest.BytesReused,
        };
    }

    private async Task<RestoreResult> RunInPlaceAsync(
        IReadOnlyList<ManifestEntry> manifest, string identity, string target, RestoreOptions chosen, CancellationToken cancellationToken)
    {
        var isMade = false;
        if (!chosen.DryRun && !Path.Exists(target))
        {
            MakeTarget(target);
            isMade = true;
        }

        var root = OpenDirectory(target, RefuseTarget);
        try
        {
            var run = new RestoreRun(source, chosen, _warnings, identity);
            return chosen.DryRun
                ? run.Look(manifest, root)
                : await run.RunAsync(manifest, root, root, TreePath.RestoreStagingName, $"{target}/{TreePath.RestoreStagingName}", placeName: null, cancellationToken);
        }
        catch when (isMade)
        {
            RemoveIfEmpty(target);
            throw;
        }
        finally
        {
            Posix.Close(root);
        }
    }

    private async Task<RestoreResult> RunNewTreeAsync(
        IReadOnlyList<ManifestEntry> manifest, string identity, string target, CancellationToken cancellationToken)
    {
        var name = Path.GetFileName(target);
        var parentPath = Path.GetDirectoryName(target);
        if (parentPath is null || name.Length == 0)
        {
            throw NotEmpty(target);
        }

        var stagingName = $".{(Encoding.UTF8.GetByteCount(name) <= LongestPlainName ? name : ContentHash.Of(Encoding.UTF8.GetBytes(name)).ToString())}{StagingSuffix}";
        var run = new RestoreRun(source, options, _warnings, identity);
        var parent = OpenDirectory(parentPath, RefuseParent);
        try
        {
            if (Posix.TryStat(parent, Posix.Terminated(Latin1Of(name)), out var stat))
            {
                if (stat.Format != TreeRoot.FormatDirectory)
                {
                    throw new RestoreException($"{target} is not a directory: move it away, or restore elsewhere");
                }

                if (!run.WasPlaced(parent, stagingName))
                {
                    throw NotEmpty(target);
                }

                // An earlier run was stopped between the last rename and its end. What is missing is little.
                return await RunInPlaceAsync(manifest, identity, target, options, cancellationToken);
            }

            return options.DryRun
                ? run.Look(manifest, -1)
                : await run.RunAsync(manifest, -1, parent, stagingName, Path.Combine(parentPath, stagingName), Latin1Of(name), cancellationToken);
        }
        finally
        {
            Posix.Close(parent);
        }
    }

    private static void RefuseStaging(string target)
    {
        var inside = target.Split('/').FirstOrDefault(part =>
            part is TreePath.StagingName || part.EndsWith(StagingSuffix, StringComparison.Ordinal));
        if (inside is not null)
        {
            throw new RestoreException($"{target} lies in {inside}, which restores use themselves: restore elsewhere");
        }
    }

    private static bool IsEmptyDirectory(string path) =>
        new DirectoryInfo(path) is { Exists: true, LinkTarget: null } directory &&
        !directory.EnumerateFileSystemInfos().Any(entry => entry.Name != TreePath.RestoreStagingName);

    private static RestoreException NotEmpty(string target) => new(Path.Exists(Path.Combine(target, TreePath.RestoreStagingName))
        ? $"{target} holds what an interrupted restore left: restore in place to finish or undo that one, or restore elsewhere"
        : $"{target} exists and is not empty: restore in place, or elsewhere");

    private static RestoreException RefuseTarget(string path, int error) => new(error == Libc.ENOTDIR
        ? $"{path} is not a directory: move it away, or restore elsewhere"
        : $"{path} cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}");

    private static RestoreException RefuseParent(string path, int error) => new(error == Libc.ENOENT
        ? $"{path} does not exist: make it first"
        : $"{path} cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}");

    private static void MakeTarget(string target)
    {
        try
        {
            Directory.CreateDirectory(target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RestoreException($"{target} cannot be made: {e.Message}", e);
        }
    }

    private static void RemoveIfEmpty(string target)
    {
        try
        {
            Directory.Delete(target);
        }
        catch (IOException)
        {
            // Something is in it: then it stays.
        }
    }

    // The target itself may be reached through links: the user named it.
    private static unsafe int OpenDirectory(string path, Func<string, int, RestoreException> refuse)
    {
        fixed (byte* pointer = Posix.Terminated(Latin1Of(path)))
        {
            var opened = Libc.OpenAt(Libc.AT_FDCWD, pointer, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
            return opened >= 0 ? opened : throw refuse(path, Marshal.GetLastPInvokeError());
        }
    }

    private static string Latin1Of(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
}
