using System.Security.Cryptography;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dumont.Server.Auth;

/// <summary>HTTP of users, sessions and API keys.</summary>
internal static class AuthEndpoints
{
    private const string ApiKeyLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private const int ApiKeyLetterCount = 40;
    private const int ApiKeysMax = 100;

    // The prefix and six letters: enough to recognise a key, too little to help in guessing the other 34.
    private const int ShownLetters = 16;

    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder routes)
    {
        var auth = routes.MapGroup("/auth").WithTags("auth");
        auth.MapPost("/login", LoginAsync).AllowAnonymous().WithSummary("Log in");
        auth.MapPost("/register", RegisterAsync).AllowAnonymous().WithSummary("Make a user and log in");
        auth.MapPost("/refresh", RefreshAsync).AllowAnonymous().WithSummary("Trade a refresh token for new tokens");
        auth.MapPost("/logout", LogoutAsync).WithSummary("End the session");
        auth.MapGet("/me", MeAsync).WithSummary("Who the caller is");
        auth.MapGet("/sdk/config", SdkConfig).WithSummary("What client libraries need to know");
        auth.MapGet("/api-keys", ListApiKeysAsync).RequireScope(Scopes.SettingsRead).WithSummary("List API keys");
        auth.MapPost("/api-keys", CreateApiKeyAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Make an API key");
        auth.MapDelete("/api-keys/{id:long}", RevokeApiKeyAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Revoke an API key");
    }

    private static async Task<Results<Ok<TokenResponse>, Problem>> LoginAsync(
        LoginRequest request, SessionService sessions, HttpContext context, CancellationToken cancellationToken)
    {
        if ((request.Username ?? request.Email) is not { } identifier)
        {
            return Problems.Field("username", "username or email is required.");
        }

        return await sessions.LoginAsync(identifier, request.Password!, context.Connection.RemoteIpAddress, cancellationToken) switch
        {
            LoginResult.LoggedIn(var tokens) => TypedResults.Ok(tokens),
            LoginResult.Throttled(var wait) => new Problem(Problems.TooManyRequests, "Too many failed logins. Wait and try again.", retryAfter: wait),
            _ => new Problem(Problems.Unauthorized, "The user name or the password is wrong."),
        };
    }

    private static async Task<Results<Ok<TokenResponse>, Problem>> RegisterAsync(
        RegisterRequest request, SessionService sessions, CancellationToken cancellationToken) =>
        await sessions.RegisterAsync(request.Email!, request.Password!, request.Username, request.Name, cancellationToken) switch
        {
            RegisterResult.Registered(var user) => TypedResults.Ok(await sessions.OpenAsync(user, cancellationToken)),
            RegisterResult.EmailTaken => new Problem(Problems.Conflict, "There is a user with this e-mail address already."),
            RegisterResult.UsernameTaken => new Problem(Problems.Conflict, "There is a user with this user name already."),
            _ => new Problem(Problems.Forbidden, "This server makes no users by itself; ask its administrator."),
        };

    private static async Task<Results<Ok<TokenResponse>, Problem>> RefreshAsync(
        HttpContext context, SessionService sessions, CancellationToken cancellationToken, RefreshRequest? request = null)
    {
        var token = request?.RefreshToken ?? BearerAuthentication.BearerOf(context.Request);
        return token is { Length: > 0 and <= 512 } && await sessions.RefreshAsync(token, cancellationToken) is { } tokens
            ? TypedResults.Ok(tokens)
            : new Problem(Problems.Unauthorized, "The refresh token is not good. Log in again.");
    }

    private static async Task<Ok<SuccessResponse>> LogoutAsync(Caller caller, SessionService sessions, CancellationToken cancellationToken)
    {
        if (caller.SessionId is { } sessionId)
        {
            await sessions.LogoutAsync(sessionId, cancellationToken);
        }

        return TypedResults.Ok(new SuccessResponse(true, "Logged out."));
    }

    private static async Task<Results<Ok<MeResponse>, Problem>> MeAsync(Caller caller, AuthStore store, CancellationToken cancellationToken) =>
        await store.FindUserAsync(caller.UserId, cancellationToken) is { } user
            ? TypedResults.Ok(new MeResponse(true, ToResponse(user)))
            : new Problem(Problems.Unauthorized, "The user is gone.");

    private static Ok<SdkConfigResponse> SdkConfig(HttpRequest request) =>
        TypedResults.Ok(new SdkConfigResponse(
            $"{request.Scheme}://{request.Host}",
            new Dictionary<string, bool> { ["instances"] = true, ["standby"] = true, ["failover"] = true, ["market"] = true },
            OpenrouterApiKey: null,
            VastApiKey: null));

    internal static async Task<Ok<ApiKeyListResponse>> ListApiKeysAsync(Caller caller, ApiKeyStore keys, CancellationToken cancellationToken)
    {
        var list = (await keys.ListAsync(caller.UserId, cancellationToken)).Select(ToResponse).ToList();
        return TypedResults.Ok(new ApiKeyListResponse(list, list.Count));
    }

    internal static async Task<Results<Created<CreatedApiKeyResponse>, Problem>> CreateApiKeyAsync(
        CreateApiKeyRequest request, Caller caller, HttpContext context, ApiKeyStore keys, TimeProvider time, CancellationToken cancellationToken)
    {
        var scopes = request.Scopes?.Distinct().ToList() ?? Scopes.All;
        if (scopes.FirstOrDefault(scope => !Scopes.All.Contains(scope)) is { } unknown)
        {
            return Problems.Field("scopes", $"There is no scope {unknown}. Scopes: {string.Join(", ", Scopes.All)}.");
        }

        // An API key may not make one that can do more than itself.
        if (scopes.FirstOrDefault(scope => !context.User.HasClaim(Caller.ScopeClaim, scope)) is { } beyond)
        {
            return new Problem(Problems.Forbidden, $"The caller has no scope {beyond} to pass on.");
        }

        if ((await keys.ListAsync(caller.UserId, cancellationToken)).Count >= ApiKeysMax)
        {
            return new Problem(Problems.Conflict, $"There are {ApiKeysMax} API keys already. Revoke one first.");
        }

        var secret = BearerAuthentication.ApiKeyPrefix + RandomNumberGenerator.GetString(ApiKeyLetters, ApiKeyLetterCount);
        var expiresAt = request.ExpiresInDays is { } days ? time.GetUtcNow().AddDays(days) : (DateTimeOffset?)null;
        var key = await keys.CreateAsync(
            caller.UserId, request.Name!, secret[..ShownLetters], AuthStore.HashOf(secret), scopes, expiresAt, cancellationToken);
        return TypedResults.Created($"/api/v1/auth/api-keys/{key.Id}", new CreatedApiKeyResponse(secret, ToResponse(key)));
    }

    internal static async Task<Results<Ok<SuccessResponse>, Problem>> RevokeApiKeyAsync(
        long id, Caller caller, ApiKeyStore keys, ApiKeyCache cache, CancellationToken cancellationToken)
    {
        if (await keys.RevokeAsync(caller.UserId, id, cancellationToken) is not { } hash)
        {
            return Problems.Unknown("API key", id);
        }

        cache.Forget(hash);
        return TypedResults.Ok(new SuccessResponse(true, "The API key is revoked."));
    }

    private static UserResponse ToResponse(User user) =>
        new(
            user.Id,
            user.Email,
            user.Username,
            user.Name,
            user.Role,
            JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(user.Settings) ?? []);

    private static ApiKeyResponse ToResponse(ApiKey key) =>
        new(key.Id, key.Name, key.Prefix, key.Scopes, key.CreatedAt, key.ExpiresAt, key.LastUsedAt);
}
