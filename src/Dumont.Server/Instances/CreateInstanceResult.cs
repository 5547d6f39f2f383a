namespace Dumont.Server.Instances;

/// <summary>How a request for an instance ended.</summary>
internal abstract record CreateInstanceResult
{
    private CreateInstanceResult()
    {
    }

    /// <summary>Recorded; it is being created.</summary>
    public sealed record Accepted(Instance Instance) : CreateInstanceResult;

    /// <summary>No such offer is known.</summary>
    public sealed record UnknownOffer : CreateInstanceResult;

    /// <summary>The offer is being rented and nothing equivalent is on the market.</summary>
    public sealed record OfferGone : CreateInstanceResult;

    /// <summary>Nothing matches the filters.</summary>
    public sealed record NoMatch : CreateInstanceResult;

    /// <summary>The account cannot pay an hour of it.</summary>
    public sealed record InsufficientCredit(decimal CreditUsd, decimal UsdPerHour) : CreateInstanceResult;

    /// <summary>There are no credentials.</summary>
    public sealed record NotConfigured : CreateInstanceResult;

    /// <summary>The provider does not answer.</summary>
    public sealed record Unavailable : CreateInstanceResult;

    /// <summary>The user has as many instances as allowed.</summary>
    public sealed record QuotaReached(int Quota) : CreateInstanceResult;
}
