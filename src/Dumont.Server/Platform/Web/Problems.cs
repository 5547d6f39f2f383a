using System.Globalization;
using System.Text.Json.Serialization;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Platform.Web;

/// <summary>Kind of a refusal: its slug in <c>code</c> and in the document <c>docs/problems.md</c>, its HTTP status and what to do about it.</summary>
internal sealed record ProblemKind(string Code, int Status, string Title, string Hint);

/// <summary>One field that was refused: its name (dotted where nested), what is wrong, which rule, and in which part of the request it was
/// (<c>body</c>, <c>query</c>, <c>path</c> or <c>header</c>).</summary>
internal sealed record FieldError(string Field, string Message, string Type = "value_error", string In = "body");

/// <summary>The answer to a refused request: the members that older clients read (<c>error</c>, <c>detail</c>, <c>details</c>) and those of RFC 9457.</summary>
internal sealed class Problem(
    ProblemKind kind, string detail, IReadOnlyList<FieldError>? fields = null, TimeSpan? retryAfter = null) : IResult, IStatusCodeHttpResult
{
    /// <summary>What kind of refusal it is.</summary>
    public ProblemKind Kind { get; } = kind;

    /// <summary>What happened, for the user.</summary>
    public string Detail { get; } = detail;

    /// <summary>The refused fields; null when it is not about fields.</summary>
    public IReadOnlyList<FieldError>? Fields { get; } = fields;

    /// <inheritdoc />
    public int? StatusCode => Kind.Status;

    /// <summary>The headers that go with it, whatever the body is.</summary>
    public void SetHeaders(HttpContext context)
    {
        if (retryAfter is { } delay)
        {
            context.Response.Headers.RetryAfter = ((int)Math.Max(1, Math.Ceiling(delay.TotalSeconds))).ToString(CultureInfo.InvariantCulture);
        }
    }

    /// <inheritdoc />
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Kind.Status;
        SetHeaders(httpContext);
        if (Kind.Status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        var language = Language.Answering(httpContext);
        var (title, hint) = ProblemTexts.Of(Kind, language);
        var detail = ProblemTexts.DetailOf(this, language);
        var fields = Fields?.Select(field => field with { Message = ProblemTexts.MessageOf(field, language) }).ToList();
        var locations = fields?.Select(field => new ProblemLocation([field.In, .. field.Field.Split('.')], field.Message, field.Type)).ToList();
        await response.WriteAsJsonAsync(
            new ProblemBody(
                $"https://dumont.invalid/problems#{Kind.Code}",
                title,
                Kind.Status,
                Kind.Code,
                locations is null ? detail : title,
                locations is null ? detail : locations,
                locations,
                fields?.GroupBy(field => field.Field).ToDictionary(group => group.Key, group => group.Select(field => field.Message).ToArray()),
                hint,
                httpContext.Request.Path,
                httpContext.TraceIdentifier),
            options: null,
            contentType: "application/problem+json; charset=utf-8",
            httpContext.RequestAborted);
    }
}

/// <summary>The body. <c>detail</c> is a text, or for a validation failure the list of fields, as the contract has it.</summary>
internal sealed record ProblemBody(
    string Type,
    string Title,
    int Status,
    string Code,
    string Error,
    object Detail,
    IReadOnlyList<ProblemLocation>? Details,
    IReadOnlyDictionary<string, string[]>? Errors,
    string Hint,
    string Instance,
    string RequestId);

/// <summary>One field: where (<c>["body", "disk_size"]</c>), what, which rule.</summary>
internal sealed record ProblemLocation(
    [property: JsonPropertyName("loc")] IReadOnlyList<string> Location,
    [property: JsonPropertyName("msg")] string Message,
    [property: JsonPropertyName("type")] string Type);

/// <summary>Every kind of refusal there is; <c>docs/problems.md</c> is compared with this list by a test.</summary>
internal static class Problems
{
    public static readonly ProblemKind Validation = new("validation-failed", 422, "Validation error", "Correct the named fields and send the request again.");
    public static readonly ProblemKind MalformedBody = new("malformed-body", 400, "The body is not valid JSON", "Send a JSON object with Content-Type: application/json.");
    public static readonly ProblemKind BodyTooLarge = new("body-too-large", 413, "The body is too large", "Send at most 1 MiB.");
    public static readonly ProblemKind BadRequest = new("bad-request", 400, "Bad request", "See the API description at /api/v1/openapi.json.");
    public static readonly ProblemKind UnsupportedMediaType = new("unsupported-media-type", 415, "Unsupported content type", "Send Content-Type: application/json.");
    public static readonly ProblemKind Unauthorized = new("unauthorized", 401, "Unauthorized", "Log in: dumont auth login <email> <password>");
    public static readonly ProblemKind Forbidden = new("forbidden", 403, "Forbidden", "Use an API key or a user that has the scope this needs.");
    public static readonly ProblemKind NotFound = new("not-found", 404, "Not found", "Check the id; list what you have with the resource's list command.");
    public static readonly ProblemKind MethodNotAllowed = new("method-not-allowed", 405, "Method not allowed", "See the API description at /api/v1/openapi.json.");
    public static readonly ProblemKind Conflict = new("conflict", 409, "Conflict", "Look at the present state and decide again.");
    public static readonly ProblemKind IdempotencyMismatch = new("idempotency-mismatch", 422, "The key was used for another request", "Use a new Idempotency-Key.");
    public static readonly ProblemKind TooManyRequests = new("too-many-requests", 429, "Too many requests", "Wait as long as Retry-After says.");
    public static readonly ProblemKind OfferGone = new("offer-gone", 400, "The offer is gone", "Search again: dumont instance offers");
    public static readonly ProblemKind NoOffer = new("no-matching-offer", 400, "No offer matches", "Widen the filters, for instance max_price or region.");
    public static readonly ProblemKind WrongState = new("wrong-state", 400, "The instance is not in a state for this", "Look at it: dumont instance get <id>");
    public static readonly ProblemKind InsufficientCredit = new("insufficient-credit", 402, "Not enough credit", "Top up the provider account, or choose a cheaper offer.");
    public static readonly ProblemKind ProviderNotConfigured = new("provider-not-configured", 400, "The provider has no credentials", "Set them: dumont setting update vast_api_key=...");
    public static readonly ProblemKind ProviderUnavailable = new("provider-unavailable", 503, "The provider does not answer", "Try again after the time in Retry-After.");
    public static readonly ProblemKind Unavailable = new("unavailable", 503, "A part of the server is unavailable", "Try again after the time in Retry-After.");
    public static readonly ProblemKind OwnMachineUnreachable = new("own-machine-unreachable", 400, "The machine does not answer", "Check host, port and firewall: ssh-keyscan -t ed25519 -p <port> <host> must show a key from where the server runs.");
    public static readonly ProblemKind OwnMachineHostKeyUnconfirmed = new("own-machine-host-key-unconfirmed", 409, "The machine's host key is not confirmed", "Compare it on the machine: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    public static readonly ProblemKind OwnMachineHostKeyChanged = new("own-machine-host-key-changed", 409, "The machine shows another host key", "Somebody may be in between. If the machine was installed anew, remove it and let it join with its new key.");
    public static readonly ProblemKind OwnMachineAuthRefused = new("own-machine-auth-refused", 400, "The machine refuses the key", "Add the line of: dumont own-machine key, to ~/.ssh/authorized_keys of that user, or send a private_key that is let in.");
    public static readonly ProblemKind OwnMachineNotRoot = new("own-machine-not-root", 400, "Root is needed on the machine", "Join it with user=root, or give the user passwordless sudo.");
    public static readonly ProblemKind OwnMachineUnsuitable = new("own-machine-unsuitable", 400, "The machine cannot carry instances", "Linux with bash, util-linux and openssh-server is needed, the right to make name spaces, and the instance port free.");
    public static readonly ProblemKind OwnMachineInUse = new("own-machine-in-use", 409, "The machine is in use", "Delete the instance first, or give up its standby.");
    public static readonly ProblemKind SnapshotFailed = new("snapshot-failed", 503, "The snapshot operation failed", "Mend what the message names and try again; see: dumont snapshot operations");
    public static readonly ProblemKind SnapshotNotUsable = new("snapshot-not-usable", 400, "Nothing can be restored from the snapshot", "Choose one that is completed: dumont snapshot list");
    public static readonly ProblemKind SnapshotEngineMissing = new("snapshot-engine-missing", 400, "The snapshot engine is not supported there", "Choose the other engine: dumont storage set engine=dumont");
    public static readonly ProblemKind StorageIncomplete = new("storage-incomplete", 400, "The storage settings are not complete", "Set what is missing: dumont storage set");
    public static readonly ProblemKind FailoverNoTarget = new("failover-no-target", 409, "Nothing can take over", "See what is missing: dumont failover readiness <id>");
    public static readonly ProblemKind FailoverRunning = new("failover-running", 409, "A failover is running", "Wait for its end: dumont failover active");
    public static readonly ProblemKind RecoveryNoSnapshot = new("recovery-no-snapshot", 409, "There is nothing to recover from", "Take snapshots by schedule: dumont snapshot schedule set <id> every_minutes=60; or restart the machine: dumont instance resume <id>");
    public static readonly ProblemKind NotSupported = new("not-supported", 501, "Not supported", "Choose something that is: dumont failover strategies");
    public static readonly ProblemKind Internal = new("internal", 500, "Internal error", "Report the request id to the operator.");

    /// <summary>All of the above.</summary>
    public static readonly IReadOnlyList<ProblemKind> All =
    [
        Validation, BadRequest, MalformedBody, BodyTooLarge, UnsupportedMediaType, Unauthorized, Forbidden, NotFound, MethodNotAllowed, Conflict, IdempotencyMismatch,
        TooManyRequests, OfferGone, NoOffer, WrongState, InsufficientCredit, ProviderNotConfigured, ProviderUnavailable, Unavailable,
        OwnMachineUnreachable, OwnMachineHostKeyUnconfirmed, OwnMachineHostKeyChanged, OwnMachineAuthRefused, OwnMachineNotRoot, OwnMachineUnsuitable, OwnMachineInUse,
        SnapshotFailed, SnapshotNotUsable, SnapshotEngineMissing, StorageIncomplete, FailoverNoTarget, FailoverRunning, RecoveryNoSnapshot, NotSupported, Internal,
    ];

    /// <summary>An unknown id, or one of somebody else: the two look the same.</summary>
    public static Problem Unknown(string what, object id) => new(NotFound, $"There is no {what} {id}.");

    /// <summary>One refused field.</summary>
    public static Problem Field(string field, string message, string part = "body") =>
        new(Validation, Validation.Title, [new FieldError(field, message, In: part)]);

    /// <summary>A provider that could not be asked.</summary>
    public static Problem Provider(string provider) =>
        new(ProviderUnavailable, $"The provider {provider} does not answer at present.", retryAfter: TimeSpan.FromSeconds(5));
}
