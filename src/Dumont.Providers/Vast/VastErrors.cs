using System.Text.Json;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Vast;

/// <summary>Vast.ai's own error words that decide something here.</summary>
internal enum VastCode
{
    /// <summary>None that we know.</summary>
    None,

    /// <summary>The offer is gone, or was never there.</summary>
    NoSuchAsk,

    /// <summary>The account has no such machine: the only proof of absence besides <c>"instances": null</c>.</summary>
    NoSuchInstance,

    /// <summary>Not enough credit.</summary>
    InsufficientCredit,

    /// <summary>Key unknown, expired or of too small a scope.</summary>
    Auth,

    /// <summary>A start that waits for a GPU that somebody else has.</summary>
    Queued,

    /// <summary>The account may not spend more per hour yet.</summary>
    SpendLimit,

    /// <summary>The request is wrong.</summary>
    InvalidArguments,
}

/// <summary>A call that did not succeed.</summary>
/// <param name="Kind">What it means to us.</param>
/// <param name="Code">The provider's word for it.</param>
/// <param name="Refused">The provider itself said no, so nothing happened. False: it may have happened.</param>
/// <param name="Reason">For the log; bounded, and free of the key.</param>
/// <param name="NewContract">Machine that exists although the answer is an error.</param>
/// <param name="Cause">Exception of the transport.</param>
internal sealed record VastFailure(
    ProviderErrorKind Kind, VastCode Code, bool Refused, string Reason, long? NewContract = null, Exception? Cause = null);

/// <summary>A call's answer: <see cref="Json"/> when it succeeded, else <see cref="Failure"/>.</summary>
internal sealed record VastReply(JsonElement Json, VastFailure? Failure);

/// <summary>Reads errors in the shapes that Vast.ai has: code and message, <c>message</c>, <c>detail</c>, plain text; with 4xx or with 200.</summary>
internal static class VastErrors
{
    /// <summary>Sorts an exchange into success and failure.</summary>
    public static VastReply Sort(WireReply reply, Secret key) => reply switch
    {
        WireReply.Lost lost => new(default, Lost(lost)),
        WireReply.Answer { IsSuccess: true, Json: { } json } when json.Flag("success") is not false => new(json, null),
        WireReply.Answer answer => new(default, Refusal(answer, key)),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static VastFailure Lost(WireReply.Lost lost)
    {
        var kind = lost.Kind is LossKind.TooLarge or LossKind.Redirected ? ProviderErrorKind.Protocol : ProviderErrorKind.Transient;
        return new(kind, VastCode.None, Refused: false, lost.Reason, Cause: lost.Cause);
    }

    private static VastFailure Refusal(WireReply.Answer answer, Secret key)
    {
        var error = answer.Json?.Text("error");
        var message = answer.Json is { } json ? json.Text("msg") ?? json.Text("message") ?? json.Text("detail") : answer.Body;
        var code = CodeOf(answer, error, message);
        var kind = KindOf(answer.Status, code);

        // 408 is a server's timeout; a 2xx that says no, or a 404, in words that are not the provider's proves nothing.
        var refused = kind != ProviderErrorKind.Protocol
            && (answer.Status is >= 400 and < 500 and not 408 || (answer.IsSuccess && code != VastCode.None));
        var reason = SafeText.Clean($"HTTP {answer.Status} {error} {message}", key);
        return new(kind, code, refused, reason, answer.Json?.Integer("new_contract"));
    }

    // Words decide only inside JSON: a proxy's HTML page may hold any text and proves nothing.
    private static VastCode CodeOf(WireReply.Answer answer, string? error, string? message)
    {
        if (answer.Json is null || answer.Status >= 500)
        {
            return VastCode.None;
        }

        bool Says(string words) => (error?.Contains(words, StringComparison.OrdinalIgnoreCase) ?? false)
            || (message?.Contains(words, StringComparison.OrdinalIgnoreCase) ?? false);

        return Says("insufficient_credit") || Says("insufficient credit") ? VastCode.InsufficientCredit
            : Says("no_such_ask") ? VastCode.NoSuchAsk
            : Says("no_such_instance") ? VastCode.NoSuchInstance
            : Says("spend_rate_limit") ? VastCode.SpendLimit
            : Says("auth_error") || Says("invalid user key") ? VastCode.Auth
            : Says("state change queued") || Says("resources are currently unavailable") ? VastCode.Queued
            : error is "invalid_args" or "invalid_request" or "invalid_price" or "no_ssh_key_for_vm" ? VastCode.InvalidArguments
            : VastCode.None;
    }

    private static ProviderErrorKind KindOf(int status, VastCode code) => code switch
    {
        VastCode.NoSuchAsk or VastCode.NoSuchInstance => ProviderErrorKind.NotFound,
        VastCode.InsufficientCredit or VastCode.SpendLimit => ProviderErrorKind.InsufficientCredit,
        VastCode.Auth => ProviderErrorKind.Credentials,
        VastCode.InvalidArguments => ProviderErrorKind.Invalid,
        VastCode.Queued => ProviderErrorKind.Transient,
        VastCode.None => status switch
        {
            429 => ProviderErrorKind.RateLimited,
            401 or 403 => ProviderErrorKind.Credentials,
            408 or >= 500 => ProviderErrorKind.Transient,
            400 or 409 or 411 or 413 or 422 or 483 => ProviderErrorKind.Invalid,
            _ => ProviderErrorKind.Protocol,
        },
    };
}
