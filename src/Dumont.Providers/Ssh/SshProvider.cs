using System.Globalization;
using System.Text.RegularExpressions;

namespace Dumont.Providers.Ssh;

/// <summary>One own machine as a provider.</summary>
/// <param name="OwnMachineId">Which; part of the ids of what is rented on it.</param>
/// <param name="Location">As its owner wrote it; null when not told.</param>
/// <param name="Reliability">Share of checks in which it answered, 0 to 1.</param>
public sealed record SshOptions(long OwnMachineId, string? Location = null, double Reliability = 1);

/// <summary>A computer that somebody owns, reached by SSH: one provider for each, because one that is silent says nothing about another. It costs
/// nothing, has one offer while nobody has claimed it, and one machine, the claim, which lies on it (ADR-0005).</summary>
public sealed partial class SshProvider(OwnMachineLink link, OwnMachineAddress address, SshOptions options) : IComputeProvider
{
    /// <summary>Its word.</summary>
    public const string ProviderName = "ssh";

    /// <inheritdoc />
    public string Name => ProviderName;

    /// <inheritdoc />
    public async Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken)
    {
        if (query.OfferId is { } wanted && wanted != SshOffers.OfferIdOf(options.OwnMachineId))
        {
            return [];
        }

        var reply = await link.ProbeAsync(cancellationToken);
        if (reply.Trouble is { } trouble)
        {
            throw new ProviderException(KindOf(trouble), ProviderName, "search offers", reply.Detail);
        }

        var capacity = OwnMachineCapacity.Of(reply)
            ?? throw new ProviderException(ProviderErrorKind.Protocol, ProviderName, "search offers", "The probe lacks figures.");
        var offer = SshOffers.Of(options.OwnMachineId, capacity, options.Location, options.Reliability);
        return reply.Claim is null && SshOffers.Matches(offer, query) ? [offer] : [];
    }

    /// <inheritdoc />
    public async Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken)
    {
        if (request.OfferId != SshOffers.OfferIdOf(options.OwnMachineId))
        {
            return new CreateResult.OfferGone();
        }

        var reply = await link.CreateAsync(request, cancellationToken);
        return reply switch
        {
            { Trouble: null, Claim: { } claim } => new CreateResult.Created(IdOf(claim.Id)),
            { Verdict: "taken" } => new CreateResult.OfferGone(),
            { Trouble: OwnMachineTrouble.Unclear or null } => new CreateResult.Unknown(reply.Detail),
            { Trouble: { } trouble } => new CreateResult.Rejected(KindOf(trouble), reply.Detail),
        };
    }

    /// <inheritdoc />
    public async Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken)
    {
        if (ClaimOf(providerMachineId) is not { } claim)
        {
            return new MachineReading.Unknown(ProviderErrorKind.Invalid, "This is no id of this own machine.");
        }

        var reply = await link.LookAsync(cancellationToken);
        return reply switch
        {
            { Trouble: { } trouble } => new MachineReading.Unknown(KindOf(trouble), reply.Detail),
            { Claim: { } present } when present.Id == claim => new MachineReading.Present(MachineOf(present)),
            _ => new MachineReading.Absent("The machine itself says that it has no such claim."),
        };
    }

    /// <inheritdoc />
    public async Task<MachineListing> ListAsync(CancellationToken cancellationToken)
    {
        var reply = await link.LookAsync(cancellationToken);
        return reply.Trouble is { } trouble
            ? new MachineListing.Unknown(KindOf(trouble), reply.Detail)
            : new MachineListing.Complete(reply.Claim is { } claim ? [MachineOf(claim)] : []);
    }

    /// <inheritdoc />
    public Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ChangeAsync("start", providerMachineId, cancellationToken);

    /// <inheritdoc />
    public Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ChangeAsync("stop", providerMachineId, cancellationToken);

    /// <inheritdoc />
    public Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ChangeAsync("destroy", providerMachineId, cancellationToken);

    /// <inheritdoc />
    public Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken) => Task.FromResult<AccountBalance?>(null);

    /// <summary>What a computer's trouble means to those who retry.</summary>
    public static ProviderErrorKind KindOf(OwnMachineTrouble trouble) => trouble switch
    {
        OwnMachineTrouble.Unreachable or OwnMachineTrouble.Unclear => ProviderErrorKind.Transient,
        OwnMachineTrouble.HostKeyChanged or OwnMachineTrouble.AuthRefused or OwnMachineTrouble.NotRoot => ProviderErrorKind.Credentials,
        OwnMachineTrouble.Unsuitable or OwnMachineTrouble.Refused => ProviderErrorKind.Invalid,
    };

    private async Task<EffectResult> ChangeAsync(string verb, string providerMachineId, CancellationToken cancellationToken)
    {
        if (ClaimOf(providerMachineId) is not { } claim)
        {
            return new EffectResult.Rejected(ProviderErrorKind.Invalid, "This is no id of this own machine.");
        }

        var reply = await link.ChangeAsync(verb, claim, cancellationToken);
        return reply switch
        {
            { Trouble: null, Verdict: "absent" } => new EffectResult.NotFound(),
            { Trouble: null } => new EffectResult.Done(),
            { Trouble: OwnMachineTrouble.Unreachable or OwnMachineTrouble.Unclear } => new EffectResult.Unknown(ProviderErrorKind.Transient, reply.Detail),
            { Trouble: { } trouble } => new EffectResult.Rejected(KindOf(trouble), reply.Detail),
        };
    }

    private ProviderMachine MachineOf(OwnMachineClaim claim) => new()
    {
        Id = IdOf(claim.Id),
        Tag = claim.Tag,
        State = claim.State,
        StatusMessage = claim.State == ProviderMachineState.Interrupted ? "The machine was started anew; the instance's space was not." : null,
        SshHost = address.Host,
        SshPort = address.InstancePort,
        BootHostKey = claim.BootHostKey,
        PublicIp = System.Net.IPAddress.TryParse(address.Host, out _) ? address.Host : null,
        HostMachineId = options.OwnMachineId,
        UsdPerHour = 0,
        Geolocation = options.Location,
        CreatedAt = claim.Since,
    };

    private string IdOf(string claim) => string.Create(CultureInfo.InvariantCulture, $"{options.OwnMachineId}/{claim}");

    private string? ClaimOf(string id) =>
        IdPattern().Match(id) is { Success: true } match && match.Groups[1].Value == options.OwnMachineId.ToString(CultureInfo.InvariantCulture)
            ? match.Groups[2].Value
            : null;

    [GeneratedRegex(@"\A([1-9][0-9]{0,14})/([0-9a-f]{16})\z")]
    private static partial Regex IdPattern();
}
