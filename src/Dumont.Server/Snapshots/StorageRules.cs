using Dumont.Contracts;
using Dumont.Server.Platform.Web;
using Dumont.Server.Settings;

namespace Dumont.Server.Snapshots;

/// <summary>What storage settings may be, and how a request changes them. Pure.</summary>
internal static class StorageRules
{
    private const int TextMax = 500;

    private static readonly Dictionary<string, string> Endpoints = new()
    {
        ["aws_s3"] = "https://s3.{region}.amazonaws.com",
        ["backblaze_b2"] = "https://s3.{region}.backblazeb2.com",
        ["google_gcs"] = "https://storage.googleapis.com",
    };

    /// <summary>The settings that <paramref name="request"/> makes of <paramref name="known"/>; null with what is wrong.</summary>
    public static StorageSettings? Apply(StorageSettings known, UpdateStorageRequest request, out IReadOnlyList<FieldError> errors)
    {
        var found = new List<FieldError>();
        errors = found;
        var provider = request.PrimaryProvider ?? known.Provider;
        if (!StorageSettings.Providers.Contains(provider))
        {
            found.Add(new FieldError("primary_provider", $"Must be one of {string.Join(", ", StorageSettings.Providers)}."));
            return null;
        }

        if (request.GcsCredentialsJson is { Length: > 0 })
        {
            found.Add(new FieldError("gcs_credentials_json", "Is not supported: make an interoperability (HMAC) key and send access_key and secret_key."));
        }

        if (request.Engine is not (null or "" or "dumont" or "restic"))
        {
            found.Add(new FieldError("engine", "Must be dumont or restic."));
        }

        // Another service has other keys.
        var before = provider == known.Provider ? known : new StorageSettings { Engine = known.Engine };
        var region = request.Region ?? request.S3Region ?? before.Region;
        var settings = before with
        {
            Provider = provider,
            Region = region,
            Endpoint = request.Endpoint ?? request.S3Endpoint ?? EndpointOf(provider, before, region),
            Bucket = request.Bucket ?? request.S3BucketName ?? request.B2Bucket ?? request.B2BucketName ?? request.GcsBucketName ?? before.Bucket,
            Prefix = request.Prefix ?? before.Prefix,
            AccessKey = KeyOf(request.AccessKey ?? request.S3AccessKey ?? request.B2KeyId, before.AccessKey),
            SecretKey = KeyOf(request.SecretKey ?? request.S3SecretKey ?? request.B2AppKey, before.SecretKey),
            Engine = request.Engine is null ? before.Engine : request.Engine.Length == 0 ? null : request.Engine,
        };
        CheckTexts(settings, found);
        return found.Count == 0 ? settings : null;
    }

    /// <summary>Names of what is missing before anything can be stored.</summary>
    public static IReadOnlyList<string> Missing(StorageSettings settings)
    {
        if (settings.Provider == StorageSettings.Local)
        {
            return [];
        }

        var missing = new List<string>();
        Need("endpoint", settings.Endpoint);
        Need("bucket", settings.Bucket);
        Need("access_key", settings.AccessKey);
        Need("secret_key", settings.SecretKey);
        return missing;

        void Need(string name, string value)
        {
            if (value.Length == 0)
            {
                missing.Add(name);
            }
        }
    }

    // The addresses of the known services follow from the region: https://docs.aws.amazon.com/general/latest/gr/s3.html,
    // https://www.backblaze.com/docs/cloud-storage-call-the-s3-compatible-api, https://cloud.google.com/storage/docs/interoperability.
    // One that was given by hand stays until another region is.
    private static string EndpointOf(string provider, StorageSettings before, string region) =>
        !Endpoints.TryGetValue(provider, out var pattern) || (before.Endpoint.Length > 0 && region == before.Region) ? before.Endpoint
        : region.Length == 0 && pattern.Contains("{region}", StringComparison.Ordinal) ? before.Endpoint
        : pattern.Replace("{region}", region, StringComparison.Ordinal);

    private static string KeyOf(string? given, string known) => given is null || SettingsPolicy.IsMasked(given) ? known : given.Trim();

    private static void CheckTexts(StorageSettings settings, List<FieldError> errors)
    {
        if (settings.Endpoint.Length > 0
            && (settings.Endpoint.Length > TextMax || !Uri.TryCreate(settings.Endpoint, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")
                || uri.UserInfo.Length > 0 || uri.Query.Length > 0))
        {
            errors.Add(new FieldError("endpoint", "Must be a URL such as https://s3.us-west-004.backblazeb2.com, without keys in it."));
        }

        if (settings.Bucket.Length > 0 && (settings.Bucket.Length is < 3 or > 63 || !settings.Bucket.All(IsBucketLetter)))
        {
            errors.Add(new FieldError("bucket", "Must be 3 to 63 lower-case letters, digits, dots and dashes."));
        }

        if (settings.Region.Length > 64 || !settings.Region.All(letter => IsBucketLetter(letter)))
        {
            errors.Add(new FieldError("region", "Must be at most 64 lower-case letters, digits and dashes."));
        }

        if (settings.Prefix.Length > 200 || settings.Prefix.Split('/').Any(part => part is "" or "." or ".." || !part.All(letter => IsBucketLetter(letter) || letter == '_')))
        {
            errors.Add(new FieldError("prefix", "Must be at most 200 lower-case letters, digits, dots, dashes and slashes."));
        }

        if (settings.AccessKey.Length > TextMax || settings.SecretKey.Length > TextMax || (settings.AccessKey + settings.SecretKey).Any(letter => letter is <= ' ' or > '~'))
        {
            errors.Add(new FieldError("secret_key", "Visible ASCII characters only."));
        }
    }

    private static bool IsBucketLetter(char letter) => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter is '.' or '-';
}
