using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>An error in Google's form; both an outcome and the answer.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Reason">Google's word for it.</param>
/// <param name="Message">Sentence for people.</param>
internal sealed record GcpError(int Status, string Reason, string Message) : IResult
{
    public static GcpError NotFound(string resource) => new(404, "notFound", $"The resource '{resource}' was not found");

    public static GcpError Invalid(string message) => new(400, "invalid", message);

    /// <summary>A body that is not JSON.</summary>
    public static GcpError Unreadable(string message) => new(400, "parseError", $"Invalid JSON payload received. {message}");

    public static GcpError Required(string field) => new(400, "required", $"Required field '{field}' not specified");

    public static GcpError NotSupported(string what) => new(501, "notImplemented", $"{what} is not supported by the local cloud");

    public static GcpError AlreadyExists(string resource) => new(409, "alreadyExists", $"The resource '{resource}' already exists");

    /// <param name="what"><c>metadata</c>, <c>labels</c> or <c>tags</c>.</param>
    public static GcpError ConditionNotMet(string what) => new(412, "conditionNotMet", $"Supplied fingerprint does not match current {what} fingerprint.");

    public static GcpError NoSuchZone(string project, string zone) => NotFound($"projects/{project}/zones/{zone}");

    /// <summary>Something in a zone that is not there; where there is no such zone either, the error is about the zone.</summary>
    public static GcpError NoSuch(string project, string zone, string kind, string name) => GcpRegion.FindByZone(zone) is null
        ? NoSuchZone(project, zone)
        : NotFound($"projects/{project}/zones/{zone}/{kind}/{name}");

    public Task ExecuteAsync(HttpContext httpContext) => new JsonAnswer(
        new JsonObject
        {
            ["error"] = new JsonObject
            {
                ["code"] = Status,
                ["message"] = Message,
                ["errors"] = new JsonArray(new JsonObject { ["message"] = Message, ["domain"] = "global", ["reason"] = Reason }),
            },
        },
        Status).ExecuteAsync(httpContext);
}
