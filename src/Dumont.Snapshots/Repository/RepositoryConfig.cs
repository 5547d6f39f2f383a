using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Dumont.Snapshots;

/// <summary>What is fixed when a repository is made.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="Version">Of the format.</param>
/// <param name="Encryption"><c>aes-256-gcm</c> or <c>none</c>.</param>
/// <param name="CreatedAt">When it was made.</param>
internal sealed record RepositoryConfig(string Id, int Version, string Encryption, DateTimeOffset CreatedAt)
{
    public const string ObjectName = "config";
    public const string AesGcm = "aes-256-gcm";
    public const string NoEncryption = "none";

    [JsonIgnore]
    public bool IsEncrypted => Encryption == AesGcm;

    public byte[] ToObject() =>
        SealedObject.Seal(ObjectKind.Config, JsonSerializer.SerializeToUtf8Bytes(this, RepositoryJson.Default.RepositoryConfig), keys: null);

    /// <exception cref="SnapshotFormatException">Damaged, or of a version or encryption that this program does not know.</exception>
    public static RepositoryConfig FromObject(ReadOnlySpan<byte> content)
    {
        var config = RepositoryJson.Read(SealedObject.Open(ObjectKind.Config, content, keys: null, ObjectName), RepositoryJson.Default.RepositoryConfig, ObjectName);
        if (config.Version != SealedObject.FormatVersion)
        {
            throw new SnapshotFormatException($"the repository has format version {config.Version}; this program reads version {SealedObject.FormatVersion}");
        }

        return config.Encryption is AesGcm or NoEncryption
            ? config
            : throw new SnapshotFormatException($"the repository is encrypted with '{config.Encryption}', which this program does not know");
    }
}

/// <summary>JSON inside repository objects: snake_case, unknown members ignored, missing ones an error.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RepositoryConfig))]
[JsonSerializable(typeof(KeyObject))]
[JsonSerializable(typeof(SnapshotRecord))]
[JsonSerializable(typeof(LockRecord))]
[JsonSerializable(typeof(PendingRecord))]
internal sealed partial class RepositoryJson : JsonSerializerContext
{
    public static T Read<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type, string name)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new SnapshotFormatException($"{name} is empty");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or FormatException or ArgumentException)
        {
            throw new SnapshotFormatException($"{name} cannot be read: {e.Message}");
        }
    }
}
