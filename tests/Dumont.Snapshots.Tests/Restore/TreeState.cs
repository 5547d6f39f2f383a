using System.Globalization;
using System.Text;

namespace Dumont.Snapshots.Tests.Restore;

/// <summary>Everything about a tree that a failed restore must leave as it was: the inodes too.</summary>
internal static class TreeState
{
    /// <summary>One line an entry, the root first, sorted.</summary>
    public static string Of(string folder, bool withInodes = true)
    {
        var lines = new List<string>();
        using var root = TreeRoot.Open(folder);
        using var directories = new DirectoryCache((int)root.Handle.DangerousGetHandle());
        var open = new Stack<TreePath>([TreePath.Root]);
        lines.Add(Describe(directories, TreePath.Root, withInodes));
        while (open.TryPop(out var directory))
        {
            var own = Posix.Open(directories.Get(directory.Raw), ".\0"u8, Libc.O_RDONLY | Libc.O_DIRECTORY);
            foreach (var name in Posix.ReadNames(own))
            {
                Assert.True(directory.TryAppend(name.AsSpan(..^1), out var path));
                var line = Describe(directories, path, withInodes);
                lines.Add(line);
                if (line.StartsWith('d'))
                {
                    open.Push(path);
                }
            }

            Posix.Close(own);
        }

        lines.Sort(1, lines.Count - 1, StringComparer.Ordinal);
        return string.Join('\n', lines);
    }

    private static string Describe(DirectoryCache directories, TreePath path, bool withInode)
    {
        var parent = directories.Get(path.Parent.Raw);
        var name = path.IsRoot ? [(byte)'.', 0] : Posix.Terminated(path.RawName);
        Assert.True(Posix.TryStat(parent, name, out var stat));
        var (kind, content) = stat.Format switch
        {
            TreeRoot.FormatDirectory => ('d', ""),
            TreeRoot.FormatLink => ('l', Encoding.UTF8.GetString(Posix.ReadLink(parent, name)!)),
            TreeRoot.FormatRegular => ('f', ContentOf(parent, name, (int)stat.Size)),
            _ => ('?', ""),
        };
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{kind} {RestoreWarnings.Escape(path)} {Convert.ToString(stat.Permissions, 8)} {stat.UserId} {stat.GroupId} {stat.ModifiedNs} {(kind == 'd' ? 0 : stat.Links)} {(withInode ? stat.Inode : 0)} {content}");
    }

    private static string ContentOf(int parent, byte[] name, int size)
    {
        var file = Posix.Open(parent, name, Libc.O_RDONLY | Libc.O_NONBLOCK);
        var content = new byte[size];
        Assert.Equal(size, Posix.Read(file, content, 0));
        var comment = AttributeWriter.GetExtended(file, "user.comment"u8.ToArray());
        Posix.Close(file);
        return $"{ContentHash.Of(content)} {(comment is null ? "" : Encoding.UTF8.GetString(comment))}";
    }
}
