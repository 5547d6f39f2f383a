using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>Searching and renting offers.</summary>
internal sealed class OfferEndpoints(OfferMarket market, VastCloud cloud, ContractBook book, FaultBook faults)
{
    private const int BulkMax = 64;

    private static readonly CloudOperation Searches = CloudOperation.Of("vast", CloudOperation.Search);

    /// <summary>The market can be read without a key.</summary>
    public void MapOpen(RouteGroupBuilder v0)
    {
        v0.MapPost("/bundles", (Delegate)(async (HttpContext http) => Search(await RequestBody.ReadAsync(http)))).Does(Searches);
        v0.MapPut("/search/asks", (Delegate)(async (HttpContext http) =>
        {
            var body = await RequestBody.ReadAsync(http);
            return Search(body["q"] as JsonObject ?? throw new BadRequestException("q is not an object"));
        })).Does(Searches);
        v0.MapGet("/bundles", (string? q) => Search(ParseQuery(q))).Does(Searches);
        v0.MapGet("/gpu_names/unique", () => new JsonAnswer(new JsonObject
        {
            ["gpu_names"] = new JsonArray([.. GpuModel.All.Select(model => model.Name).Distinct().Order().Select(name => (JsonNode)name)]),
        })).Does(Searches);
        v0.MapGet("/gpu_types", () => new JsonAnswer(new JsonObject
        {
            ["gpu_types"] = new JsonArray(
                [.. GpuModel.All.Select(model => new JsonObject { ["canonical_name"] = model.Name, ["gpu_ram_mb"] = model.MemoryMb })]),
        })).Does(Searches);
    }

    public void Map(RouteGroupBuilder v0)
    {
        v0.MapPut("/asks/{id:long}", RentAsync).Does(CloudOperation.Of("vast", CloudOperation.Create));
        v0.MapPost("/asks/bulk", (Delegate)RentManyAsync).Does(CloudOperation.Of("vast", CloudOperation.Create));
        v0.MapPut("/launch_instance", (Delegate)LaunchAsync).Does(CloudOperation.Of("vast", CloudOperation.Create));
    }

    private JsonAnswer Search(JsonObject query)
    {
        var parsed = OfferQuery.Parse(query);
        if (faults.Strike(kind => kind.Name == FaultKind.EmptyListing, "vast", CloudOperation.Search) is not null)
        {
            return new JsonAnswer(new JsonObject { ["offers"] = new JsonArray() });
        }

        lock (book.Gate)
        {
            return new JsonAnswer(new JsonObject { ["offers"] = new JsonArray([.. market.Search(parsed).Select(OfferFields.ToJson)]) });
        }
    }

    private async Task<IResult> RentAsync(long id, HttpContext http) =>
        Parse(await RequestBody.ReadAsync(http), out var request) ?? Answer(Told(http, Rent(id, request!)));

    // Faults that befall what is made want to know what that is.
    private static RentResult Told(HttpContext http, RentResult result)
    {
        if (result is RentResult.Rented(var made))
        {
            http.Items[FaultMiddleware.CreatedKey] = made.Id.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return result;
    }

    // Each is rented by itself; one that fails keeps none of the others from being rented.
    private async Task<IResult> RentManyAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        if (Parse(body, out var request) is { } problem)
        {
            return problem;
        }

        if (body["ids"] is not JsonArray { Count: > 0 and <= BulkMax } ids || ids.Any(id => JsonValues.AsNumber(id) is null))
        {
            return VastProblem.InvalidArguments($"ids is not a list of 1 to {BulkMax} offer ids");
        }

        var results = ids.Select(id => (Id: (long)JsonValues.AsNumber(id)!.Value, Result: Rent((long)JsonValues.AsNumber(id)!.Value, request!))).ToArray();
        return new JsonAnswer(new JsonObject
        {
            ["success"] = results.All(result => result.Result is RentResult.Rented),
            ["new_contracts"] = new JsonArray([.. results.Select(result => result.Result).OfType<RentResult.Rented>().Select(rented => (JsonNode)rented.Contract.Id)]),
            ["results"] = new JsonArray([.. results.Select(result => ToJson(result.Id, result.Result))]),
        });
    }

    // Search and rent in one call: the first of the offers found that is still there.
    private async Task<IResult> LaunchAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        if (Parse(body, out var request) is { } problem)
        {
            return problem;
        }

        var query = OfferQuery.Parse(body["q"] as JsonObject ?? throw new BadRequestException("q is not an object"));
        long[] found;
        lock (book.Gate)
        {
            found = [.. market.Search(query).Where(listing => listing.Rentable).Select(listing => listing.Offer.Id)];
        }

        RentResult? last = null;
        foreach (var id in found)
        {
            last = Rent(id, request!);
            if (last is not RentResult.Refused({ Error: "no_such_ask" }))
            {
                break;
            }
        }

        return last is null ? new VastProblem(StatusCodes.Status404NotFound, "no_such_ask", "No offer satisfies the query.") : Answer(Told(http, last));
    }

    private static VastProblem? Parse(JsonObject body, out RentRequest? request)
    {
        request = null;
        try
        {
            request = RentRequest.Parse(body);
            return null;
        }
        catch (BadRequestException e)
        {
            return VastProblem.InvalidArguments(e.Message);
        }
    }

    private RentResult Rent(long id, RentRequest request)
    {
        string?[] targets = [id.ToString(System.Globalization.CultureInfo.InvariantCulture), request.Label];
        if (Strike(FaultKind.OfferGone, targets) is not null)
        {
            return new RentResult.Refused(VastProblem.OfferTaken(id));
        }

        if (Strike(FaultKind.InsufficientCredit, targets) is not null)
        {
            return new RentResult.Refused(VastProblem.InsufficientCredit);
        }

        if (Strike(FaultKind.Quota, targets) is not null)
        {
            return new RentResult.Refused(VastProblem.SpendRateLimit);
        }

        var leaves = Strike(FaultKind.CreateLeavesContract, targets);
        var slow = Strike(FaultKind.SlowBoot, targets) ?? Strike(FaultKind.StuckLoading, targets);
        var twist = new RentTwist(slow?.BootDelay ?? TimeSpan.Zero, leaves is not null, leaves?.NamesContract ?? false)
        {
            PriceFactor = Strike(FaultKind.PriceChanged, targets)?.Numbers["factor"] ?? 1,
        };
        return cloud.Rent(id, request, twist);
    }

    private static IResult Answer(RentResult result) => result switch
    {
        RentResult.Rented(var contract) => new JsonAnswer(new JsonObject
        {
            ["success"] = true,
            ["new_contract"] = contract.Id,
            ["instance_api_key"] = contract.ApiKey,
        }),
        RentResult.Refused(var problem) => problem,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static JsonObject ToJson(long askId, RentResult result) => result switch
    {
        RentResult.Rented(var contract) => new JsonObject { ["ask_id"] = askId, ["success"] = true, ["new_contract"] = contract.Id },
        RentResult.Refused(var problem) => new JsonObject { ["ask_id"] = askId, ["success"] = false, ["error"] = problem.Error, ["msg"] = problem.Message },
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private Fault? Strike(string kind, string?[] targets) => faults.Strike(known => known.Name == kind, "vast", CloudOperation.Create, targets);

    private static JsonObject ParseQuery(string? q)
    {
        try
        {
            return string.IsNullOrWhiteSpace(q) ? [] : JsonValues.Parse(q) as JsonObject ?? throw new BadRequestException("q is not an object");
        }
        catch (JsonException)
        {
            throw new BadRequestException("q is not JSON");
        }
    }
}
