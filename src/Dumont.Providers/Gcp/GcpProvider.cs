using System.Text.Json;
using System.Text.RegularExpressions;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Gcp;

/// <summary>Google Compute Engine: small CPU machines, Spot unless told otherwise, one offer per zone. Made for standbys.</summary>
/// <remarks>The default network lets SSH in and nothing else; ports are not translated, so <see cref="ProviderMachine.Ports"/> is empty.</remarks>
public sealed partial class GcpProvider : IComputeProvider, IDisposable
{
    /// <summary><see cref="IComputeProvider.Name"/> of this provider.</summary>
    public const string ProviderName = "gcp";

    private const int PagesMax = 100;
    private const int OperationPagesMax = 5;

    private static readonly TimeSpan PollFirst = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan PollMost = TimeSpan.FromSeconds(3);

    private readonly GcpOptions _options;
    private readonly GcpServiceAccount _account;
    private readonly GcpClient _client;
    private readonly string _projectId;
    private readonly TimeProvider _time;
    private readonly Secret _noSecret = new("-");

    /// <summary>Speaks for one service account in one project.</summary>
    /// <param name="http">From <see cref="ProviderHttp"/>; not disposed here.</param>
    /// <param name="options">Where, and what.</param>
    /// <param name="serviceAccountJson">The key file's text.</param>
    /// <param name="time">Clock of all limits and waits.</param>
    /// <param name="random">Jitter of repeated reads; used under a lock.</param>
    /// <exception cref="FormatException">The key file is none, or sends its signature to a stranger. Says what is wrong, not what it holds.</exception>
    /// <exception cref="ArgumentException">No project, or a machine type without a price.</exception>
    public GcpProvider(HttpClient http, GcpOptions options, Secret serviceAccountJson, TimeProvider time, Random random)
    {
        if (GcpPrices.FindShape(options.MachineType) is null)
        {
            var known = string.Join(", ", GcpPrices.MachineTypes);
            throw new ArgumentException($"No price is known for {options.MachineType}; known: {known}.", nameof(options));
        }

        _account = GcpServiceAccount.Parse(serviceAccountJson);
        _projectId = options.ProjectId ?? _account.ProjectId
            ?? throw new ArgumentException("Neither the options nor the key file name a project.", nameof(options));
        if (!ProjectPattern().IsMatch(_projectId))
        {
            throw new ArgumentException($"'{_projectId}' is not a project id.", nameof(options));
        }

        _options = options;
        _time = time;
        _client = new GcpClient(http, options, _account, _projectId, time, random);
    }

    /// <inheritdoc />
    public string Name => ProviderName;

    /// <inheritdoc />
    /// <remarks><see cref="GcpOptions.Spot"/> decides whether the offers are interruptible; a query for interruptible ones finds none where it is off.</remarks>
    public async Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken)
    {
        var zones = new List<string>();
        var failure = await EachPageAsync("zones?maxResults=500", PagesMax, page => Collect(page, zones), cancellationToken);
        return failure is null
            ? GcpOffers.Of(zones, query, _options)
            : throw new ProviderException(failure.Kind, ProviderName, "search offers", failure.Reason, failure.Cause);

        static GcpFailure? Collect(JsonElement page, List<string> zones)
        {
            zones.AddRange(page.Items("items").Where(zone => zone.Text("status") is "UP" or null).Select(zone => zone.Text("name")).OfType<string>()
                .Where(GcpNames.IsZone));
            return null;
        }
    }

    /// <inheritdoc />
    public async Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken)
    {
        if (!GcpOfferId.TryParse(request.OfferId, out var offer))
        {
            return new CreateResult.Rejected(ProviderErrorKind.Invalid, "An offer id at Google Cloud is zone/machine-type/spot.");
        }

        if (!GcpNames.TryName(request.Tag, out var name))
        {
            return new CreateResult.Rejected(
                ProviderErrorKind.Invalid, "The owner tag does not fit into a machine's name: dumont/server/instance/ordinal, a-z and 0-9.");
        }

        if (GcpBoot.Refuse(request, _options.SshPort) is { } why)
        {
            return new CreateResult.Rejected(ProviderErrorKind.Invalid, why);
        }

        var id = new GcpMachineId(offer.Zone, name);
        var path = $"zones/{offer.Zone}/instances?requestId={GcpNames.RequestId(request.Tag, request.OfferId)}";
        var body = GcpMachines.Body(request, name, offer, _projectId, _options);
        var reply = await _client.ActAsync(HttpMethod.Post, path, body, cancellationToken);
        var failure = reply.Failure ?? await WaitAsync(reply.Json, offer.Zone, cancellationToken);
        return failure switch
        {
            null => new CreateResult.Created(id.ToString()),
            { Code: "alreadyExists" or "RESOURCE_ALREADY_EXISTS" } => await AdoptAsync(id, request.Tag, cancellationToken),
            { Refused: false } => new CreateResult.Unknown(failure.Reason),
            { Refused: true } when IsOffersFault(failure, offer) => new CreateResult.OfferGone(),
            { Kind: ProviderErrorKind.InsufficientCredit } => new CreateResult.InsufficientCredit(),
            _ => new CreateResult.Rejected(failure.Kind, failure.Reason),
        };
    }

    /// <inheritdoc />
    public async Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken)
    {
        if (!GcpMachineId.TryParse(providerMachineId, out var id))
        {
            return new MachineReading.Unknown(ProviderErrorKind.Invalid, "A machine id at Google Cloud is zone/name.");
        }

        var reply = await _client.ReadAsync(id.Path, cancellationToken);
        if (reply.Failure is { } failure)
        {
            return GcpErrors.ProvesAbsence(failure, id)
                ? new MachineReading.Absent(failure.Reason)
                : new MachineReading.Unknown(failure.Kind, failure.Reason);
        }

        if (GcpMachines.Parse(reply.Json, _options.SshPort) is not { } machine || machine.Id != providerMachineId)
        {
            return new MachineReading.Unknown(ProviderErrorKind.Protocol, "The answer holds no instance of this name.");
        }

        var preempted = machine is { State: ProviderMachineState.Stopped, Interruptible: true }
            && await WasPreemptedAsync(reply.Json, id, cancellationToken);
        return new MachineReading.Present(preempted ? machine with { State = ProviderMachineState.Interrupted } : machine);
    }

    /// <inheritdoc />
    /// <remarks>Tells no preemption from a stop: that takes a call per machine, which <see cref="GetAsync"/> makes.</remarks>
    public async Task<MachineListing> ListAsync(CancellationToken cancellationToken)
    {
        var machines = new Dictionary<string, ProviderMachine>(StringComparer.Ordinal);
        var failure = await EachPageAsync(
            "aggregated/instances?includeAllScopes=true&maxResults=500&returnPartialSuccess=false", PagesMax, Collect, cancellationToken);
        return failure is null ? new MachineListing.Complete([.. machines.Values]) : new MachineListing.Unknown(failure.Kind, failure.Reason);

        GcpFailure? Collect(JsonElement page)
        {
            if (page.At("items") is not { ValueKind: JsonValueKind.Object } scopes)
            {
                return page.Has("items") || page.At("warning") is { } whole && whole.Text("code") is not "NO_RESULTS_ON_PAGE"
                    ? Incomplete("The list of scopes is missing.")
                    : null;
            }

            foreach (var scope in scopes.EnumerateObject())
            {
                // An empty zone carries a warning that says just that; any other one means that the zone could not be read.
                if (scope.Value.At("warning") is { } warning && warning.Text("code") is not "NO_RESULTS_ON_PAGE")
                {
                    return Incomplete($"{scope.Name}: {warning.Text("code")}");
                }

                foreach (var instance in scope.Value.Items("instances"))
                {
                    if (GcpMachines.Parse(instance, _options.SshPort) is not { } machine)
                    {
                        return Incomplete($"{scope.Name} lists an instance without zone or name.", ProviderErrorKind.Protocol);
                    }

                    machines[machine.Id] = machine;
                }
            }

            return null;
        }

        GcpFailure Incomplete(string what, ProviderErrorKind kind = ProviderErrorKind.Transient) =>
            new(kind, "", Refused: false, SafeText.Clean(what, _noSecret));
    }

    /// <inheritdoc />
    public Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ActAsync(HttpMethod.Post, providerMachineId, "/start", cancellationToken);

    /// <inheritdoc />
    public Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ActAsync(HttpMethod.Post, providerMachineId, "/stop", cancellationToken);

    /// <inheritdoc />
    public Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken) =>
        ActAsync(HttpMethod.Delete, providerMachineId, "", cancellationToken);

    /// <inheritdoc />
    public Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken) => Task.FromResult<AccountBalance?>(null);

    /// <inheritdoc />
    public void Dispose()
    {
        _client.Dispose();
        _account.Dispose();
    }

    private async Task<EffectResult> ActAsync(HttpMethod method, string machineId, string verb, CancellationToken cancellationToken)
    {
        if (!GcpMachineId.TryParse(machineId, out var id))
        {
            return new EffectResult.Rejected(ProviderErrorKind.Invalid, "A machine id at Google Cloud is zone/name.");
        }

        var reply = await _client.ActAsync(method, id.Path + verb, null, cancellationToken);
        var failure = reply.Failure ?? (IsDone(reply.Json) ? GcpErrors.OfOperation(reply.Json, _noSecret) : null);
        return failure switch
        {
            null => IsOperation(reply.Json)
                ? new EffectResult.Done()
                : new EffectResult.Unknown(ProviderErrorKind.Protocol, "The answer is no operation."),
            _ when GcpErrors.ProvesAbsence(failure, id) => new EffectResult.NotFound(),
            { Refused: true, Kind: ProviderErrorKind.Invalid or ProviderErrorKind.Credentials or ProviderErrorKind.InsufficientCredit } =>
                new EffectResult.Rejected(failure.Kind, failure.Reason),
            _ => new EffectResult.Unknown(failure.Kind, failure.Reason),
        };
    }

    // The name was taken. By our own earlier request, whose answer was lost, or by a stranger: the tag tells.
    private async Task<CreateResult> AdoptAsync(GcpMachineId id, string tag, CancellationToken cancellationToken) =>
        await GetAsync(id.ToString(), cancellationToken) switch
        {
            MachineReading.Present { Machine: var machine } when machine.Tag == tag => new CreateResult.Created(machine.Id),
            MachineReading.Present => new CreateResult.Rejected(ProviderErrorKind.Invalid, $"A machine of another owner is named {id.Name}."),
            _ => new CreateResult.Unknown("The name is taken, and its machine could not be read."),
        };

    // Null when the operation ended well. Failed polls are no answer; only the limit ends the wait.
    private async Task<GcpFailure?> WaitAsync(JsonElement operation, string zone, CancellationToken cancellationToken)
    {
        if (!IsOperation(operation) || operation.Text("name") is not { } name || !GcpNames.IsName(name))
        {
            return new GcpFailure(ProviderErrorKind.Protocol, "", Refused: false, "The answer is no operation.");
        }

        var end = _time.GetUtcNow() + _options.OperationTimeout;
        for (var pause = PollFirst; !IsDone(operation); pause = pause * 1.5 < PollMost ? pause * 1.5 : PollMost)
        {
            if (_time.GetUtcNow() + pause > end)
            {
                var waited = $"Operation {name} did not end in {_options.OperationTimeout.TotalSeconds:0} s.";
                return new GcpFailure(ProviderErrorKind.Transient, "", Refused: false, waited);
            }

            await Task.Delay(pause, _time, cancellationToken);
            var poll = await _client.ReadAsync($"zones/{zone}/operations/{name}", cancellationToken);
            operation = poll.Failure is null ? poll.Json : operation;
        }

        return GcpErrors.OfOperation(operation, _noSecret);
    }

    // Unknown counts as "stopped": the caller knows whether it asked for that.
    private async Task<bool> WasPreemptedAsync(JsonElement instance, GcpMachineId id, CancellationToken cancellationToken)
    {
        var preempted = false;
        var filter = Uri.EscapeDataString("operationType=compute.instances.preempted");
        await EachPageAsync(
            $"zones/{id.Zone}/operations?filter={filter}&maxResults=500",
            OperationPagesMax,
            page =>
            {
                preempted |= GcpMachines.WasPreempted(instance, id, page.Items("items"));
                return null;
            },
            cancellationToken);
        return preempted;
    }

    // Reads a list to its end; the first failure, or more pages than there can be, ends it.
    private async Task<GcpFailure?> EachPageAsync(string path, int pagesMax, Func<JsonElement, GcpFailure?> read, CancellationToken cancellationToken)
    {
        string? cursor = null;
        for (var page = 0; page < pagesMax; page++)
        {
            var reply = await _client.ReadAsync(cursor is null ? path : $"{path}&pageToken={Uri.EscapeDataString(cursor)}", cancellationToken);
            if ((reply.Failure ?? NoList(reply.Json) ?? read(reply.Json)) is { } failure)
            {
                return failure;
            }

            cursor = reply.Json.Text("nextPageToken");
            if (cursor is null)
            {
                return null;
            }
        }

        return new GcpFailure(ProviderErrorKind.Protocol, "", Refused: false, $"The list has more than {pagesMax} pages.");
    }

    // An empty list omits its items; that it is a list, it still says. Without this any {} would pass for "no machines".
    private static GcpFailure? NoList(JsonElement page) =>
        page.At("items") is { ValueKind: JsonValueKind.Array or JsonValueKind.Object } || (!page.Has("items") && page.Text("kind") is not null)
            ? null
            : new GcpFailure(ProviderErrorKind.Protocol, "", Refused: false, "The answer is no list.");

    // Nothing left in the zone, or no such zone or type. A missing project, network or image is a fault of the settings, the same for each offer.
    private static bool IsOffersFault(GcpFailure failure, GcpOfferId offer) =>
        failure.Code.StartsWith("ZONE_RESOURCE_POOL_EXHAUSTED", StringComparison.Ordinal)
        || failure.Reason.Contains("Unknown zone", StringComparison.OrdinalIgnoreCase)
        || (failure.Kind == ProviderErrorKind.NotFound && failure.Reason.Contains($"zones/{offer.Zone}", StringComparison.Ordinal));

    private static bool IsOperation(JsonElement json) =>
        json.Text("status") is "PENDING" or "RUNNING" or "DONE" && json.Text("operationType") is not null;

    private static bool IsDone(JsonElement operation) => operation.Text("status") == "DONE";

    [GeneratedRegex(@"\A[a-z][a-z0-9.:-]{1,62}\z")]
    private static partial Regex ProjectPattern();
}
