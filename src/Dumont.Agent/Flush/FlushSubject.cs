using System.Globalization;
using System.Text;
using Dumont.Snapshots;

namespace Dumont.Agent.Flush;

/// <summary>What a flush is about.</summary>
/// <param name="IsAll">Everything in the workspace.</param>
/// <param name="Paths">Else these files and directories of the workspace; none when the flush is about something else.</param>
internal sealed record FlushSubject(bool IsAll, IReadOnlyList<TreePath> Paths)
{
    /// <summary>Nothing of the workspace.</summary>
    public static FlushSubject None { get; } = new(false, []);

    /// <summary>Whether it is about something else than the workspace.</summary>
    public bool IsNone => !IsAll && Paths.Count == 0;

    /// <summary>All of it.</summary>
    public static FlushSubject All { get; } = new(true, []);
}

/// <summary>Finds out what a held flush is about, from what the kernel shows of the process that called.</summary>
/// <param name="procFolder">The <c>proc</c> file system.</param>
internal sealed class FlushSubjects(string procFolder)
{
    private const string Deleted = " (deleted)";

    /// <summary>The subject as seen from <paramref name="workspace"/>. A process that is gone has none.</summary>
    public FlushSubject Find(HeldFlush flush, string workspace)
    {
        // As the kernel names it.
        var root = new DirectoryInfo(workspace).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? workspace;
        return flush.Call switch
        {
            // Whichever file system it names: one flush too many costs time, one too few costs data.
            FlushCalls.Sync or FlushCalls.SyncFs => FlushSubject.All,
            FlushCalls.MSync => Of(root, Mapped(flush)),
            _ => Of(root, Opened(flush)),
        };
    }

    /// <summary>The files of a <c>maps</c> file that lie in a stretch of memory.</summary>
    internal static IEnumerable<string> FilesIn(IEnumerable<string> maps, ulong start, ulong length)
    {
        // 7f0c2a000000-7f0c2a021000 rw-s 00000000 fe:00 1234    /workspace/my file
        foreach (var line in maps)
        {
            var fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 6 && fields[0].Split('-') is [var from, var to]
                && ulong.TryParse(from, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var begin)
                && ulong.TryParse(to, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var end)
                && begin < start + length && start < end)
            {
                yield return fields[5];
            }
        }
    }

    private static FlushSubject Of(string root, IEnumerable<string> files)
    {
        var paths = new List<TreePath>();
        foreach (var file in files)
        {
            // Without a name nobody can find it again, here or on the follower.
            if (file == root)
            {
                paths.Add(TreePath.Root);
            }
            else if (file.StartsWith(root.TrimEnd('/') + "/", StringComparison.Ordinal) && !file.EndsWith(Deleted, StringComparison.Ordinal)
                && TreePath.TryCreate(Encoding.UTF8.GetBytes(file[(root.TrimEnd('/').Length + 1)..]), out var path))
            {
                paths.Add(path);
            }
        }

        return paths.Count == 0 ? FlushSubject.None : new FlushSubject(false, paths);
    }

    private IEnumerable<string> Opened(HeldFlush flush)
    {
        var link = Path.Combine(Folder(flush), "fd", ((int)flush.Argument).ToString(CultureInfo.InvariantCulture));
        try
        {
            return new FileInfo(link).LinkTarget is { } target ? [target] : [];
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private IEnumerable<string> Mapped(HeldFlush flush)
    {
        try
        {
            return [.. FilesIn(File.ReadLines(Path.Combine(Folder(flush), "maps")), flush.Argument, flush.Length)];
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private string Folder(HeldFlush flush) => Path.Combine(procFolder, flush.ThreadId.ToString(CultureInfo.InvariantCulture));
}
