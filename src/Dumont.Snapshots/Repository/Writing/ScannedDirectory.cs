using System.Buffers;

namespace Dumont.Snapshots;

/// <summary>One directory as it will stand in the manifest: rows that are known, and places where rows are still to come.</summary>
/// <param name="path">Below the root, one char a byte.</param>
/// <param name="rowBytes">About so many bytes of rows are to be expected.</param>
internal sealed class ScannedDirectory(string path, int rowBytes)
{
    public string Path { get; } = path;

    /// <summary>Rows that are known, in order.</summary>
    public ArrayBufferWriter<byte> Rows { get; } = new(Math.Max(256, rowBytes));

    /// <summary>How many they are.</summary>
    public int RowCount { get; set; }

    /// <summary>Rows to come, in the order of their places.</summary>
    public List<DeferredRow> Deferred { get; } = [];
}

/// <summary>A row of which only the fixed part is known yet.</summary>
internal sealed class DeferredRow(ScannedDirectory? directory, byte[] name, ManifestStat stat, int position)
{
    /// <summary>Null for the root's own row.</summary>
    public ScannedDirectory? Directory { get; } = directory;

    public byte[] Name { get; } = name;

    /// <summary>Where among the known rows of its directory it belongs.</summary>
    public int Position { get; } = position;

    public ManifestStat Stat { get; set; } = stat;

    /// <summary>Other names of the same file, which point at this one.</summary>
    public IReadOnlyList<DeferredRow> OtherNames { get; set; } = [];

    /// <summary>Set by whoever finds it out; null in the end: the entry is left out.</summary>
    public byte[]? Payload { get; set; }

    /// <summary>Below the root, one char a byte.</summary>
    public string Path => Directory is null || Directory.Path.Length == 0
        ? System.Text.Encoding.Latin1.GetString(Name)
        : string.Concat(Directory.Path, "/", System.Text.Encoding.Latin1.GetString(Name));
}

/// <summary>A file that must be read.</summary>
/// <param name="row">Its row.</param>
/// <param name="isNew">Not in the parent.</param>
/// <param name="isSparse">It has holes.</param>
internal sealed class PendingFile(DeferredRow row, bool isNew, bool isSparse)
{
    public DeferredRow Row { get; } = row;

    public bool IsNew { get; } = isNew;

    public bool IsSparse { get; } = isSparse;

    public long SizeBytes => Row.Stat.SizeBytes;
}
