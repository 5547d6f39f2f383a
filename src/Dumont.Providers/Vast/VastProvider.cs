using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Vast;

/// <summary>Vast.ai: GPU containers on hosts of many owners, on demand or by bid. One object per account: the pace of its calls and
/// the keys it has put on the account are remembered here.</summary>
/// <remarks>Create takes up to three calls more than one when keys are new to the account. Vast.ai lets one machine be read every 2 s and
/// the whole list every second, so prefer <see cref="ListAsync"/> to watch several.</remarks>
public sealed class VastProvider : IComputeProvider, IDisposable
{
    /// <summary><see cref="IComputeProvider.Name"/> of this provider.</summary>
    public const string ProviderName = "vast";

    private const int SearchPagesMax = 16;
    private const int ListPageSize = 25; // the server's own limit
    private const int ListPagesMax = 400;

    private readonly VastClient _client;
    private readonly VastKeys _keys;
    private readonly Secret _apiKey;

    /// <summary>Speaks for one account.</summary>
    /// <param name="http">From <see cref="ProviderHttp"/>; not disposed here.</param>
    /// <param name="options">Where and how fast.</param>
    /// <param name="apiKey">The account's key, sent only in the <c>Authorization</c> header.</param>
    /// <param name="time">Clock of all limits and waits.</param>
    /// <param name="random">Jitter of repeated reads; used under a lock.</param>
    public VastProvider(HttpClient http, VastOptions options, Secret apiKey, TimeProvider time, Random random)
    {
        _apiKey = apiKey;
        _client = new VastClient(http, options, apiKey, time, random);
        _keys = new VastKeys(_client);
    }

    /// <inheritdoc />
    public string Name => ProviderName;

    /// <inheritdoc />
    public async Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken)
    {
        if (query.Limit <= 0 || (query.OfferId is { } id && !IsId(id)))
        {
            return [];
        }

        // There is no cursor: the next page is asked from the last price seen. Equal prices are read twice and told apart by id; when a whole
        // page is old, its price is left behind.
        var offers = new Dictionary<string, MachineOffer>(StringComparer.Ordinal);
        decimal? from = null;
        for (var page = 0; page < SearchPagesMax && offers.Count < query.Limit; page++)
        {
            var rows = await SearchPageAsync(query, from, cancellationToken);
            var fresh = 0;
            var last = from ?? 0;
            foreach (var offer in rows.Select(row => VastOffers.Parse(row, query.Interruptible)).OfType<MachineOffer>())
            {
                fresh += offers.TryAdd(offer.Id, offer) ? 1 : 0;
                last = Math.Max(last, offer.UsdPerHour);
            }

            if (rows.Count < VastOffers.PageMax)
            {
                break;
            }

            from = fresh > 0 ? Math.Max(0, last - VastOffers.PriceStep) : last + VastOffers.PriceStep;
        }

        return [.. offers.Values.OrderBy(offer => offer.UsdPerHour).ThenBy(offer => offer.Id, StringComparer.Ordinal).Take(query.Limit)];
    }

    /// <inheritdoc />
    public async Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken)
    {
        if (VastCreate.Refuse(request) is { } why)
        {
            return new CreateResult.Rejected(ProviderErrorKind.Invalid, why);
        }

        // Before renting: a machine that nobody can enter bills like any other.
        if (await _keys.EnsureOnAccountAsync(request.AuthorizedKeys, cancellationToken) is { } failure)
        {
            return new CreateResult.Rejected(failure.Kind, $"The SSH keys could not be put on the account: {failure.Reason}");
        }

        var reply = await _client.ActAsync(
            HttpMethod.Put, $"api/v0/asks/{request.OfferId}/", VastFamily.Create, VastCreate.Body(request), cancellationToken);
        var result = VastCreate.Result(reply);
        if (result is CreateResult.Created created)
        {
            await _keys.AttachAsync(created.ProviderMachineId, request.AuthorizedKeys, cancellationToken);
        }

        return result;
    }

    /// <inheritdoc />
    public async Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken)
    {
        if (!IsId(providerMachineId))
        {
            return new MachineReading.Unknown(ProviderErrorKind.Invalid, "A machine id at Vast.ai is a number.");
        }

        var reply = await _client.ReadAsync(
            HttpMethod.Get, $"api/v0/instances/{providerMachineId}/?owner=me", VastFamily.Show, null, cancellationToken);
        if (reply.Failure is { } failure)
        {
            return failure.Code == VastCode.NoSuchInstance
                ? new MachineReading.Absent(failure.Reason)
                : new MachineReading.Unknown(failure.Kind, failure.Reason);
        }

        // Absent is what the provider says in so many words, {"instances": null}; an answer without the word says nothing.
        if (reply.Json.Has("instances") && reply.Json.At("instances") is null)
        {
            return new MachineReading.Absent("The answer is \"instances\": null.");
        }

        return reply.Json.At("instances") is { } instance && VastMachines.Parse(instance) is { } machine && machine.Id == providerMachineId
            ? new MachineReading.Present(machine)
            : new MachineReading.Unknown(ProviderErrorKind.Protocol, "The answer holds no instance of this id.");
    }

    /// <inheritdoc />
    public async Task<MachineListing> ListAsync(CancellationToken cancellationToken)
    {
        var machines = new Dictionary<string, ProviderMachine>(StringComparer.Ordinal);
        var cursors = new HashSet<string>(StringComparer.Ordinal);
        string? cursor = null;
        for (var page = 0; page < ListPagesMax; page++)
        {
            var reply = await _client.ReadAsync(HttpMethod.Get, ListPath(cursor), VastFamily.List, null, cancellationToken);
            if (reply.Failure is { } failure)
            {
                return new MachineListing.Unknown(failure.Kind, failure.Reason);
            }

            if (reply.Json.At("instances") is not { ValueKind: JsonValueKind.Array } rows)
            {
                return new MachineListing.Unknown(ProviderErrorKind.Protocol, "The answer holds no list of instances.");
            }

            foreach (var row in rows.EnumerateArray())
            {
                if (VastMachines.Parse(row) is not { } machine)
                {
                    return new MachineListing.Unknown(ProviderErrorKind.Protocol, "An instance in the list has no id.");
                }

                // A page may repeat what moved while the pages were read; the later reading is the fresher one.
                machines[machine.Id] = machine;
            }

            cursor = reply.Json.Text("next_token");
            if (cursor is null)
            {
                return LastPage(reply.Json, machines);
            }

            if (!cursors.Add(cursor))
            {
                return new MachineListing.Unknown(ProviderErrorKind.Protocol, "The list's cursor goes in a circle.");
            }
        }

        return new MachineListing.Unknown(ProviderErrorKind.Protocol, $"The list has more than {ListPagesMax} pages.");
    }

    /// <inheritdoc />
    public Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ActAsync(HttpMethod.Put, providerMachineId, VastFamily.State, new JsonObject { ["state"] = "running" }, cancellationToken);

    /// <inheritdoc />
    public Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ActAsync(HttpMethod.Put, providerMachineId, VastFamily.State, new JsonObject { ["state"] = "stopped" }, cancellationToken);

    /// <inheritdoc />
    public Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ActAsync(HttpMethod.Delete, providerMachineId, VastFamily.Destroy, [], cancellationToken);

    /// <inheritdoc />
    public async Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken)
    {
        var reply = await _client.ReadAsync(HttpMethod.Get, "api/v0/users/current/", VastFamily.User, null, cancellationToken);
        ThrowIfFailed(reply, "read the balance");
        return reply.Json.Money("credit") is { } credit
            ? new AccountBalance(credit, reply.Json.Money("balance") ?? 0, reply.Json.Text("email"))
            : throw new ProviderException(ProviderErrorKind.Protocol, ProviderName, "read the balance", "The answer names no credit.");
    }

    /// <inheritdoc />
    public void Dispose() => _keys.Dispose();

    private async Task<IReadOnlyList<JsonElement>> SearchPageAsync(OfferQuery query, decimal? from, CancellationToken cancellationToken)
    {
        var reply = await _client.ReadAsync(
            HttpMethod.Post, "api/v0/bundles/", VastFamily.Search, VastOffers.Body(query, from), cancellationToken);
        ThrowIfFailed(reply, "search offers");
        return reply.Json.At("offers") is { ValueKind: JsonValueKind.Array } offers
            ? [.. offers.EnumerateArray()]
            : throw new ProviderException(ProviderErrorKind.Protocol, ProviderName, "search offers", "The answer holds no list of offers.");
    }

    private async Task<EffectResult> ActAsync(
        HttpMethod method, string machineId, VastFamily family, JsonObject body, CancellationToken cancellationToken)
    {
        if (!IsId(machineId))
        {
            return new EffectResult.Rejected(ProviderErrorKind.Invalid, "A machine id at Vast.ai is a number.");
        }

        var reply = await _client.ActAsync(method, $"api/v0/instances/{machineId}/", family, body, cancellationToken);
        return reply.Failure switch
        {
            null => Accepted(reply.Json),
            { Code: VastCode.NoSuchInstance } => new EffectResult.NotFound(),
            { Code: VastCode.Queued } queued => new EffectResult.Queued(queued.Reason),
            { Refused: true, Kind: not ProviderErrorKind.RateLimited } failure => new EffectResult.Rejected(failure.Kind, failure.Reason),
            var failure => new EffectResult.Unknown(failure.Kind, failure.Reason),
        };
    }

    private static EffectResult Accepted(JsonElement json) => json.Flag("success") is true
        ? new EffectResult.Done()
        : new EffectResult.Unknown(ProviderErrorKind.Protocol, "The answer does not say success.");

    // A missing cursor ends the list as a null one does, unless the counts say that something is missing.
    private static MachineListing LastPage(JsonElement json, Dictionary<string, ProviderMachine> machines) =>
        !json.Has("next_token") && json.Integer("total_instances") > machines.Count
            ? new MachineListing.Unknown(ProviderErrorKind.Protocol, "The list ends before its count.")
            : new MachineListing.Complete([.. machines.Values]);

    // Ordered by id, which never changes, so that a machine made or destroyed between two pages shifts no other one out of sight.
    private static string ListPath(string? cursor)
    {
        var order = Uri.EscapeDataString("""[{"col":"id","dir":"asc"}]""");
        var path = string.Create(CultureInfo.InvariantCulture, $"api/v1/instances/?limit={ListPageSize}&order_by={order}");
        return cursor is null ? path : $"{path}&after_token={Uri.EscapeDataString(cursor)}";
    }

    private static bool IsId(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id > 0;

    private void ThrowIfFailed(VastReply reply, string operation)
    {
        if (reply.Failure is { } failure)
        {
            throw new ProviderException(failure.Kind, ProviderName, operation, SafeText.Clean(failure.Reason, _apiKey), failure.Cause);
        }
    }
}
