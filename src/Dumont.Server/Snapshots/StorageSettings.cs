using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Settings;

namespace Dumont.Server.Snapshots;

/// <summary>Where a user's snapshots go. Kept encrypted.</summary>
internal sealed record StorageSettings
{
    /// <summary>The folder of the server's own disk.</summary>
    public const string Local = "local";

    public const string DefaultPrefix = "dumont";

    /// <summary>The words of the API, the default first.</summary>
    public static readonly IReadOnlyList<string> Providers = [Local, "backblaze_b2", "aws_s3", "google_gcs", "cloudflare_r2", "s3"];

    public string Provider { get; init; } = Local;

    /// <summary>Base URL of the S3 service.</summary>
    public string Endpoint { get; init; } = "";

    public string Region { get; init; } = "";

    public string Bucket { get; init; } = "";

    public string Prefix { get; init; } = DefaultPrefix;

    public string AccessKey { get; init; } = "";

    public string SecretKey { get; init; } = "";

    /// <summary>Null for the server's default.</summary>
    public string? Engine { get; init; }

    /// <summary>Tells this place from others, and nothing of its keys.</summary>
    public string Location => Provider == Local ? Local : $"s3:{Endpoint.TrimEnd('/')}/{Bucket}/{Prefix}";

    /// <inheritdoc />
    public override string ToString() => Location;
}

/// <summary>The storage settings of users, among their secrets.</summary>
internal sealed class StorageSettingsStore(SecretStore secrets)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>The user's settings, or the defaults.</summary>
    public async Task<StorageSettings> FindAsync(UserId user, CancellationToken cancellationToken) =>
        await secrets.FindAsync(user, SecretStore.CloudStorage, cancellationToken) is { } kept ? Parse(secrets.Reveal(kept)) : new StorageSettings();

    public Task SetAsync(UserId user, StorageSettings settings, CancellationToken cancellationToken) =>
        secrets.SetAsync(user, SecretStore.CloudStorage, Text(settings), cancellationToken);

    public static string Text(StorageSettings settings) => JsonSerializer.Serialize(settings, Json);

    public static StorageSettings Parse(string text) => JsonSerializer.Deserialize<StorageSettings>(text, Json) ?? new StorageSettings();
}
