using System.ComponentModel.DataAnnotations;

namespace Dumont.Contracts;

/// <summary>Asks for a session. One of <see cref="Username"/> and <see cref="Email"/> is needed; either may hold an address.</summary>
public sealed record LoginRequest
{
    /// <summary>User name or e-mail address. At most 254 characters.</summary>
    [StringLength(254, MinimumLength = 1)]
    public string? Username { get; init; }

    /// <summary>E-mail address; upper and lower case are the same.</summary>
    [StringLength(254, MinimumLength = 3)]
    [EmailAddress]
    public string? Email { get; init; }

    /// <summary>1 to 1024 characters.</summary>
    [Required]
    [StringLength(1024, MinimumLength = 1)]
    public string? Password { get; init; }
}

/// <summary>Makes a user. The first user of a server administers it.</summary>
public sealed record RegisterRequest
{
    /// <summary>E-mail address, kept in lower case. Unique.</summary>
    [Required]
    [StringLength(254, MinimumLength = 3)]
    [EmailAddress]
    public string? Email { get; init; }

    /// <summary>6 to 1024 characters.</summary>
    [Required]
    [StringLength(1024, MinimumLength = 6)]
    public string? Password { get; init; }

    /// <summary>1 to 64 of <c>a-z 0-9 . _ -</c>, unique; by default what stands before the @ of the address, when it is free.</summary>
    [RegularExpression("^[A-Za-z0-9._-]{1,64}$")]
    public string? Username { get; init; }

    /// <summary>Name to be shown. At most 200 characters.</summary>
    [StringLength(200)]
    public string? Name { get; init; }
}

/// <summary>Trades a refresh token for a new pair. The token may come as bearer token instead.</summary>
public sealed record RefreshRequest
{
    /// <summary>The refresh token of the last login or refresh. Good for one use.</summary>
    [StringLength(512)]
    public string? RefreshToken { get; init; }
}

/// <summary>A session's tokens.</summary>
/// <param name="AccessToken">JSON Web Token for the header <c>Authorization: Bearer</c>.</param>
/// <param name="Token">The same, under an older name.</param>
/// <param name="TokenType">Always <c>bearer</c>.</param>
/// <param name="ExpiresIn">Seconds for which the access token is good.</param>
/// <param name="RefreshToken">For one call of <c>POST /auth/refresh</c>; a second use ends the session.</param>
/// <param name="Success">Always true.</param>
/// <param name="User">The user's e-mail address.</param>
public sealed record TokenResponse(
    string AccessToken, string Token, string TokenType, int ExpiresIn, string RefreshToken, bool Success, string User);

/// <summary>Who the caller is.</summary>
/// <param name="Authenticated">Always true.</param>
/// <param name="User">The user.</param>
public sealed record MeResponse(bool Authenticated, UserResponse User);

/// <summary>A user, to himself.</summary>
/// <param name="Id">Number of the user.</param>
/// <param name="Email">In lower case.</param>
/// <param name="Username">Null when there is none.</param>
/// <param name="Name">Null when none was given.</param>
/// <param name="Role"><c>admin</c> or <c>user</c>.</param>
/// <param name="Settings">What the user has set; secrets are never among it.</param>
public sealed record UserResponse(
    UserId Id, string Email, string? Username, string? Name, string Role, IReadOnlyDictionary<string, System.Text.Json.JsonElement> Settings);

/// <summary>What client libraries need to know about this server.</summary>
/// <param name="BaseUrl">Base of the API as the client reached it, without a version.</param>
/// <param name="Features">Feature → whether this server has it.</param>
/// <param name="OpenrouterApiKey">Always null: keys are not handed out.</param>
/// <param name="VastApiKey">Always null: keys are not handed out.</param>
public sealed record SdkConfigResponse(
    string BaseUrl, IReadOnlyDictionary<string, bool> Features, string? OpenrouterApiKey, string? VastApiKey);

/// <summary>Makes an API key.</summary>
public sealed record CreateApiKeyRequest
{
    /// <summary>For the user's own overview. 1 to 100 characters.</summary>
    [Required]
    [StringLength(100, MinimumLength = 1)]
    public string? Name { get; init; }

    /// <summary>What the key may do; null means everything that there is a scope for.</summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>Days until it ends, 1 to 365; null means never.</summary>
    [Range(1, 365)]
    public int? ExpiresInDays { get; init; }
}

/// <summary>An API key without its secret.</summary>
/// <param name="Id">Number of the key.</param>
/// <param name="Name">As given.</param>
/// <param name="Prefix">Its first characters, to recognise it.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it ends; null means never.</param>
/// <param name="LastUsedAt">Last use, to some seconds; null means never used.</param>
public sealed record ApiKeyResponse(
    long Id, string Name, string Prefix, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt);

/// <summary>A new API key.</summary>
/// <param name="Key">The secret itself; it is shown this once.</param>
/// <param name="ApiKey">What is kept about it.</param>
public sealed record CreatedApiKeyResponse(string Key, ApiKeyResponse ApiKey);

/// <summary>A user's API keys, newest first.</summary>
/// <param name="ApiKeys">The keys that are not revoked.</param>
/// <param name="Count">How many.</param>
public sealed record ApiKeyListResponse(IReadOnlyList<ApiKeyResponse> ApiKeys, int Count);

/// <summary>Plain yes.</summary>
/// <param name="Success">Always true.</param>
/// <param name="Message">What was done.</param>
public sealed record SuccessResponse(bool Success, string Message);
