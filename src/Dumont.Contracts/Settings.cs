using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>Changes settings. What is absent or null stays; an empty text removes a secret; a null within <see cref="Settings"/> removes that key.</summary>
public sealed record UpdateSettingsRequest
{
    /// <summary>API key of the Vast.ai account to rent with. At most 256 visible characters. The masked text that is read back changes nothing.</summary>
    [StringLength(256)]
    public string? VastApiKey { get; init; }

    /// <summary>Service-account key of Google Cloud, as a JSON object or as its text. At most 16 KiB.</summary>
    public JsonElement? GcpCredentials { get; init; }

    /// <summary>Free-form values, merged into those kept. At most 200 keys and 64 KiB in all.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Settings { get; init; }

    /// <summary>Any other member is taken as if it stood in <see cref="Settings"/>.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

/// <summary>A user's settings. Secrets are masked.</summary>
public sealed record SettingsResponse
{
    /// <summary><c>****</c> and the last four characters; null when none is set.</summary>
    public required string? VastApiKey { get; init; }

    /// <summary><c>****</c> and the service account's address; null when none is set.</summary>
    public required string? GcpCredentials { get; init; }

    /// <summary>Free-form values. <c>has_completed_onboarding</c> is always there.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Settings { get; init; }

    /// <summary>The same values once more, for clients that write and read them without <see cref="Settings"/>.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

/// <summary>Adds an SSH key that is let into the user's instances.</summary>
public sealed record AddSshKeyRequest
{
    /// <summary>For the user's own overview; by default the key's comment. At most 100 characters.</summary>
    [StringLength(100)]
    public string? Name { get; init; }

    /// <summary>One line as in <c>id_ed25519.pub</c>: type, base64, optional comment.</summary>
    [Required]
    [StringLength(8192, MinimumLength = 1)]
    public string? PublicKey { get; init; }
}

/// <summary>An SSH key of a user.</summary>
/// <param name="Id">Number of the key.</param>
/// <param name="Name">As given, or the key's comment.</param>
/// <param name="PublicKey">One OpenSSH line.</param>
/// <param name="Fingerprint"><c>SHA256:…</c> as OpenSSH prints it.</param>
/// <param name="CreatedAt">When it was added.</param>
public sealed record SshKeyResponse(long Id, string Name, string PublicKey, string Fingerprint, DateTimeOffset CreatedAt);

/// <summary>A user's SSH keys, oldest first.</summary>
/// <param name="SshKeys">The keys.</param>
/// <param name="Count">How many.</param>
public sealed record SshKeyListResponse(IReadOnlyList<SshKeyResponse> SshKeys, int Count);

/// <summary>Money at the provider, in US dollars.</summary>
/// <param name="Credit">What can be spent.</param>
/// <param name="Balance">As the provider's books say; may be negative.</param>
/// <param name="BalanceThreshold">At which the provider stops machines; 0 where it tells none.</param>
/// <param name="Email">Address of the provider account; empty where it tells none.</param>
public sealed record BalanceResponse(decimal Credit, decimal Balance, decimal BalanceThreshold, string Email);
