using System.Text.Json;

namespace Dumont.Snapshots;

/// <summary>What was in a snapshot, and what it cost.</summary>
/// <param name="Files">Regular files, hard links counted by name.</param>
/// <param name="Directories">Directories, the root included.</param>
/// <param name="Bytes">Sum of the sizes of the files.</param>
/// <param name="FilesNew">Not in the parent.</param>
/// <param name="FilesChanged">In the parent, with another stamp; read again.</param>
/// <param name="FilesUnmodified">As in the parent; not read.</param>
/// <param name="BytesRead">Read from files.</param>
/// <param name="BytesNew">Of chunks that the repository did not have.</param>
/// <param name="BytesStored">What these take in it, encoded.</param>
/// <param name="ChunksNew">How many they are.</param>
/// <param name="Warnings">Files that could not be read, or changed while they were.</param>
/// <param name="Milliseconds">How long it took.</param>
public sealed record SnapshotStatistics(
    long Files,
    long Directories,
    long Bytes,
    long FilesNew,
    long FilesChanged,
    long FilesUnmodified,
    long BytesRead,
    long BytesNew,
    long BytesStored,
    long ChunksNew,
    long Warnings,
    long Milliseconds);

/// <summary>A chunk of a snapshot's manifest.</summary>
/// <param name="Id">64 hexadecimal digits.</param>
/// <param name="Bytes">Its length.</param>
internal sealed record ManifestChunk(string Id, int Bytes);

/// <summary>The object that makes a snapshot. Written last: when it is there, all that it needs is.</summary>
/// <param name="Time">When the scan began.</param>
/// <param name="Hostname">Computer.</param>
/// <param name="Source">Absolute path of the tree.</param>
/// <param name="Name">Given by the user; may be empty.</param>
/// <param name="Tags">Given by the user.</param>
/// <param name="Parent">Id of the snapshot that it was compared with, or null.</param>
/// <param name="Program">Who wrote it.</param>
/// <param name="Manifest">Chunks of the manifest, in order.</param>
/// <param name="Statistics">Figures.</param>
internal sealed record SnapshotRecord(
    DateTimeOffset Time,
    string Hostname,
    string Source,
    string Name,
    IReadOnlyList<string> Tags,
    string? Parent,
    string Program,
    IReadOnlyList<ManifestChunk> Manifest,
    SnapshotStatistics Statistics)
{
    public byte[] ToObject(RepositoryKeys? keys) => SealedObject.Seal(ObjectKind.Snapshot, RepositoryJson.Write(WriteMembers), keys);

    public static SnapshotRecord FromObject(ReadOnlySpan<byte> content, RepositoryKeys? keys, string name) =>
        RepositoryJson.Read(
            SealedObject.Open(ObjectKind.Snapshot, content, keys, name),
            name,
            json => new SnapshotRecord(
                json.Time("time"),
                json.Text("hostname"),
                json.Text("source"),
                json.Text("name"),
                json.Texts("tags"),
                json.OptionalText("parent"),
                json.Text("program"),
                json.GetProperty("manifest").Array(chunk => new ManifestChunk(chunk.Text("id"), chunk.Integer("bytes"))),
                ReadStatistics(json.GetProperty("statistics"))));

    private void WriteMembers(Utf8JsonWriter json)
    {
        json.WriteString("time", Time);
        json.WriteString("hostname", Hostname);
        json.WriteString("source", Source);
        json.WriteString("name", Name);
        json.WriteTexts("tags", Tags);
        json.WriteString("parent", Parent);
        json.WriteString("program", Program);
        json.WriteStartArray("manifest");
        foreach (var chunk in Manifest)
        {
            json.WriteStartObject();
            json.WriteString("id", chunk.Id);
            json.WriteNumber("bytes", chunk.Bytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteStatistics(json);
    }

    private void WriteStatistics(Utf8JsonWriter json)
    {
        json.WriteStartObject("statistics");
        json.WriteNumber("files", Statistics.Files);
        json.WriteNumber("directories", Statistics.Directories);
        json.WriteNumber("bytes", Statistics.Bytes);
        json.WriteNumber("files_new", Statistics.FilesNew);
        json.WriteNumber("files_changed", Statistics.FilesChanged);
        json.WriteNumber("files_unmodified", Statistics.FilesUnmodified);
        json.WriteNumber("bytes_read", Statistics.BytesRead);
        json.WriteNumber("bytes_new", Statistics.BytesNew);
        json.WriteNumber("bytes_stored", Statistics.BytesStored);
        json.WriteNumber("chunks_new", Statistics.ChunksNew);
        json.WriteNumber("warnings", Statistics.Warnings);
        json.WriteNumber("milliseconds", Statistics.Milliseconds);
        json.WriteEndObject();
    }

    private static SnapshotStatistics ReadStatistics(JsonElement json) => new(
        json.Number("files"),
        json.Number("directories"),
        json.Number("bytes"),
        json.Number("files_new"),
        json.Number("files_changed"),
        json.Number("files_unmodified"),
        json.Number("bytes_read"),
        json.Number("bytes_new"),
        json.Number("bytes_stored"),
        json.Number("chunks_new"),
        json.Number("warnings"),
        json.Number("milliseconds"));
}

/// <summary>A snapshot of a repository.</summary>
public sealed class Snapshot
{
    internal Snapshot(ContentHash id, SnapshotRecord record)
    {
        Digest = id;
        Record = record;
        Id = id.ToString();
    }

    /// <summary>64 hexadecimal digits.</summary>
    public string Id { get; }

    /// <summary>The first eight of them.</summary>
    public string ShortId => Id[..8];

    /// <summary>When the scan began.</summary>
    public DateTimeOffset Time => Record.Time;

    /// <summary>Computer that it was taken on.</summary>
    public string Hostname => Record.Hostname;

    /// <summary>Absolute path of the tree.</summary>
    public string Source => Record.Source;

    /// <summary>Given by the user; may be empty.</summary>
    public string Name => Record.Name;

    /// <summary>Given by the user.</summary>
    public IReadOnlyList<string> Tags => Record.Tags;

    /// <summary>Id of the snapshot that it was compared with, or null.</summary>
    public string? Parent => Record.Parent;

    /// <summary>Figures.</summary>
    public SnapshotStatistics Statistics => Record.Statistics;

    internal ContentHash Digest { get; }

    internal SnapshotRecord Record { get; }
}
