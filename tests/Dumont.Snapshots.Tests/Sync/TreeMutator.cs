using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>Does to a tree what users do, at random from a seed, and tells about half of it, as a watcher that misses things would.</summary>
internal sealed class TreeMutator(string folder, int seed)
{
    private static readonly string[] Names = ["a", "b", "c", "d", "e f", "ü"];
    private readonly SeededRandom _random = new(seed);
    private int _noise = seed * 1000;

    public void Step(TreeChanges changes)
    {
        var path = AnyPath();
        var full = Path.Combine(folder, path);
        var parent = Path.GetDirectoryName(full)!;
        if (_random.Below(12) == 0)
        {
            Remove(full);
        }
        else
        {
            MakeParents(parent);
            Change(full);
        }

        if (_random.Below(2) == 0)
        {
            changes.Mark(TreePath.Parse(path));
        }
    }

    private void Change(string full)
    {
        switch (_random.Below(14))
        {
            case 0:
                Remove(full);
                Directory.CreateDirectory(full);
                break;
            case 1:
                Remove(full);
                File.CreateSymbolicLink(full, _random.Pick(["/etc/passwd", "a", "../b", "nowhere"]));
                break;
            case 2 when File.Exists(full) && new FileInfo(full).LinkTarget is null:
                Overwrite(full);
                break;
            case 3 when File.Exists(full) && new FileInfo(full).LinkTarget is null:
                File.SetUnixFileMode(full, (UnixFileMode)(_random.Below(512) | 0b110_000_000));
                break;
            case 4 when File.Exists(full) && new FileInfo(full).LinkTarget is null:
                File.SetLastWriteTimeUtc(full, new DateTime(1990 + _random.Below(60), 1, 2, 3, 4, 5, DateTimeKind.Utc).AddTicks(_random.Below(9_999_999)));
                break;
            case 5 when Directory.Exists(full) || File.Exists(full):
                Rename(full);
                break;
            case 6 when Directory.Exists(full) && new DirectoryInfo(full).LinkTarget is null:
                File.SetUnixFileMode(full, (UnixFileMode)(_random.Below(512) | 0b111_000_000));
                break;
            case 7 when IsFile(full):
                Link(full);
                break;
            case 8 when IsFile(full):
                SetAttribute(full);
                break;
            case 9 when Environment.IsPrivilegedProcess && (IsFile(full) || Directory.Exists(full)):
                Kernel.SetOwner(full, _random.Below(3), _random.Below(3));
                break;
            default:
                Remove(full);
                File.WriteAllBytes(full, TreeFacts.Noise(_random.Pick([0, 1, 100, 5000, 19_999, 20_001, 300_000, 900_000]), _noise++));
                break;
        }
    }

    private static bool IsFile(string full) => File.Exists(full) && new FileInfo(full).LinkTarget is null;

    private void Link(string full)
    {
        var target = Path.Combine(folder, AnyPath());
        if ((target + "/").StartsWith(full + "/", StringComparison.Ordinal) || (full + "/").StartsWith(target + "/", StringComparison.Ordinal))
        {
            return;
        }

        MakeParents(Path.GetDirectoryName(target)!);
        Remove(target);
        if (IsFile(full))
        {
            Kernel.Link(full, target);
        }
    }

    // Now another value, now none: an empty file of attributes is a state, too.
    private void SetAttribute(string full)
    {
        var name = _random.Pick(["user.a", "user.b"]);
        Kernel.SetAttribute(full, name, TreeFacts.Noise(_random.Below(40), _noise++));
        if (_random.Below(3) == 0)
        {
            Kernel.RemoveAttribute(full, name);
        }
    }

    // In place, as a database does: same inode, often the same size.
    private void Overwrite(string full)
    {
        using var file = File.Open(full, FileMode.Open);
        file.Position = _random.Below((int)file.Length + 1);
        file.Write(TreeFacts.Noise(_random.Below(3000), _noise++));
        if (_random.Below(4) == 0)
        {
            file.SetLength(_random.Below((int)file.Length + 1));
        }
    }

    private void Rename(string full)
    {
        var target = Path.Combine(folder, AnyPath());
        if ((target + "/").StartsWith(full + "/", StringComparison.Ordinal) || (full + "/").StartsWith(target + "/", StringComparison.Ordinal))
        {
            return;
        }

        MakeParents(Path.GetDirectoryName(target)!);
        Remove(target);
        if (Directory.Exists(full) && new DirectoryInfo(full).LinkTarget is null)
        {
            Directory.Move(full, target);
        }
        else if (File.Exists(full) || new FileInfo(full).LinkTarget is not null)
        {
            File.Move(full, target);
        }
    }

    // Whatever stands in the way of a directory goes.
    private void MakeParents(string parent)
    {
        for (var at = parent; at.Length > folder.Length; at = Path.GetDirectoryName(at)!)
        {
            if (new FileInfo(at) is var info && (info.LinkTarget is not null || info.Exists))
            {
                info.Delete();
            }
        }

        Directory.CreateDirectory(parent);
    }

    private static void Remove(string full)
    {
        if (new FileInfo(full) is var file && (file.LinkTarget is not null || file.Exists))
        {
            file.Delete();
        }
        else if (Directory.Exists(full))
        {
            Directory.Delete(full, recursive: true);
        }
    }

    private string AnyPath() => string.Join('/', Enumerable.Range(0, 1 + _random.Below(3)).Select(_ => _random.Pick(Names)));
}
