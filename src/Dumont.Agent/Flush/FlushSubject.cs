using System.Globalization;
using System.Runtime.InteropServices;
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

    /// <summary>Whether it is about the same.</summary>
    public bool IsSame(FlushSubject other) => IsAll == other.IsAll && Paths.SequenceEqual(other.Paths);
}

/// <summary>Finds out what a held flush is about, from what the kernel shows of the process that called. Names are bytes, here one char each.</summary>
/// <remarks>Where that cannot be told it is about everything: one flush too many costs time, one too few costs data. In a container without the right to
/// trace, the kernel shows nothing of the processes of other users than root, such as those of a database.</remarks>
/// <param name="procFolder">The <c>proc</c> file system.</param>
internal sealed unsafe class FlushSubjects(string procFolder)
{
    private const string Deleted = " (deleted)";
    private const string EscapedNewLine = "\\012";

    // The kernel gives no longer ones.
    private const int NameBytesMax = 4096;

    /// <summary>The subject as seen from <paramref name="workspace"/>. A process that is gone has none.</summary>
    public FlushSubject Find(HeldFlush flush, string workspace)
    {
        IEnumerable<string>? files = flush.Call switch
        {
            // Whichever file system it names.
            FlushCalls.Sync or FlushCalls.SyncFs => null,
            FlushCalls.MSync => Mapped(flush),
            _ => Opened(flush),
        };
        return files is null ? FlushSubject.All : Of(KernelNameOf(workspace), files);
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
                if (fields[5].Contains(EscapedNewLine, StringComparison.Ordinal))
                {
                    // Either what it says, or a line end; a backslash is not escaped.
                    yield return fields[5].Replace(EscapedNewLine, "\n", StringComparison.Ordinal);
                }
            }
        }
    }

    private static FlushSubject Of(string root, IEnumerable<string> files)
    {
        var paths = new List<TreePath>();
        var inside = root.TrimEnd('/') + "/";
        foreach (var file in files)
        {
            if (file == root)
            {
                paths.Add(TreePath.Root);
            }
            else if (file.StartsWith(inside, StringComparison.Ordinal) && HasName(file)
                && TreePath.TryCreate(Encoding.Latin1.GetBytes(file[inside.Length..]), out var path))
            {
                paths.Add(path);
            }
        }

        return paths.Count == 0 ? FlushSubject.None : new FlushSubject(false, paths);
    }

    // Without a name nobody can find it again, here or on the follower. A name may end like what the kernel adds to one that is gone.
    private static bool HasName(string file)
    {
        if (!file.EndsWith(Deleted, StringComparison.Ordinal))
        {
            return true;
        }

        fixed (byte* path = Encoding.Latin1.GetBytes(file + '\0'))
        {
            return Native.Access(path, 0) == 0;
        }
    }

    private static string KernelNameOf(string workspace)
    {
        var name = Encoding.UTF8.GetBytes(workspace + '\0');
        var resolved = stackalloc byte[NameBytesMax];
        fixed (byte* path = name)
        {
            return Encoding.Latin1.GetString(
                Native.RealPath(path, resolved) == null ? name.AsSpan(..^1) : MemoryMarshal.CreateReadOnlySpanFromNullTerminated(resolved));
        }
    }

    // Null: it cannot be told.
    private string[]? Opened(HeldFlush flush)
    {
        var target = stackalloc byte[NameBytesMax];
        fixed (byte* link = Encoding.UTF8.GetBytes($"{Folder(flush)}/fd/{((int)flush.Argument).ToString(CultureInfo.InvariantCulture)}\0"))
        {
            var length = Native.ReadLink(link, target, NameBytesMax);
            return length is >= 0 and < NameBytesMax ? [Encoding.Latin1.GetString(target, (int)length)]
                : length < 0 && Marshal.GetLastPInvokeError() is Native.ENOENT or Native.ESRCH ? []
                : null;
        }
    }

    // Null: it cannot be told.
    private List<string>? Mapped(HeldFlush flush)
    {
        try
        {
            return [.. FilesIn(File.ReadLines(Path.Combine(Folder(flush), "maps"), Encoding.Latin1), flush.Argument, flush.Length)];
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private string Folder(HeldFlush flush) => Path.Combine(procFolder, flush.ThreadId.ToString(CultureInfo.InvariantCulture));
}
