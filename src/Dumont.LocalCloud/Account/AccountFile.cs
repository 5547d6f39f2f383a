using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Account;

/// <summary>The keys that open the local cloud, kept in <c>account.json</c> (mode 0600) for whoever starts a server against it.</summary>
/// <param name="VastApiKey">Key for the Vast.ai side.</param>
/// <param name="GcpServiceAccount">Service-account key for the Compute Engine side, in Google's form.</param>
/// <param name="GcpSshPort">Port of sshd on every VM of the Compute Engine side.</param>
/// <param name="BaseUrl">Where the local cloud listened when it last started.</param>
internal sealed record AccountFile(string VastApiKey, ServiceAccount GcpServiceAccount, int GcpSshPort, string BaseUrl)
{
    /// <summary>Keys and address of the S3 side. Null only in files that are older than it.</summary>
    public S3Account? S3 { get; init; }

    private const string Project = "dumont-local";

    public static string PathIn(string dataFolder) => Path.Combine(dataFolder, "account.json");

    /// <summary>Reads the account of this folder or makes one. Keys stay the same from start to start unless one is given.</summary>
    /// <param name="dataFolder">Where it is kept.</param>
    /// <param name="vastApiKey">The key to accept, or null for the kept one.</param>
    /// <param name="gcpSshPort">The port to use, or null for the kept one: machines that run go on listening there.</param>
    /// <param name="defaultSshPort">Finds a port for a new account.</param>
    public static AccountFile Ensure(string dataFolder, string? vastApiKey, int? gcpSshPort, Func<int> defaultSshPort)
    {
        var kept = JsonFile.Find<AccountFile>(PathIn(dataFolder)) ?? Create();
        return kept with
        {
            VastApiKey = vastApiKey ?? kept.VastApiKey,
            S3 = kept.S3 ?? S3Account.Create(),
            GcpSshPort = gcpSshPort ?? (kept.GcpSshPort > 0 ? kept.GcpSshPort : defaultSshPort()),
        };
    }

    /// <summary>Writes the account with the addresses that clients of this start are to use.</summary>
    public AccountFile WriteFor(string dataFolder, Uri baseAddress, Uri s3Endpoint)
    {
        var baseUrl = baseAddress.ToString().TrimEnd('/');
        var current = this with { BaseUrl = baseUrl, S3 = S3! with { Endpoint = s3Endpoint.ToString().TrimEnd('/') }, GcpServiceAccount = GcpServiceAccount with { TokenUri = baseUrl + "/token" } };
        JsonFile.Write(PathIn(dataFolder), current);
        return current;
    }

    private static AccountFile Create()
    {
        using var rsa = RSA.Create(2048);
        var key = new ServiceAccount(
            "service_account", Project, RandomHex(20), rsa.ExportPkcs8PrivateKeyPem() + "\n", $"dumont@{Project}.iam.gserviceaccount.com", "104857600000000000001", "");
        return new AccountFile(RandomHex(32), key, 0, "");
    }

    // Keys must not be guessable from a seed.
    private static string RandomHex(int bytes) => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(bytes));
}

/// <summary>A service-account key file as Google hands it out.</summary>
internal sealed record ServiceAccount(
    string Type,
    string ProjectId,
    string PrivateKeyId,
    string PrivateKey,
    string ClientEmail,
    string ClientId,
    [property: JsonPropertyName("token_uri")] string TokenUri);

/// <summary>What a client of S3 needs.</summary>
/// <param name="Endpoint">Where it listened when it last started.</param>
/// <param name="Region">The one that signatures name.</param>
/// <param name="AccessKeyId">Names the key.</param>
/// <param name="SecretAccessKey">The key.</param>
internal sealed record S3Account(string Endpoint, string Region, string AccessKeyId, string SecretAccessKey)
{
    private const string AllowedInId = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    /// <summary>Keys of the form that clients know.</summary>
    public static S3Account Create() => new(
        "", "us-east-1", "AKIA" + RandomNumberGenerator.GetString(AllowedInId, 16), Convert.ToBase64String(RandomNumberGenerator.GetBytes(30)));

    // Records print their fields, and what is printed ends up in logs.
    public override string ToString() => $"{AccessKeyId} *** {Region} {Endpoint}";
}

/// <summary>The account in use; the address part is filled in once the port is known.</summary>
internal sealed class CurrentAccount(AccountFile file)
{
    public AccountFile File { get; set; } = file;
}
