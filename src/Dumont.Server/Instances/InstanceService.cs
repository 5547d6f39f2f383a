using System.Data.Common;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Server.Settings;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

/// <summary>Takes the user's wishes: checks what can be checked at once, records the rest as intent, and leaves the doing to the reconcilers.</summary>
internal sealed class InstanceService(
    Database database,
    InstanceStore store,
    AssociationStore associations,
    MachinePlacement placement,
    OfferCatalog catalog,
    CreditCache credit,
    AutoStandby autoStandby,
    GatewayPorts ports,
    EventStore events,
    WorkQueue queue,
    TimeProvider time,
    IOptions<InstancesOptions> options)
{
    /// <summary>Most offers looked at for one creation.</summary>
    private const int Candidates = 20;

    /// <summary>Records a new instance and the intent to rent its first machine.</summary>
    public async Task<CreateInstanceResult> CreateAsync(UserId userId, CreateInstanceRequest request, CancellationToken cancellationToken)
    {
        if (await placement.FindAccountAsync(userId, MachinePlacement.GpuProvider, cancellationToken) is not { } account)
        {
            return new CreateInstanceResult.NotConfigured();
        }

        try
        {
            var offers = await FindOffersAsync(userId, request, cancellationToken);
            if (offers.Count == 0)
            {
                return request.OfferId is null ? new CreateInstanceResult.NoMatch() : new CreateInstanceResult.UnknownOffer();
            }

            if (await credit.FindAsync(account, cancellationToken) is { } balance && balance.CreditUsd < offers[0].UsdPerHour)
            {
                return new CreateInstanceResult.InsufficientCredit(balance.CreditUsd, offers[0].UsdPerHour);
            }

            return await RecordAsync(userId, request, account, offers, cancellationToken);
        }
        catch (ProviderException exception)
        {
            return exception.Kind == ProviderErrorKind.Credentials ? new CreateInstanceResult.NotConfigured() : new CreateInstanceResult.Unavailable();
        }
    }

    /// <summary>Deletes an instance; its standby too, unless it is to be kept or the GPU was lost.</summary>
    /// <returns>False when the user has no such instance.</returns>
    public async Task<bool> DeleteAsync(UserId userId, InstanceId id, DeleteReason reason, bool destroyStandby, CancellationToken cancellationToken)
    {
        var deleted = await database.WriteAsync(
            async transaction =>
            {
                if (!await store.DeleteAsync(transaction, userId, id, reason))
                {
                    return false;
                }

                if (destroyStandby && reason == DeleteReason.UserRequest)
                {
                    await associations.ReleaseAsync(transaction, id);
                }

                await events.AppendAsync(transaction, userId, id, "instance.delete_requested", $"Deletion asked for, reason {reason}.");
                return true;
            },
            cancellationToken);
        queue.Pulse();
        return deleted;
    }

    /// <summary>Says that an instance should run or pause.</summary>
    /// <returns>False when the user has no such instance.</returns>
    public async Task<bool> SetDesiredAsync(UserId userId, InstanceId id, InstanceDesired desired, CancellationToken cancellationToken)
    {
        var found = await store.SetDesiredAsync(userId, id, desired, cancellationToken);
        queue.Pulse();
        return found;
    }

    /// <summary>The offers to try, best first: the one asked for and then its equivalents, or what the wizard's filters match.</summary>
    private async Task<IReadOnlyList<MachineOffer>> FindOffersAsync(UserId userId, CreateInstanceRequest request, CancellationToken cancellationToken)
    {
        if (request.OfferId is not { } offerId)
        {
            return await catalog.ChooseAsync(
                userId,
                new OfferWish(request.GpuName, request.NumGpus ?? 1, request.MaxPrice, request.Region, DiskOf(request), request.BidPrice is not null),
                Candidates,
                cancellationToken);
        }

        if (await catalog.FindAsync(userId, $"{offerId}", cancellationToken) is not { } wanted)
        {
            return [];
        }

        var equivalents = await catalog.FindEquivalentsAsync(
            userId, wanted, new HashSet<long>(), new HashSet<string> { wanted.Id }, options.Value.SubstitutePriceFactor, cancellationToken);
        return [wanted, .. equivalents];
    }

    private async Task<CreateInstanceResult> RecordAsync(
        UserId userId, CreateInstanceRequest request, ProviderAccount account, IReadOnlyList<MachineOffer> offers, CancellationToken cancellationToken)
    {
        if ((await store.ListOfUserAsync(userId, cancellationToken)).Count >= options.Value.QuotaPerUser)
        {
            return new CreateInstanceResult.QuotaReached(options.Value.QuotaPerUser);
        }

        var spec = SpecOf(request);
        var standby = request.SkipStandby == true ? null : await autoStandby.FindAsync(userId, cancellationToken);
        var id = await database.WriteAsync(
            async transaction => await InsertAsync(transaction, userId, request, spec, standby, account, offers), cancellationToken);
        queue.Pulse();
        return id is { } created && await store.FindAsync(created, cancellationToken) is { } instance
            ? new CreateInstanceResult.Accepted(instance)
            : new CreateInstanceResult.OfferGone();
    }

    private async Task<InstanceId?> InsertAsync(
        DbTransaction transaction,
        UserId userId,
        CreateInstanceRequest request,
        MachineSpec spec,
        StandbyWish? standby,
        ProviderAccount account,
        IReadOnlyList<MachineOffer> offers)
    {
        var now = time.GetUtcNow();
        var port = ports.Choose(await InstanceStore.GatewayPortsAsync(transaction));
        var id = await store.InsertAsync(
            transaction,
            userId,
            (request.Label ?? request.Name)?.Trim(),
            port,
            new InstanceDocument
            {
                WantedOffer = offers[0],
                Spec = spec,
                SkipStandby = standby is null,
                CreateBefore = now + options.Value.CreationTimeout,
                StatusSince = now,
            });
        if (await placement.PlaceGpuAsync(transaction, id, userId, spec, account, offers) is not { } placed)
        {
            await InstanceStore.RemoveAsync(transaction, id);
            return null;
        }

        if (standby is not null)
        {
            await associations.EnsureAsync(transaction, id, userId, standby.Zone);
        }

        await events.AppendAsync(
            transaction,
            userId,
            id,
            "instance.created",
            FormattableString.Invariant($"Rents offer {placed.Offer.Id}: {placed.Offer.GpuCount} x {placed.Offer.GpuName} at ${placed.Offer.UsdPerHour:0.####}/h."));
        return id;
    }

    private MachineSpec SpecOf(CreateInstanceRequest request) =>
        new(
            request.Image ?? options.Value.DefaultImage,
            DiskOf(request),
            request.OnstartCmd,
            request.Env ?? new Dictionary<string, string>(),
            request.Ports ?? [],
            request.BidPrice);

    private static double DiskOf(CreateInstanceRequest request) => request.DiskSize ?? request.DiskSpace ?? InstanceRules.DefaultDiskGb;
}
