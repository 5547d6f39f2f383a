using System.Text.Json;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Gcp;

/// <summary>A call that did not succeed.</summary>
/// <param name="Kind">What it means to us.</param>
/// <param name="Code">Google's reason (<c>notFound</c>) or operation error (<c>QUOTA_EXCEEDED</c>).</param>
/// <param name="Refused">Google itself said no, so nothing happened. False: it may have happened.</param>
/// <param name="Reason">For the log; bounded, and free of credentials.</param>
/// <param name="Cause">Exception of the transport.</param>
internal sealed record GcpFailure(ProviderErrorKind Kind, string Code, bool Refused, string Reason, Exception? Cause = null);

/// <summary>A call's answer: <see cref="Json"/> when it succeeded, else <see cref="Failure"/>.</summary>
internal sealed record GcpReply(JsonElement Json, GcpFailure? Failure);

/// <summary>Reads Google's errors, those of HTTP and those inside operations.</summary>
internal static class GcpErrors
{
    /// <summary>Sorts an exchange into success and failure.</summary>
    public static GcpReply Sort(WireReply reply, Secret token) => reply switch
    {
        WireReply.Answer { IsSuccess: true, Json: { ValueKind: JsonValueKind.Object } json }
            when json.At("error") is null || json.Has("operationType") => new(json, null),
        WireReply.Answer answer => new(default, Refusal(answer, token)),
        WireReply.Lost lost => new(default, new GcpFailure(
            lost.Kind is LossKind.TooLarge or LossKind.Redirected ? ProviderErrorKind.Protocol : ProviderErrorKind.Transient,
            "lost", Refused: false, lost.Reason, lost.Cause)),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>The error of an operation that is done, or null when it succeeded.</summary>
    public static GcpFailure? OfOperation(JsonElement operation, Secret token)
    {
        if (operation.At("error") is not { } error)
        {
            return null;
        }

        var first = error.Items("errors").FirstOrDefault();
        var code = first.Text("code") ?? "UNKNOWN";
        var kind = code switch
        {
            _ when code.StartsWith("ZONE_RESOURCE_POOL_EXHAUSTED", StringComparison.Ordinal) => ProviderErrorKind.NotFound,
            "QUOTA_EXCEEDED" or "RESOURCE_ALREADY_EXISTS" => ProviderErrorKind.Invalid,
            "INVALID_FIELD_VALUE" or "INVALID_USAGE" or "CONDITION_NOT_MET" => ProviderErrorKind.Invalid,
            "RESOURCE_NOT_FOUND" => ProviderErrorKind.NotFound,
            "PERMISSIONS_ERROR" or "PERMISSION_DENIED" => ProviderErrorKind.Credentials,
            "RATE_LIMIT_EXCEEDED" => ProviderErrorKind.RateLimited,
            _ => ProviderErrorKind.Transient,
        };

        // What failed for a reason that we do not know may have left something: the tag tells.
        return new GcpFailure(kind, code, Refused: kind != ProviderErrorKind.Transient, SafeText.Clean($"{code}: {first.Text("message")}", token));
    }

    /// <summary>True when Google says that there is no such machine, by its own name. A 404 for the project or the zone is no such proof.</summary>
    public static bool ProvesAbsence(GcpFailure failure, GcpMachineId id) =>
        failure.Code == "notFound" && failure.Reason.Contains($"zones/{id.Zone}/instances/{id.Name}'", StringComparison.Ordinal);

    private static GcpFailure Refusal(WireReply.Answer answer, Secret token)
    {
        var error = answer.Json?.At("error");
        var code = error?.Items("errors").FirstOrDefault().Text("reason") ?? error?.Text("status") ?? "";
        var message = error?.Text("message") ?? "";
        var kind = KindOf(answer.Status, code, message);
        var refused = kind != ProviderErrorKind.Protocol && answer.Status is >= 400 and < 500 and not 408;
        return new GcpFailure(kind, code, refused, SafeText.Clean($"HTTP {answer.Status} {code}: {message}", token));
    }

    private static ProviderErrorKind KindOf(int status, string code, string message) => status switch
    {
        408 or >= 500 => ProviderErrorKind.Transient,
        429 => ProviderErrorKind.RateLimited,
        _ when code is "rateLimitExceeded" or "userRateLimitExceeded" => ProviderErrorKind.RateLimited,
        401 => ProviderErrorKind.Credentials,
        _ when code.Length == 0 => ProviderErrorKind.Protocol, // some proxy's answer
        403 when message.Contains("billing", StringComparison.OrdinalIgnoreCase) => ProviderErrorKind.InsufficientCredit,
        403 when code == "quotaExceeded" => ProviderErrorKind.Invalid,
        403 => ProviderErrorKind.Credentials,
        404 => ProviderErrorKind.NotFound,
        400 when code is "resourceNotReady" or "resourceInUseByAnotherResource" => ProviderErrorKind.Transient,
        400 or 409 or 412 or 413 or 416 or 422 => ProviderErrorKind.Invalid,
        _ => ProviderErrorKind.Protocol,
    };
}
