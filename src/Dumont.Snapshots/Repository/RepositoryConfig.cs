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

    public bool IsEncrypted => Encryption == AesGcm;

    public byte[] ToObject() =>
        SealedObject.Seal(
            ObjectKind.Config,
            RepositoryJson.Write(json =>
            {
                json.WriteString("id", Id);
                json.WriteNumber("version", Version);
                json.WriteString("encryption", Encryption);
                json.WriteString("created_at", CreatedAt);
            }),
            keys: null);

    /// <exception cref="SnapshotFormatException">Damaged, or of a version or encryption that this program does not know.</exception>
    public static RepositoryConfig FromObject(ReadOnlySpan<byte> content)
    {
        var config = RepositoryJson.Read(
            SealedObject.Open(ObjectKind.Config, content, keys: null, ObjectName),
            ObjectName,
            json => new RepositoryConfig(json.Text("id"), json.Integer("version"), json.Text("encryption"), json.Time("created_at")));
        if (config.Version != SealedObject.FormatVersion)
        {
            throw new SnapshotFormatException($"the repository has format version {config.Version}; this program reads version {SealedObject.FormatVersion}");
        }

        return config.Encryption is AesGcm or NoEncryption
            ? config
            : throw new SnapshotFormatException($"the repository is encrypted with '{config.Encryption}', which this program does not know");
    }
}
