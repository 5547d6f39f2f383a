using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The token endpoint, and the check of its tokens on every other call.</summary>
/// <remarks>A token carries its end and a code made with a key derived from the account's, so it stays good over a restart.</remarks>
internal sealed class GcpAuthentication(CurrentAccount account, TimeProvider time) : IEndpointFilter
{
    private const string GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";

    // Google's own client states this audience whatever token_uri its key names.
    private const string GoogleAudience = "https://oauth2.googleapis.com/token";

    private const int TokenSeconds = 3600;
    private const int ClockSkewSeconds = 300;

    private static readonly string[] Scopes =
        ["https://www.googleapis.com/auth/compute", "https://www.googleapis.com/auth/cloud-platform"];

    public void MapToken(IEndpointRouteBuilder routes) => routes.MapPost("/token", (Delegate)TokenAsync).Does(CloudOperation.Of("gcp", CloudOperation.Token));

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var header = context.HttpContext.Request.Headers.Authorization.ToString();
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) || !IsValid(header["Bearer ".Length..].Trim()))
        {
            return ValueTask.FromResult<object?>(new GcpError(
                401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token."));
        }

        var project = Convert.ToString(context.HttpContext.GetRouteValue("project"), CultureInfo.InvariantCulture);
        return project is null || project == account.File.GcpServiceAccount.ProjectId || GcpImage.All.Any(image => image.Project == project)
            ? next(context)
            : ValueTask.FromResult<object?>(new GcpError(403, "forbidden", $"Required 'compute.projects.get' permission for 'projects/{project}'"));
    }

    /// <summary>A token in the form in which it is handed out.</summary>
    public JsonObject TokenAnswer() => new() { ["access_token"] = Issue(), ["expires_in"] = TokenSeconds, ["token_type"] = "Bearer" };

    private async Task<IResult> TokenAsync(HttpContext http)
    {
        if (!http.Request.HasFormContentType)
        {
            return Refuse("invalid_request", "the body is not a form");
        }

        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        if (form["grant_type"] != GrantType)
        {
            return Refuse("unsupported_grant_type", $"Invalid grant_type: {form["grant_type"]}");
        }

        return FindProblem(form["assertion"].ToString()) is { } problem
            ? Refuse("invalid_grant", problem)
            : new JsonAnswer(TokenAnswer());
    }

    private string? FindProblem(string assertion)
    {
        var parts = assertion.Split('.');
        if (parts.Length != 3)
        {
            return "Invalid JWT: three parts expected.";
        }

        try
        {
            var header = JsonNode.Parse(Base64Url.DecodeFromChars(parts[0])) as JsonObject ?? [];
            var claims = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1])) as JsonObject ?? [];
            using var rsa = RSA.Create();
            rsa.ImportFromPem(account.File.GcpServiceAccount.PrivateKey);
            var signed = header.Text("alg") == "RS256" && rsa.VerifyData(
                Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            return signed ? FindClaimProblem(claims) : "Invalid JWT Signature.";
        }
        catch (Exception e) when (e is FormatException or JsonException or BadRequestException)
        {
            return "Invalid JWT: cannot be read.";
        }
    }

    private string? FindClaimProblem(JsonObject claims)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var (issued, expires) = (claims.Number("iat") ?? 0, claims.Number("exp") ?? 0);
        var key = account.File.GcpServiceAccount;
        return claims.Text("iss") != key.ClientEmail ? "Invalid grant: account not found"
            : claims.Text("aud") != key.TokenUri && claims.Text("aud") != GoogleAudience ? $"Invalid JWT: audience is not {key.TokenUri}"
            : expires < now - ClockSkewSeconds || issued > now + ClockSkewSeconds || expires > issued + TokenSeconds
                ? "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
            : !(claims.Text("scope") ?? "").Split(' ').Any(Scopes.Contains) ? "Invalid OAuth scope or ID token audience provided."
            : null;
    }

    private string Issue()
    {
        var expires = (time.GetUtcNow().ToUnixTimeSeconds() + TokenSeconds).ToString(CultureInfo.InvariantCulture);
        return $"ya29.{expires}.{Code(expires)}";
    }

    private bool IsValid(string token) =>
        token.Split('.') is ["ya29", var expires, var code]
        && long.TryParse(expires, CultureInfo.InvariantCulture, out var until)
        && until > time.GetUtcNow().ToUnixTimeSeconds()
        && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(code), Encoding.ASCII.GetBytes(Code(expires)));

    private string Code(string expires) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(account.File.GcpServiceAccount.PrivateKey), Encoding.ASCII.GetBytes(expires)));

    private static JsonAnswer Refuse(string error, string description) =>
        new(new JsonObject { ["error"] = error, ["error_description"] = description }, StatusCodes.Status400BadRequest);
}
