using System.Globalization;
using System.Security.Claims;
using Dumont.Contracts;

namespace Dumont.Server.Platform.Security;

/// <summary>Who makes the request. The tenant of every query comes from here and from nowhere else.</summary>
internal sealed record Caller(UserId UserId, string Email, string? SessionId, bool IsAdmin)
{
    /// <summary>Claim that holds the user id.</summary>
    public const string UserIdClaim = "uid";

    /// <summary>Claim that holds the session id of a login; absent for API keys.</summary>
    public const string SessionIdClaim = "sid";

    /// <summary>Claim of each scope.</summary>
    public const string ScopeClaim = "scope";

    /// <summary>Claim of the role; <c>admin</c> or <c>user</c>.</summary>
    public const string RoleClaim = "role";

    /// <summary>Bound by the framework as an endpoint parameter; endpoints that take a caller require authorization, so it is never missing there.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult(Of(context.User));

    /// <summary>The caller of an authenticated principal, else null.</summary>
    public static Caller? Of(ClaimsPrincipal principal) =>
        principal.FindFirstValue(UserIdClaim) is { } id
            ? new Caller(
                UserId.Parse(id, CultureInfo.InvariantCulture),
                principal.FindFirstValue("sub") ?? "",
                principal.FindFirstValue(SessionIdClaim),
                principal.FindFirstValue(RoleClaim) == "admin")
            : null;
}

/// <summary>What an API key may be limited to. A login has all of its user's scopes. Each endpoint names the one it needs.</summary>
internal static class Scopes
{
    public const string InstancesRead = "instances:read";
    public const string InstancesWrite = "instances:write";
    public const string InstancesDestroy = "instances:destroy";
    public const string SettingsRead = "settings:read";
    public const string SettingsWrite = "settings:write";
    public const string BillingRead = "billing:read";
    public const string MarketRead = "market:read";

    /// <summary>Every scope, as the documents list them.</summary>
    public static readonly IReadOnlyList<string> All =
        [InstancesRead, InstancesWrite, InstancesDestroy, SettingsRead, SettingsWrite, BillingRead, MarketRead];

    /// <summary>Whether the caller has <paramref name="scope"/>, where only some requests of an endpoint need it.</summary>
    public static bool HasScope(this ClaimsPrincipal caller, string scope) => caller.HasClaim(Caller.ScopeClaim, scope);

    /// <summary>Lets in only callers with <paramref name="scope"/>.</summary>
    public static TBuilder RequireScope<TBuilder>(this TBuilder builder, string scope)
        where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(policy => policy.RequireClaim(Caller.ScopeClaim, scope));
}
