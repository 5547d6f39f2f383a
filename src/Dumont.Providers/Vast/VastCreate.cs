using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.Providers.Vast;

/// <summary>The renting call: what may be asked, how it is asked, what its answers mean.</summary>
internal static class VastCreate
{
    // Limits of Vast.ai's create call (its OpenAPI description). Exceeding one is a 400 there; here it is told with its name.
    private const int OnStartCharsMax = 4096;
    private const int LabelCharsMax = 256;
    private const int ImageCharsMax = 1024;
    private const int EnvValueCharsMax = 256;
    private const int EnvTotalCharsMax = 32768;
    private const int PortsMax = 64;
    private const double DiskGbMin = 8;
    private const decimal BidMin = 0.001m;
    private const decimal BidMax = 128m;

    /// <summary>Why this request cannot be sent, or null.</summary>
    public static string? Refuse(CreateMachineRequest request) =>
        !long.TryParse(request.OfferId, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? "The offer id is not a number."
        : request.Tag.Length is 0 or > LabelCharsMax ? $"The owner tag must have 1 to {LabelCharsMax} characters."
        : request.Image is not { Length: > 0 and <= ImageCharsMax } ? $"An image of at most {ImageCharsMax} characters is required."
        : request.OnStart?.Length > OnStartCharsMax
            ? $"The start script has {request.OnStart.Length} characters; Vast.ai takes at most {OnStartCharsMax} (onstart and arguments together)."
        : request.Ports.Count > PortsMax ? $"{request.Ports.Count} ports asked; Vast.ai publishes at most {PortsMax}."
        : request.Ports.Any(port => port is < 1 or > 65535) ? "A port is outside 1 to 65535."
        : request.BidUsdPerHour is < BidMin or > BidMax ? $"The bid must be {BidMin} to {BidMax} $/h."
        : !double.IsFinite(request.DiskGb) || request.DiskGb <= 0 ? "The disk size must be a positive number of GB."
        : RefuseKeys(request) ?? RefuseEnvironment(request);

    /// <summary>The body. Disks smaller than Vast.ai's least are rounded up to it.</summary>
    public static JsonObject Body(CreateMachineRequest request)
    {
        var env = new JsonObject();
        foreach (var (name, value) in request.Environment)
        {
            env[name] = value;
        }

        // Docker options travel as names of variables: "-p 8080:8080": "1".
        foreach (var port in request.Ports.Where(port => port != 22).Distinct())
        {
            env[string.Create(CultureInfo.InvariantCulture, $"-p {port}:{port}")] = "1";
        }

        var body = new JsonObject
        {
            ["client_id"] = "me",
            ["image"] = request.Image,
            ["env"] = env,
            ["price"] = request.BidUsdPerHour,
            ["disk"] = Math.Max(DiskGbMin, request.DiskGb),
            ["label"] = request.Tag,
            ["runtype"] = "ssh_direc ssh_proxy", // spelt so by the official client: both ways in
            ["target_state"] = "running",
        };
        if (request.OnStart is not null)
        {
            body["onstart"] = request.OnStart;
        }

        if (request.BidUsdPerHour is null)
        {
            // An offer taken meanwhile is an error, not a contract that waits and bills for its disk.
            body["cancel_unavail"] = true;
        }

        return body;
    }

    /// <summary>What an answer of the renting call proves.</summary>
    public static CreateResult Result(VastReply reply)
    {
        if (reply.Failure is { } failure)
        {
            return failure switch
            {
                { NewContract: { } left } => new CreateResult.LeftMachine(Id(left), failure.Reason),
                { Refused: false } => new CreateResult.Unknown(failure.Reason),
                { Code: VastCode.NoSuchAsk } => new CreateResult.OfferGone(),
                { Code: VastCode.InsufficientCredit } => new CreateResult.InsufficientCredit(),
                _ => new CreateResult.Rejected(failure.Kind, failure.Reason),
            };
        }

        return Wire.JsonRead.Integer(reply.Json, "new_contract") is { } id
            ? new CreateResult.Created(Id(id))
            : new CreateResult.Unknown("The answer says success and names no contract.");
    }

    private static string Id(long id) => id.ToString(CultureInfo.InvariantCulture);

    private static string? RefuseKeys(CreateMachineRequest request) =>
        request.AuthorizedKeys.Any(key => string.IsNullOrWhiteSpace(key) || key.AsSpan().Trim().ContainsAny('\r', '\n'))
            ? "An authorised key is empty or has more than one line."
            : null;

    private static string? RefuseEnvironment(CreateMachineRequest request)
    {
        var total = 0;
        foreach (var (name, value) in request.Environment)
        {
            // A name that starts with a dash would be taken for a docker option.
            if (name.Length == 0 || name.StartsWith('-') || name.AsSpan().ContainsAny(' ', '=', '\n'))
            {
                return $"The variable name '{name}' is not one.";
            }

            if (value.Length > EnvValueCharsMax)
            {
                return $"The variable {name} has {value.Length} characters; Vast.ai takes at most {EnvValueCharsMax}.";
            }

            total += name.Length + value.Length;
        }

        return total > EnvTotalCharsMax ? $"The variables have {total} characters; Vast.ai takes at most {EnvTotalCharsMax}." : null;
    }
}
