namespace Dumont.Providers;

/// <summary>What a provider failure means to us; it alone decides whether to retry.</summary>
public enum ProviderErrorKind
{
    /// <summary>The offer or machine does not exist (any more). Never retried.</summary>
    NotFound,

    /// <summary>The provider refuses this request as it is. Never retried.</summary>
    Invalid,

    /// <summary>Not enough credit. Never retried by itself; the user must act.</summary>
    InsufficientCredit,

    /// <summary>Too many requests. Retried after the provider's delay.</summary>
    RateLimited,

    /// <summary>The key is missing, wrong or not allowed. Never retried; an operator must act.</summary>
    Credentials,

    /// <summary>The provider failed or could not be reached. Retried with backoff.</summary>
    Transient,

    /// <summary>The provider answered something we do not understand. Never retried; a defect in our client.</summary>
    Protocol,
}

/// <summary>A provider call failed. The provider's own text is in <see cref="Exception.InnerException"/> or <see cref="Detail"/>, for the log only.</summary>
public sealed class ProviderException(ProviderErrorKind kind, string provider, string operation, string? detail = null, Exception? cause = null)
    : Exception($"{provider} could not {operation}: {kind}.", cause)
{
    /// <summary>What the failure means to us.</summary>
    public ProviderErrorKind Kind { get; } = kind;

    /// <summary>What the provider said, if it said something.</summary>
    public string? Detail { get; } = detail;
}
