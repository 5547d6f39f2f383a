using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;

namespace Dumont.Server.Auth;

/// <summary>What an access token says.</summary>
internal sealed record AccessTokenClaims(UserId UserId, string Email, string SessionId, string Role, DateTimeOffset ExpiresAt);

/// <summary>Writes and checks access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256.</summary>
/// <remarks>This server is the only issuer, so a header that is not, to the letter, the one it writes is refused before anything is parsed. That
/// leaves no room for another algorithm, an embedded key or a critical extension. The signature is compared as text, which refuses a second
/// spelling of the same bytes.</remarks>
internal sealed class JsonWebTokens
{
    /// <summary>Who issues.</summary>
    public const string Issuer = "dumont";

    /// <summary>For whom.</summary>
    public const string Audience = "dumont-api";

    private const int TokenLengthMax = 4096;
    private const int JwtIdBytes = 12;

    /// <summary>How far the clocks of two replicas may differ.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 2, AllowDuplicateProperties = false };

    private readonly TimeProvider _time;
    private readonly byte[] _key;
    private readonly string _header;

    /// <summary>Takes its key from the master key.</summary>
    public JsonWebTokens(MasterKey master, TimeProvider time)
    {
        _time = time;
        _key = master.Derive("jwt");
        // Names the key without telling anything about it.
        var keyId = Convert.ToHexStringLower(SHA256.HashData(master.Derive("jwt-key-id")).AsSpan(0, 4));
        _header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"HS256","typ":"JWT","kid":"{{keyId}}"}"""));
    }

    /// <summary>A token for <paramref name="claims"/>, good from now until their end.</summary>
    public string Write(AccessTokenClaims claims)
    {
        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        var payload = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["sub"] = claims.Email,
            ["uid"] = claims.UserId.Value,
            ["sid"] = claims.SessionId,
            ["role"] = claims.Role,
            ["iat"] = now,
            ["nbf"] = now,
            ["exp"] = claims.ExpiresAt.ToUnixTimeSeconds(),
            ["iss"] = Issuer,
            ["aud"] = Audience,
            ["jti"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(JwtIdBytes)),
        });
        var signed = $"{_header}.{Base64Url.EncodeToString(payload)}";
        return $"{signed}.{Sign(signed)}";
    }

    /// <summary>What <paramref name="token"/> says, or null when it is not a token of ours that is good now.</summary>
    public AccessTokenClaims? Read(string token)
    {
        if (token.Length > TokenLengthMax
            || !token.StartsWith(_header, StringComparison.Ordinal)
            || token.Length <= _header.Length
            || token[_header.Length] != '.')
        {
            return null;
        }

        var lastDot = token.LastIndexOf('.');
        if (lastDot <= _header.Length + 1 || !SignatureIs(token.AsSpan(0, lastDot), token.AsSpan(lastDot + 1)))
        {
            return null;
        }

        try
        {
            return Check(Base64Url.DecodeFromChars(token.AsSpan(_header.Length + 1, lastDot - _header.Length - 1)));
        }
        catch (Exception exception) when (exception
            is FormatException or JsonException or InvalidOperationException or KeyNotFoundException or ArgumentException)
        {
            // Signed with our key and yet not what this version writes.
            return null;
        }
    }

    private AccessTokenClaims? Check(byte[] payload)
    {
        using var document = JsonDocument.Parse(payload, Strict);
        var claims = document.RootElement;
        var now = _time.GetUtcNow();
        var expiresAt = DateTimeOffset.FromUnixTimeSeconds(claims.GetProperty("exp").GetInt64());
        var good = claims.GetProperty("iss").GetString() == Issuer
            && claims.GetProperty("aud").GetString() == Audience
            && expiresAt > now
            && DateTimeOffset.FromUnixTimeSeconds(claims.GetProperty("nbf").GetInt64()) <= now + ClockSkew
            && claims.GetProperty("jti").GetString() is { Length: > 0 };
        return good
            ? new AccessTokenClaims(
                new UserId(claims.GetProperty("uid").GetInt64()),
                claims.GetProperty("sub").GetString() ?? "",
                claims.GetProperty("sid").GetString() ?? "",
                claims.GetProperty("role").GetString() ?? "",
                expiresAt)
            : null;
    }

    private string Sign(ReadOnlySpan<char> signed)
    {
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        // A payload letter outside ASCII becomes '?', which no signature of ours covers.
        Span<byte> text = stackalloc byte[TokenLengthMax];
        HMACSHA256.HashData(_key, text[..Encoding.ASCII.GetBytes(signed, text)], mac);
        return Base64Url.EncodeToString(mac);
    }

    private bool SignatureIs(ReadOnlySpan<char> signed, ReadOnlySpan<char> signature) =>
        CryptographicOperations.FixedTimeEquals(
            System.Runtime.InteropServices.MemoryMarshal.AsBytes(Sign(signed).AsSpan()), System.Runtime.InteropServices.MemoryMarshal.AsBytes(signature));
}
