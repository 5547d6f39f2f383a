namespace Dumont.Snapshots;

/// <summary>Names of a repository's objects.</summary>
internal static class ObjectNames
{
    public const string Packs = "packs/";
    public const string Indexes = "index/";
    public const string Snapshots = "snapshots/";
    public const string Keys = "keys/";
    public const string Locks = "locks/";
    public const string Pending = "pending/";

    // A flat folder of many thousand packs is slow on some file systems.
    public static string Pack(ContentHash name)
    {
        var text = name.ToString();
        return $"{Packs}{text[..2]}/{text}";
    }

    public static string Index(ContentHash name) => Indexes + name;

    public static string Snapshot(ContentHash name) => Snapshots + name;

    /// <summary>The digest at the end of an object's name; false for a name that no object of ours has.</summary>
    public static bool TryParseDigest(string name, out ContentHash digest)
    {
        digest = default;
        var last = name.AsSpan(name.LastIndexOf('/') + 1);
        Span<byte> bytes = stackalloc byte[ContentHash.SizeBytes];
        if (last.Length != 2 * ContentHash.SizeBytes || last.ContainsAnyInRange('A', 'F') ||
            Convert.FromHexString(last, bytes, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return false;
        }

        digest = ContentHash.FromBytes(bytes);
        return true;
    }
}
