using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>Listing, changing and destroying instances.</summary>
internal sealed class InstanceEndpoints(VastCloud cloud, ContractBook book, VolumeBook volumes, OfferMarket market, FaultBook faults, TimeProvider time)
{
    private const int LabelMax = 1024;

    private static readonly CloudOperation Lists = CloudOperation.Of("vast", CloudOperation.List);

    // One address changes state and label; the body tells which.
    private static readonly CloudOperation Changes = new("vast", async http => (await RequestBody.ReadAsync(http)).Text("state") switch
    {
        "running" => CloudOperation.Start,
        "stopped" => CloudOperation.Stop,
        _ => CloudOperation.Label,
    });

    public void Map(RouteGroupBuilder v0, RouteGroupBuilder v1)
    {
        v1.MapGet("/instances", ListPaged).Does(Lists);
        v0.MapGet("/instances", ListAll).Does(Lists);
        v0.MapGet("/instances/filters", Filters).Does(Lists);
        v0.MapGet("/instances/{id:long}", Get).Does(CloudOperation.Of("vast", CloudOperation.Get));
        v0.MapPut("/instances/{id:long}", ChangeAsync).Does(Changes);
        v0.MapPut("/instances", (Delegate)ChangeManyAsync).Does(Changes);
        v0.MapPost("/instances/start", (Delegate)StartManyAsync).Does(CloudOperation.Of("vast", CloudOperation.Start));
        v0.MapDelete("/instances/{id:long}", Destroy).Does(CloudOperation.Of("vast", CloudOperation.Destroy));
        v0.MapDelete("/instances", (Delegate)DestroyManyAsync).Does(CloudOperation.Of("vast", CloudOperation.Destroy));
        v0.MapPut("/instances/reboot/{id:long}", (long id) => Answer(cloud.Reboot(id, freshDisk: false)))
            .Does(CloudOperation.Of("vast", CloudOperation.Reboot));
        v0.MapPut("/instances/recycle/{id:long}", (long id) => Answer(cloud.Reboot(id, freshDisk: true)))
            .Does(CloudOperation.Of("vast", CloudOperation.Reboot));
        v0.MapPut("/instances/bid_price/{id:long}", ChangeBidAsync).Does(CloudOperation.Of("vast", CloudOperation.Bid));
    }

    private async Task<IResult> ChangeBidAsync(long id, HttpContext http)
    {
        try
        {
            return Answer(cloud.ChangeBid(id, (await RequestBody.ReadAsync(http)).Number("price")));
        }
        catch (BadRequestException e)
        {
            return VastProblem.InvalidArguments(e.Message);
        }
    }

    private JsonAnswer ListPaged(HttpRequest request)
    {
        var listing = InstanceListing.Parse(request.Query);
        return new JsonAnswer(listing.Render(Instances()));
    }

    private JsonAnswer ListAll()
    {
        var instances = Instances();
        return new JsonAnswer(new JsonObject
        {
            ["success"] = true,
            ["instances_found"] = instances.Count,
            ["instances"] = new JsonArray([.. instances]),
        });
    }

    private List<JsonObject> Instances()
    {
        if (faults.Strike(kind => kind.Name == FaultKind.EmptyListing, "vast", CloudOperation.List) is not null)
        {
            return [];
        }

        lock (book.Gate)
        {
            return [.. book.All.Select(contract => Show(contract, inList: true))];
        }
    }

    /// <summary>A contract as it is listed, or shown alone. Read under the gate of the book.</summary>
    public JsonObject Show(Contract contract, bool inList)
    {
        var json = InstanceJson.From(contract, time.GetUtcNow(), book.RunSeconds(contract), market.MinBidOf(contract));
        if (inList)
        {
            // The single answer has no such field.
            var used = contract.Volumes.Select(use => volumes.Find(use.VolumeId) is { } volume ? VolumeEndpoints.Brief(volume, use.Path) : null);
            json["volume_info"] = new JsonArray([.. used.OfType<JsonNode>()]);
        }

        return json;
    }

    private JsonAnswer Filters()
    {
        lock (book.Gate)
        {
            return new JsonAnswer(new JsonObject
            {
                ["success"] = true,
                ["filters"] = new JsonArray([.. book.All.Select(contract => new JsonObject
                {
                    ["actual_status"] = contract.ActualStatus,
                    ["verification"] = contract.Offer.Host.Verification,
                    ["gpu_name"] = contract.Offer.Host.Gpu.Name,
                })]),
            });
        }
    }

    private JsonAnswer Get(long id)
    {
        lock (book.Gate)
        {
            // An instance that is gone is a null, not an error.
            return new JsonAnswer(new JsonObject
            {
                ["instances"] = book.Find(id) is { } contract ? Show(contract, inList: false) : null,
            });
        }
    }

    private async Task<IResult> ChangeAsync(long id, HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        if (body.ContainsKey("state"))
        {
            return SetState(id, body.Text("state"));
        }

        return body.ContainsKey("label")
            ? body.Text("label") is { Length: > LabelMax }
                ? VastProblem.InvalidArguments($"label is longer than {LabelMax} characters")
                : Answer(cloud.SetLabel(id, body.Text("label")))
            : VastProblem.InvalidArguments("the body has neither state nor label");
    }

    private IResult SetState(long id, string? state)
    {
        string?[] targets = [id.ToString(CultureInfo.InvariantCulture)];
        if (state == "running" && faults.Strike(kind => kind.Name == FaultKind.InsufficientCredit, "vast", CloudOperation.Start, targets) is not null)
        {
            return VastProblem.InsufficientCredit;
        }

        if (state == "running" && faults.Strike(kind => kind.Name is FaultKind.SlowBoot or FaultKind.StuckLoading, "vast", CloudOperation.Start, targets) is { } slow)
        {
            return Answer(cloud.Start(id, slow.BootDelay));
        }

        return state switch
        {
            "running" => Answer(cloud.Start(id, TimeSpan.Zero)),
            "stopped" => Answer(cloud.Stop(id)),
            _ => VastProblem.InvalidArguments($"state '{state}' is neither running nor stopped"),
        };
    }

    private async Task<IResult> ChangeManyAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        return ForEach(body.Text("state") == "stopped" ? CloudOperation.Stop : CloudOperation.Start, Ids(body, "ids"), id => SetState(id, body.Text("state")));
    }

    private async Task<IResult> StartManyAsync(HttpContext http) =>
        ForEach(CloudOperation.Start, Ids(await RequestBody.ReadAsync(http), "IDs"), id => SetState(id, "running"));

    private IResult Destroy(long id) => Answer(cloud.Destroy(id));

    private async Task<IResult> DestroyManyAsync(HttpContext http) =>
        ForEach(CloudOperation.Destroy, Ids(await RequestBody.ReadAsync(http), "instance_ids"), Destroy);

    // The first that fails is the answer; those before it are done.
    private IResult ForEach(string operation, IReadOnlyList<long> ids, Func<long, IResult> act)
    {
        var partial = faults.Strike(kind => kind.Name == FaultKind.PartialBatch, "vast", operation) is not null;
        var done = ids.Take(partial ? (ids.Count + 1) / 2 : ids.Count).Select(act).FirstOrDefault(result => result is VastProblem);
        return done ?? Answer(partial ? new VastProblem(StatusCodes.Status500InternalServerError, "internal_error", "Internal server error") : null);
    }

    private static IReadOnlyList<long> Ids(JsonObject body, string name) => body[name] is JsonArray { Count: > 0 } ids
        ? [.. ids.Select(id => (long)(JsonValues.AsNumber(id) ?? throw new BadRequestException($"{name} holds something else than ids")))]
        : throw new BadRequestException($"{name} is not a list of ids");

    /// <summary>Success, or the problem in its own form.</summary>
    internal static IResult Answer(VastProblem? problem) => problem ?? (IResult)new JsonAnswer(new JsonObject { ["success"] = true });
}
