using System.Globalization;

namespace Dumont.Snapshots.Tests;

/// <summary>A tree as lines of text, for comparing two.</summary>
internal static class TreeFacts
{
    /// <summary>One line an entry: kind, mode, time in nanoseconds, path, and content or target; sorted.</summary>
    public static string Of(string folder)
    {
        using var root = TreeRoot.Open(folder);
        var lines = root.Walk().Select(entry => Describe(folder, entry)).Order(StringComparer.Ordinal);
        return string.Join('\n', lines);
    }

    /// <summary>The same with owner, extended attributes that travel, and the first name of a file that has several.</summary>
    public static string WithMetadata(string folder)
    {
        using var root = TreeRoot.Open(folder);
        var entries = root.Walk().ToList();
        var firstNames = entries.Where(entry => entry.Kind == TreeEntryKind.File).GroupBy(entry => entry.Stamp.Inode).ToDictionary(names => names.Key, names => names.Min(entry => entry.Path));
        return string.Join('\n', entries.Select(entry => Describe(folder, entry) + Extra(entry)).Order(StringComparer.Ordinal));

        string Extra(TreeEntry entry)
        {
            var metadata = root.ReadMetadata(entry);
            var first = entry.Kind == TreeEntryKind.File ? firstNames[entry.Stamp.Inode] : entry.Path;
            return $" {metadata.UserId}:{metadata.GroupId} {Convert.ToHexString(metadata.Payload.Span)} {first}";
        }
    }

    /// <summary>A reproducible stretch of noise.</summary>
    public static byte[] Noise(int length, int seed)
    {
        var bytes = new byte[length];
        new SeededRandom(seed).Fill(bytes);
        return bytes;
    }

    private static string Describe(string folder, TreeEntry entry)
    {
        var content = entry.Kind switch
        {
            TreeEntryKind.File => ContentHash.Of(File.ReadAllBytes(Path.Combine(folder, entry.Path.ToString()))).ToString(),
            TreeEntryKind.Link => entry.LinkTarget,
            TreeEntryKind.Directory => "",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{entry.Path} {entry.Kind} 0{Convert.ToString(entry.Mode, 8)} {entry.Stamp.ModifiedNs} {content}");
    }
}
