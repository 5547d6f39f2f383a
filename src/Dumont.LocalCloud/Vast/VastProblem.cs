using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>An error in Vast.ai's form. It is both an outcome of an operation and the answer to the request.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Error">Vast.ai's code.</param>
/// <param name="Message">Sentence for people.</param>
internal sealed record VastProblem(int Status, string Error, string Message) : IResult
{
    /// <summary>Fields beside the usual three, such as <c>new_contract</c>.</summary>
    public IReadOnlyDictionary<string, long> Extra { get; init; } = new Dictionary<string, long>();

    public static VastProblem NoSuchInstance(long id) =>
        new(StatusCodes.Status404NotFound, "no_such_instance", string.Create(CultureInfo.InvariantCulture, $"Instance {id} not found."));

    public static VastProblem InvalidRequest(string message) => new(StatusCodes.Status400BadRequest, "invalid_request", message);

    public static VastProblem InvalidArguments(string message) => new(StatusCodes.Status400BadRequest, "invalid_args", message);

    public static VastProblem OfferUnknown(long id) => new(
        StatusCodes.Status404NotFound,
        "invalid_args",
        string.Create(CultureInfo.InvariantCulture, $"error 404/3603: no_such_ask Instance type by id {id} is not available."))
    {
        Extra = new Dictionary<string, long> { ["ask_id"] = id },
    };

    public static VastProblem OfferTaken(long id) => new(
        StatusCodes.Status410Gone,
        "no_such_ask",
        string.Create(CultureInfo.InvariantCulture, $"error 410/3907: no_such_ask Instance type {id} is no longer available."));

    public static VastProblem InsufficientCredit { get; } =
        new(StatusCodes.Status400BadRequest, "insufficient_credit", "Your credit is too low for this action; please add credit.");

    /// <summary>A new account spends more by the hour than it may.</summary>
    public static VastProblem SpendRateLimit { get; } =
        new(StatusCodes.Status400BadRequest, "spend_rate_limit", "Your account's spending limit does not allow this rental.");

    public static VastProblem NotSupported(string what) =>
        new(StatusCodes.Status501NotImplemented, "not_supported", $"{what} is not supported by the local cloud.");

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var body = new JsonObject { ["success"] = false, ["error"] = Error, ["msg"] = Message };
        foreach (var (name, value) in Extra)
        {
            body[name] = value;
        }

        return new JsonAnswer(body, Status).ExecuteAsync(httpContext);
    }
}
