using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>Searching and renting offers.</summary>
internal sealed class OfferEndpoints(OfferMarket market, VastCloud cloud, ContractBook book, FaultBook faults)
{
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

    public void Map(RouteGroupBuilder v0) =>
        v0.MapPut("/asks/{id:long}", RentAsync).Does(CloudOperation.Of("vast", CloudOperation.Create));

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

    private async Task<IResult> RentAsync(long id, HttpContext http)
    {
        RentRequest request;
        try
        {
            request = RentRequest.Parse(await RequestBody.ReadAsync(http));
        }
        catch (BadRequestException e)
        {
            return VastProblem.InvalidArguments(e.Message);
        }

        string?[] targets = [id.ToString(System.Globalization.CultureInfo.InvariantCulture), request.Label];
        if (Strike(FaultKind.OfferGone, targets) is not null)
        {
            return VastProblem.OfferTaken(id);
        }

        if (Strike(FaultKind.InsufficientCredit, targets) is not null)
        {
            return VastProblem.InsufficientCredit;
        }

        var leaves = Strike(FaultKind.CreateLeavesContract, targets);
        var slow = Strike(FaultKind.SlowBoot, targets);
        var twist = new RentTwist(TimeSpan.FromSeconds(slow?.DelaySeconds ?? 0), leaves is not null, leaves?.NamesContract ?? false);
        return cloud.Rent(id, request, twist) switch
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
    }

    private Fault? Strike(string kind, string?[] targets) => faults.Strike(known => known.Name == kind, "vast", CloudOperation.Create, targets);

    private static JsonObject ParseQuery(string? q)
    {
        try
        {
            return string.IsNullOrWhiteSpace(q) ? [] : JsonNode.Parse(q) as JsonObject ?? throw new BadRequestException("q is not an object");
        }
        catch (JsonException)
        {
            throw new BadRequestException("q is not JSON");
        }
    }
}
