using System.Data.Common;
using Dumont.Contracts;
using Dumont.Market.Regions;
using Dumont.Providers;
using Dumont.Providers.Ssh;
using Dumont.Server.Hosts;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Server.Platform.Web;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

/// <summary>Takes the user's wishes: checks what can be checked at once, records the rest as intent, and leaves the doing to the reconcilers.</summary>
internal sealed class InstanceService(
    Database database,
    InstanceStore store,
    AssociationStore associations,
    MachinePlacement placement,
    MachineStore machines,
    OfferCatalog catalog,
    HostHistory hosts,
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

    /// <summary>Hosts less reliable than this are not chosen for a user who named none.</summary>
    private const double WizardReliability = 0.95;

    /// <summary>Records a new instance and the intent to rent its first machine; and, in the same transaction, that the request of
    /// <paramref name="idempotent"/> has been done; <paramref name="also"/> records in it what the instance is for.</summary>
    public async Task<CreateInstanceResult> CreateAsync(
        UserId userId,
        CreateInstanceRequest request,
        IdempotentRequest? idempotent,
        Func<DbTransaction, InstanceId, Task>? also,
        CancellationToken cancellationToken)
    {
        try
        {
            if (await FindOffersAsync(userId, request, cancellationToken) is not { } offers)
            {
                return new CreateInstanceResult.NotConfigured();
            }

            if (offers.Count == 0)
            {
                return request.OfferId is null ? new CreateInstanceResult.NoMatch() : new CreateInstanceResult.UnknownOffer();
            }

            var (account, first) = offers[0];
            if (await credit.FindAsync(account, cancellationToken) is { } balance && balance.CreditUsd < first.UsdPerHour)
            {
                return new CreateInstanceResult.InsufficientCredit(balance.CreditUsd, first.UsdPerHour);
            }

            return await RecordAsync(userId, request, offers, idempotent, also, cancellationToken);
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

                await events.AppendAsync(transaction, userId, id, InstanceEvents.DeleteRequested(reason));
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

    /// <summary>Has the machine of an instance that failed stopped and started once more.</summary>
    /// <returns>False when there is no such machine any more.</returns>
    public async Task<bool> RetryAsync(Instance instance, CancellationToken cancellationToken)
    {
        if (instance.WriterMachineId is not { } writer || await machines.FindAsync(writer, cancellationToken) is not { } machine)
        {
            return false;
        }

        // A machine that has recovered by itself is looked at anew; one that has failed is stopped first.
        if (machine is { CanBeRetried: false } and ({ IsSpent: true } or { IsFinal: true }))
        {
            return false;
        }

        await database.WriteAsync(
            async transaction =>
            {
                await store.SetDesiredAsync(transaction, instance.UserId, instance.Id, InstanceDesired.Running);
                if (machine.CanBeRetried)
                {
                    await machines.SetDesiredAsync(transaction, writer, MachineDesired.Stopped);
                }

                await events.AppendAsync(transaction, instance.UserId, instance.Id, InstanceEvents.Retry());
            },
            cancellationToken);
        queue.Pulse();
        return true;
    }

    /// <summary>The offer asked for, or what the wizard's filters match, best first. Null when there is nobody to rent from.</summary>
    private async Task<IReadOnlyList<FoundOffer>?> FindOffersAsync(UserId userId, CreateInstanceRequest request, CancellationToken cancellationToken)
    {
        var interruptible = request.BidPrice is not null;
        if (request.OfferId is { } offerId)
        {
            var provider = SshOffers.OwnMachineOf($"{offerId}") is null ? MachinePlacement.GpuProvider : SshProvider.ProviderName;
            if (provider == MachinePlacement.GpuProvider && await placement.FindAccountAsync(userId, provider, cancellationToken) is null)
            {
                return null;
            }

            return await catalog.FindAsync(userId, provider, $"{offerId}", DiskOf(request), interruptible, cancellationToken) is { } wanted ? [wanted] : [];
        }

        var defaults = new OfferSearch();
        var search = new OfferSearch
        {
            GpuName = request.GpuName,
            GpuCount = request.NumGpus ?? defaults.GpuCount,
            MaxUsdPerHour = request.MaxPrice ?? defaults.MaxUsdPerHour,
            Region = RegionMap.TryParseGroup(request.Region, out var group) ? group : null,
            DiskGb = DiskOf(request),
            MinReliability = WizardReliability,
            VerifiedOnly = true,
            Interruptible = interruptible,
        };
        if (await catalog.SearchAsync(userId, search, cancellationToken) is not { } matches)
        {
            return null;
        }

        var hidden = await hosts.BlacklistedAsync(userId, cancellationToken);
        return [.. matches.Where(each => each.Offer.HostMachineId is not { } host || !hidden.ContainsKey(new HostKey(each.Offer.Provider, host))).Take(Candidates)];
    }

    /// <summary>When the offer asked for is already being rented by another of our instances, its equivalents.</summary>
    private Task<IReadOnlyList<FoundOffer>> FindEquivalentsAsync(
        UserId userId, CreateInstanceRequest request, MachineOffer wanted, CancellationToken cancellationToken) =>
        catalog.FindEquivalentsAsync(
            userId,
            wanted,
            DiskOf(request),
            new HashSet<long>(),
            new HashSet<string>(),
            (decimal)options.Value.SubstitutePriceFactor,
            cancellationToken);

    private async Task<CreateInstanceResult> RecordAsync(
        UserId userId,
        CreateInstanceRequest request,
        IReadOnlyList<FoundOffer> offers,
        IdempotentRequest? idempotent,
        Func<DbTransaction, InstanceId, Task>? also,
        CancellationToken cancellationToken)
    {
        var spec = SpecOf(request);
        var standby = request.SkipStandby == true ? null : await autoStandby.FindAsync(userId, cancellationToken);
        var isFull = false;
        var id = await InsertAsync(offers);
        if (isFull)
        {
            return new CreateInstanceResult.QuotaReached(options.Value.QuotaPerUser);
        }

        if (id is null && request.OfferId is not null && await FindEquivalentsAsync(userId, request, offers[0].Offer, cancellationToken) is { Count: > 0 } equivalents)
        {
            id = await InsertAsync(equivalents);
        }

        queue.Pulse();
        return id is { } created && await store.FindAsync(created, cancellationToken) is { } instance
            ? new CreateInstanceResult.Accepted(instance)
            : new CreateInstanceResult.OfferGone();

        Task<InstanceId?> InsertAsync(IReadOnlyList<FoundOffer> candidates) =>
            database.WriteAsync(
                async transaction =>
                {
                    if (await InstanceStore.CountForCreationAsync(transaction, userId) >= options.Value.QuotaPerUser)
                    {
                        isFull = true;
                        return null;
                    }

                    var inserted = await this.InsertAsync(transaction, userId, request, spec, standby, candidates, offers[0].Offer);
                    if (inserted is { } created && idempotent is not null)
                    {
                        await idempotent.RecordAsync(transaction, AnswerOf(created));
                    }

                    if (inserted is { } placed && also is not null)
                    {
                        await also(transaction, placed);
                    }

                    return inserted;
                },
                cancellationToken);
    }

    private async Task<InstanceId?> InsertAsync(
        DbTransaction transaction,
        UserId userId,
        CreateInstanceRequest request,
        MachineSpec spec,
        StandbyWish? standby,
        IReadOnlyList<FoundOffer> offers,
        MachineOffer wanted)
    {
        var now = time.GetUtcNow();
        var port = ports.Choose(await InstanceStore.GatewayPortsAsync(transaction), await InstanceStore.LastGatewayPortAsync(transaction));
        var id = await store.InsertAsync(
            transaction,
            userId,
            (request.Label ?? request.Name)?.Trim(),
            port,
            new InstanceDocument
            {
                WantedOffer = wanted,
                Spec = spec,
                SkipStandby = standby is null,
                CreateBefore = now + options.Value.CreationTimeout,
                StatusSince = now,
            });
        if (await placement.PlaceGpuAsync(transaction, id, userId, spec, offers) is not { } placed)
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
            InstanceEvents.Created(placed.Offer.Id, placed.Offer.GpuCount, placed.Offer.GpuName, placed.Offer.UsdPerHour));
        return id;
    }

    /// <summary>What a repetition is answered when the server died before it gave the full answer.</summary>
    private static IdempotentAnswer AnswerOf(InstanceId id) =>
        new(
            StatusCodes.Status201Created,
            "application/json; charset=utf-8",
            $"{ApiRoutes.Bases[0]}/instances/{id}",
            $$"""{"id":{{id}},"instance_id":{{id}},"status":"creating","actual_status":"creating"}""");

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
