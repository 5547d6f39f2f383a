using System.Buffers;

namespace Dumont.Snapshots;

/// <summary>The rule for names in a store. Names are built from ids, so a name that breaks it is a defect or an attack and never reaches a
/// file system or a URL.</summary>
internal static class ObjectName
{
    // S3 allows 1024 bytes for prefix and name together.
    public const int LengthMax = 512;

    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789/._-");

    /// <summary>Whether a file or folder of a store may be called so. Names that begin with a dot are the store's own.</summary>
    public static bool IsSegment(ReadOnlySpan<char> text) =>
        text.Length > 0 && text[0] != '.' && !text.Contains('/') && !text.ContainsAnyExcept(Allowed);

    /// <summary>Whether an object may be called so.</summary>
    public static bool IsName(string name) => name.Length <= LengthMax && AreSegments(name);

    /// <exception cref="ArgumentException">It is not a name.</exception>
    public static void Check(string name)
    {
        if (!IsName(name))
        {
            throw new ArgumentException($"not the name of an object: '{Shown(name)}'", nameof(name));
        }
    }

    /// <exception cref="ArgumentException">No name begins so.</exception>
    public static void CheckPrefix(string prefix)
    {
        if (prefix.Length > LengthMax || (prefix.TrimEnd('/').Length < prefix.Length - 1) || (prefix.Length > 0 && !AreSegments(prefix.EndsWith('/') ? prefix[..^1] : prefix)))
        {
            throw new ArgumentException($"not the beginning of a name: '{Shown(prefix)}'", nameof(prefix));
        }
    }

    private static bool AreSegments(ReadOnlySpan<char> name)
    {
        foreach (var segment in name.Split('/'))
        {
            if (!IsSegment(name[segment]))
            {
                return false;
            }
        }

        return true;
    }

    private static string Shown(string name) =>
        new([.. name.Take(80).Select(letter => letter is >= ' ' and <= '~' ? letter : '?')]);
}
