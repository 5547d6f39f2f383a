namespace Dumont.Snapshots;

/// <summary>What happened to an entry between two snapshots.</summary>
public enum ChangeKind
{
    /// <summary>Only in the second.</summary>
    Added,

    /// <summary>Only in the first.</summary>
    Removed,

    /// <summary>Other content, target or kind.</summary>
    Modified,

    /// <summary>Same content; other mode, owner, time or attributes.</summary>
    Metadata,
}

/// <summary>One difference.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Entry">As it is in the second snapshot; for a removal, in the first.</param>
public sealed record SnapshotChange(ChangeKind Kind, ManifestEntry Entry);

/// <summary>Compares two listings.</summary>
public static class SnapshotDiff
{
    /// <summary>The differences, in the order of the paths.</summary>
    public static IEnumerable<SnapshotChange> Compare(IEnumerable<ManifestEntry> before, IEnumerable<ManifestEntry> after)
    {
        var old = before.ToDictionary(entry => entry.Path);
        var changes = new List<SnapshotChange>();
        foreach (var entry in after)
        {
            if (!old.Remove(entry.Path, out var was))
            {
                changes.Add(new SnapshotChange(ChangeKind.Added, entry));
            }
            else if (HasOtherContent(was, entry))
            {
                changes.Add(new SnapshotChange(ChangeKind.Modified, entry));
            }
            else if (HasOtherMetadata(was, entry))
            {
                changes.Add(new SnapshotChange(ChangeKind.Metadata, entry));
            }
        }

        changes.AddRange(old.Values.Select(entry => new SnapshotChange(ChangeKind.Removed, entry)));
        return changes.OrderBy(change => change.Entry.Path);
    }

    private static bool HasOtherContent(ManifestEntry a, ManifestEntry b) =>
        a.Kind != b.Kind || a.SizeBytes != b.SizeBytes || !a.Content.SequenceEqual(b.Content) || !(a.LinkTarget ?? []).AsSpan().SequenceEqual(b.LinkTarget ?? []);

    // The time of a directory follows from what happened in it, which is listed by itself.
    private static bool HasOtherMetadata(ManifestEntry a, ManifestEntry b) =>
        a.Mode != b.Mode || a.UserId != b.UserId || a.GroupId != b.GroupId ||
        (a.Kind != EntryKind.Directory && a.ModifiedNs != b.ModifiedNs) ||
        !a.Attributes.SequenceEqual(b.Attributes, AttributeComparer.Instance);

    private sealed class AttributeComparer : IEqualityComparer<ExtendedAttribute>
    {
        public static readonly AttributeComparer Instance = new();

        public bool Equals(ExtendedAttribute x, ExtendedAttribute y) => x.Name.AsSpan().SequenceEqual(y.Name) && x.Value.AsSpan().SequenceEqual(y.Value);

        public int GetHashCode(ExtendedAttribute obj) => obj.Name.Length;
    }
}
