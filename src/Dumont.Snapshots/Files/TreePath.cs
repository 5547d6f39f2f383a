using System.Text;

namespace Dumont.Snapshots;

/// <summary>
/// A path below the root of a tree: components joined by '/', as bytes, because Linux names are bytes and need not be UTF-8. A value of
/// this type is always safe to resolve: no empty, <c>.</c> or <c>..</c> component, no NUL, not absolute. The default value is the root.
/// </summary>
/// <remarks>Kept as a string with one char a byte (Latin-1): compact, ordinal order is byte order, and every name survives.</remarks>
public readonly struct TreePath : IEquatable<TreePath>, IComparable<TreePath>
{
    /// <summary>Longest path in bytes; the kernel's own limit for one call.</summary>
    public const int MaximumBytes = 4095;

    /// <summary>Longest component in bytes, as on every Linux file system.</summary>
    public const int MaximumNameBytes = 255;

    /// <summary>Directory at the root of every tree in which new content is put together; never part of the tree itself.</summary>
    public const string StagingName = ".dumont-tmp";

    /// <summary>Directory at the root of a tree in which a restore in place prepares and keeps aside; never part of the tree itself. Not
    /// the one of sync, which empties its own when it starts: what a restore keeps aside must survive that.</summary>
    public const string RestoreStagingName = ".dumont-restore";

    private readonly string? _raw;

    private TreePath(string raw) => _raw = raw;

    /// <summary>The tree's root itself.</summary>
    public static TreePath Root => default;

    /// <summary>Whether this is the root.</summary>
    public bool IsRoot => string.IsNullOrEmpty(_raw);

    /// <summary>Whether this is a staging directory or lies in one.</summary>
    public bool IsReserved => Raw is ['.', 'd', ..] && (IsAtOrBelow(StagingName) || IsAtOrBelow(RestoreStagingName));

    /// <summary>Length in bytes.</summary>
    public int LengthBytes => Raw.Length;

    /// <summary>The directory that holds this entry; the root is its own parent.</summary>
    public TreePath Parent => Raw.LastIndexOf('/') is > 0 and var slash ? new TreePath(Raw[..slash]) : Root;

    /// <summary>One char a byte.</summary>
    internal string Raw => _raw ?? "";

    /// <summary>Last component, one char a byte.</summary>
    internal ReadOnlySpan<char> RawName => Raw.AsSpan(Raw.LastIndexOf('/') + 1);

    /// <summary>Reads a path as it comes over a wire or from a directory.</summary>
    /// <returns>False for anything that could lead out of the tree, and for the root.</returns>
    public static bool TryCreate(ReadOnlySpan<byte> bytes, out TreePath path)
    {
        path = default;
        if (bytes.Length is 0 or > MaximumBytes || bytes.Contains((byte)0))
        {
            return false;
        }

        foreach (var range in bytes.Split((byte)'/'))
        {
            var name = bytes[range];
            if (name.Length is 0 or > MaximumNameBytes || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
            {
                return false;
            }
        }

        path = new TreePath(Encoding.Latin1.GetString(bytes));
        return true;
    }

    /// <summary>Makes a path from text, encoded as UTF-8.</summary>
    /// <exception cref="ArgumentException">Not a path inside a tree.</exception>
    public static TreePath Parse(string path) =>
        TryCreate(Encoding.UTF8.GetBytes(path), out var result)
            ? result
            : throw new ArgumentException($"'{path}' is not a path inside a tree.", nameof(path));

    /// <summary>The entry <paramref name="name"/> of this directory.</summary>
    /// <returns>False when the path would be too long or the name is not one.</returns>
    public bool TryAppend(ReadOnlySpan<byte> name, out TreePath path)
    {
        path = default;
        if (name.Length is 0 or > MaximumNameBytes || LengthBytes + 1 + name.Length > MaximumBytes ||
            name.Contains((byte)'/') || name.Contains((byte)0) || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
        {
            return false;
        }

        var text = Encoding.Latin1.GetString(name);
        path = new TreePath(IsRoot ? text : string.Concat(Raw, "/", text));
        return true;
    }

    /// <summary>Whether this is <paramref name="directory"/> or lies below it.</summary>
    public bool IsWithin(TreePath directory) =>
        directory.IsRoot || (Raw.StartsWith(directory.Raw, StringComparison.Ordinal) &&
            (Raw.Length == directory.Raw.Length || Raw[directory.Raw.Length] == '/'));

    private bool IsAtOrBelow(string name) =>
        Raw.StartsWith(name, StringComparison.Ordinal) && (Raw.Length == name.Length || Raw[name.Length] == '/');

    /// <summary>The bytes.</summary>
    public byte[] ToBytes() => Encoding.Latin1.GetBytes(Raw);

    /// <inheritdoc />
    public int CompareTo(TreePath other) => string.CompareOrdinal(Raw, other.Raw);

    /// <inheritdoc />
    public bool Equals(TreePath other) => string.Equals(Raw, other.Raw, StringComparison.Ordinal);

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is TreePath other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => Raw.GetHashCode(StringComparison.Ordinal);

    /// <summary>For people: bytes that are not UTF-8 show as a replacement character.</summary>
    public override string ToString() => Encoding.UTF8.GetString(ToBytes());

    /// <summary>Same bytes.</summary>
    public static bool operator ==(TreePath left, TreePath right) => left.Equals(right);

    /// <summary>Not the same bytes.</summary>
    public static bool operator !=(TreePath left, TreePath right) => !left.Equals(right);

    /// <summary>Byte order.</summary>
    public static bool operator <(TreePath left, TreePath right) => left.CompareTo(right) < 0;

    /// <summary>Byte order.</summary>
    public static bool operator >(TreePath left, TreePath right) => left.CompareTo(right) > 0;

    /// <summary>Byte order.</summary>
    public static bool operator <=(TreePath left, TreePath right) => left.CompareTo(right) <= 0;

    /// <summary>Byte order.</summary>
    public static bool operator >=(TreePath left, TreePath right) => left.CompareTo(right) >= 0;
}
