namespace Dumont.LocalCloud.Gcp;

/// <summary>A persistent disk. One file each; guarded by the gate of <see cref="GcpBook"/>.</summary>
/// <remarks>The files of a boot disk are those of the machine that runs from it; a data disk is a folder of its own.</remarks>
internal sealed class Disk
{
    public required ulong Id { get; init; }

    public required string Name { get; init; }

    public required string Zone { get; init; }

    /// <summary>Name of a <see cref="GcpDiskType"/>.</summary>
    public required string Type { get; init; }

    public required long Gb { get; set; }

    public required string Description { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Image that it was made from, or empty for a blank disk.</summary>
    public required string SourceImage { get; init; }

    public SortedDictionary<string, string> Labels { get; set; } = [];

    /// <summary>Number of changes so far; the label fingerprint is made of it.</summary>
    public int Version { get; set; }

    /// <summary>Name of the VM that uses it, or null.</summary>
    public string? UserName { get; set; }

    public DateTimeOffset? LastAttachedAt { get; set; }

    public DateTimeOffset? LastDetachedAt { get; set; }

    /// <summary>Name of its folder, or of the machine whose root file system it is.</summary>
    public string Key => KeyOf(Id);

    public bool IsBootable => SourceImage.Length > 0;

    public static string KeyOf(ulong id) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"gcp-{id}");
}

/// <summary>A disk as one VM holds it.</summary>
internal sealed record AttachedDisk
{
    public required ulong DiskId { get; init; }

    public required string DiskName { get; init; }

    public required string DeviceName { get; init; }

    public required bool Boot { get; init; }

    /// <summary>Whether it is deleted with the VM.</summary>
    public required bool AutoDelete { get; init; }

    /// <summary><c>READ_WRITE</c> or <c>READ_ONLY</c>.</summary>
    public required string Mode { get; init; }
}
