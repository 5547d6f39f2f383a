using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>Where snapshots go. What is absent or null stays; masked keys that are sent back change nothing.</summary>
public sealed record UpdateStorageRequest
{
    /// <summary><c>local</c>, <c>backblaze_b2</c>, <c>aws_s3</c>, <c>google_gcs</c>, <c>cloudflare_r2</c> or <c>s3</c> for any other service of that kind.</summary>
    public string? PrimaryProvider { get; init; }

    /// <summary><c>dumont</c> or <c>restic</c>; an empty text for the server's default.</summary>
    public string? Engine { get; init; }

    /// <summary>Base URL of the service; needed for <c>s3</c> and <c>cloudflare_r2</c>.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Another word for <see cref="Endpoint"/>.</summary>
    public string? S3Endpoint { get; init; }

    /// <summary>Region of the bucket.</summary>
    public string? Region { get; init; }

    /// <summary>Another word for <see cref="Region"/>.</summary>
    public string? S3Region { get; init; }

    /// <summary>Name of the bucket.</summary>
    public string? Bucket { get; init; }

    /// <summary>Another word for <see cref="Bucket"/>.</summary>
    public string? S3BucketName { get; init; }

    /// <summary>Another word for <see cref="Bucket"/>.</summary>
    public string? B2Bucket { get; init; }

    /// <summary>Another word for <see cref="Bucket"/>.</summary>
    public string? B2BucketName { get; init; }

    /// <summary>Another word for <see cref="Bucket"/>.</summary>
    public string? GcsBucketName { get; init; }

    /// <summary>Where in the bucket; default <c>dumont</c>.</summary>
    public string? Prefix { get; init; }

    /// <summary>Id of the key.</summary>
    public string? AccessKey { get; init; }

    /// <summary>Another word for <see cref="AccessKey"/>.</summary>
    public string? S3AccessKey { get; init; }

    /// <summary>Another word for <see cref="AccessKey"/>.</summary>
    public string? B2KeyId { get; init; }

    /// <summary>The key.</summary>
    public string? SecretKey { get; init; }

    /// <summary>Another word for <see cref="SecretKey"/>.</summary>
    public string? S3SecretKey { get; init; }

    /// <summary>Another word for <see cref="SecretKey"/>.</summary>
    public string? B2AppKey { get; init; }

    /// <summary>Not supported: Google Cloud Storage is reached with an interoperability (HMAC) key.</summary>
    public string? GcsCredentialsJson { get; init; }
}

/// <summary>Where snapshots go. Keys are masked.</summary>
public sealed record StorageResponse(StorageView Settings);

/// <summary>Where snapshots go.</summary>
public sealed record StorageView(
    string PrimaryProvider, string Engine, string Endpoint, string Region, string Bucket, string Prefix, string? AccessKey, string? SecretKey, string Location);

/// <summary>What a test of the storage found.</summary>
/// <param name="Success">Every step went well.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Steps">In order; those after a failure were not tried.</param>
public sealed record StorageTestResponse(bool Success, string Message, IReadOnlyList<StorageTestStep> Steps);

/// <summary>One step of a test.</summary>
/// <param name="Step"><c>write</c>, <c>read</c> or <c>delete</c>.</param>
/// <param name="Success">It went well.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Message">Why it failed; null when it did not.</param>
public sealed record StorageTestStep(
    string Step, bool Success, [property: JsonPropertyName("duration_ms")] double Milliseconds, string? Message);
