using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Faults;

/// <summary>Errors that a fault answers with, each in its provider's own form.</summary>
internal static class ProviderErrors
{
    public static IResult Of(Fault fault, string provider) => fault.Kind.Name switch
    {
        FaultKind.TooManyRequests => provider == "gcp"
            ? Gcp(429, "rateLimitExceeded", "Rate Limit Exceeded")
            : new TextAnswer("API requests too frequent", StatusCodes.Status429TooManyRequests),
        FaultKind.KeyRevoked => provider == "gcp"
            ? Gcp(401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token.")
            : Vast(404, "auth_error", "Invalid user key"),
        FaultKind.ScopeLost => provider == "gcp"
            ? Gcp(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
            : Vast(403, "invalid_args", "This key lacks the permission for this action."),
        FaultKind.SuccessFalse => Vast(200, "internal_error", "The request could not be completed."),
        _ => ServerError((int)fault.Numbers["status"], provider),
    };

    // 502 and 504 come from whatever stands before the provider, and look like it.
    private static IResult ServerError(int status, string provider) => (status, provider) switch
    {
        (502, _) => Proxy(502, "Bad Gateway"),
        (504, _) => Proxy(504, "Gateway Time-out"),
        (503, "vast") => Proxy(503, "Service Temporarily Unavailable"),
        (503, _) => Gcp(503, "backendError", "The service is currently unavailable."),
        (_, "vast") => Vast(500, "internal_error", "Internal server error"),
        _ => Gcp(500, "backendError", "Internal error"),
    };

    private static TextAnswer Proxy(int status, string title) =>
        new($"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\r\n</body>\r\n</html>\r\n", status, "text/html");

    private static JsonAnswer Vast(int status, string error, string message) =>
        new(new JsonObject { ["success"] = false, ["error"] = error, ["msg"] = message }, status);

    private static JsonAnswer Gcp(int status, string reason, string message) => new(
        new JsonObject
        {
            ["error"] = new JsonObject
            {
                ["code"] = status,
                ["message"] = message,
                ["errors"] = new JsonArray(new JsonObject { ["message"] = message, ["domain"] = "global", ["reason"] = reason }),
            },
        },
        status);
}
