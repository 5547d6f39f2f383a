using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Gcp;

/// <summary>A service account's key file, checked. Its private part never leaves this object.</summary>
public sealed class GcpServiceAccount : IDisposable
{
    private readonly RSA _key;
    private readonly string? _keyId;

    private GcpServiceAccount(string clientEmail, string? projectId, Uri tokenUri, RSA key, string? keyId)
    {
        ClientEmail = clientEmail;
        ProjectId = projectId;
        TokenUri = tokenUri;
        _key = key;
        _keyId = keyId;
    }

    /// <summary>Who the account is.</summary>
    public string ClientEmail { get; }

    /// <summary>Project the account belongs to, if the file names it.</summary>
    public string? ProjectId { get; }

    /// <summary>Where tokens are issued, as the file says. Not to be believed unseen: see <c>GcpTokens</c>.</summary>
    public Uri TokenUri { get; }

    /// <summary>Reads a key file as Google hands it out.</summary>
    /// <exception cref="FormatException">It is none; the message names what is wrong and nothing of what it holds.</exception>
    public static GcpServiceAccount Parse(Secret json)
    {
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(json.Reveal());
            root = document.RootElement.Clone();
        }
        catch (JsonException)
        {
            throw new FormatException("The service account is not JSON.");
        }

        var email = root.Text("client_email") ?? throw Missing("client_email");
        var pem = root.Text("private_key") ?? throw Missing("private_key");
        var token = root.Text("token_uri") ?? "https://oauth2.googleapis.com/token";
        if (!Uri.TryCreate(token, UriKind.Absolute, out var tokenUri) || tokenUri.Scheme is not ("https" or "http"))
        {
            throw new FormatException("The service account's token_uri is not an http(s) address.");
        }

        return new GcpServiceAccount(email, root.Text("project_id"), tokenUri, ReadKey(pem), root.Text("private_key_id"));
    }

    /// <summary>A signed request for a token (RFC 7523), good for one hour.</summary>
    internal string Assert(string scope, DateTimeOffset now)
    {
        using var header = new MemoryStream();
        using (var writer = new Utf8JsonWriter(header))
        {
            writer.WriteStartObject();
            writer.WriteString("alg", "RS256");
            writer.WriteString("typ", "JWT");
            if (_keyId is not null)
            {
                writer.WriteString("kid", _keyId);
            }

            writer.WriteEndObject();
        }

        using var claims = new MemoryStream();
        using (var writer = new Utf8JsonWriter(claims))
        {
            writer.WriteStartObject();
            writer.WriteString("iss", ClientEmail);
            writer.WriteString("scope", scope);
            writer.WriteString("aud", TokenUri.OriginalString);
            writer.WriteNumber("iat", now.ToUnixTimeSeconds());
            writer.WriteNumber("exp", now.AddHours(1).ToUnixTimeSeconds());
            writer.WriteEndObject();
        }

        var signed = $"{Base64Url.EncodeToString(header.ToArray())}.{Base64Url.EncodeToString(claims.ToArray())}";
        var signature = _key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    /// <inheritdoc />
    public void Dispose() => _key.Dispose();

    /// <summary>The account's address; never the key.</summary>
    public override string ToString() => ClientEmail;

    private static FormatException Missing(string field) => new($"The service account lacks {field}.");

    private static RSA ReadKey(string pem)
    {
        var key = RSA.Create();
        try
        {
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new FormatException("The service account's private_key is not an RSA key in PEM.");
        }
    }
}
