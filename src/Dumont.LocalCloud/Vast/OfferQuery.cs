using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>A parsed search for offers.</summary>
internal sealed class OfferQuery
{
    /// <summary>Offers in one answer at the most, whatever is asked for.</summary>
    public const int LimitMax = 64;

    // Keys that steer the search, or that clients send along and the market has no use for.
    private static readonly string[] ControlKeys =
        ["order", "type", "limit", "disable_bundling", "extra_ids", "template_id", "template_hash_id", "q", "select_cols", "client_id", "owner", "api_key", "sort_option"];

    private readonly List<(Func<OfferListing, object?> Field, Criterion Criterion)> _criteria = [];
    private readonly List<(Func<OfferListing, object?> Field, bool Descending)> _order = [];

    /// <summary>Whether prices are lowest bids.</summary>
    public bool IsBid { get; private init; }

    public int Limit { get; private init; }

    /// <summary>Disk in GB that prices include and that must fit.</summary>
    public double DiskGb { get; private init; }

    /// <exception cref="BadRequestException">A field, operator or control key that does not exist or cannot be read.</exception>
    public static OfferQuery Parse(JsonObject body, double defaultDiskGb = 5)
    {
        var query = new OfferQuery
        {
            IsBid = (body.Text("type") ?? "on-demand") switch
            {
                "on-demand" or "ondemand" or "ask" => false,
                "bid" or "interruptible" => true,
                "reserved" => throw new LeftOutException("searching reserved offers"),
                var type => throw new BadRequestException($"'{type}' is not a valid offer type; valid are on-demand, bid, reserved"),
            },
            Limit = (int)Math.Clamp(body.Number("limit") ?? LimitMax, 1, LimitMax),
            DiskGb = body["allocated_storage"] is JsonValue ? body.Number("allocated_storage")!.Value : defaultDiskGb,
        };

        foreach (var (name, value) in body.Where(pair => !ControlKeys.Contains(pair.Key)))
        {
            query.AddCriteria(name, value);
        }

        query.AddOrder(body["order"]);
        return query;
    }

    public bool Accepts(OfferListing listing) => _criteria.All(criterion => criterion.Criterion.Accepts(criterion.Field(listing)));

    public IEnumerable<OfferListing> Sort(IEnumerable<OfferListing> listings)
    {
        var sorted = listings.Order(Comparer<OfferListing>.Create(Compare));
        return sorted.Take(Limit);
    }

    private void AddCriteria(string name, JsonNode? value)
    {
        var field = OfferFields.Find(name) ?? throw new BadRequestException($"'{name}' is not a valid search key");
        // Two keys carry a plain number that is a lower bound.
        var node = name is "allocated_storage" or "target_reliability" && value is JsonValue ? new JsonObject { ["gte"] = value.DeepClone() } : value;
        _criteria.AddRange(Criterion.Parse(name, node).Select(criterion => (field, criterion)));
    }

    private void AddOrder(JsonNode? order)
    {
        var keys = order switch
        {
            null => [("score", "desc")],
            JsonArray list => list.Select(ParseKey).ToArray(),
            _ => throw new BadRequestException("order is not a list of [field, direction]"),
        };
        foreach (var (name, direction) in keys)
        {
            var field = OfferFields.Find(name) ?? throw new BadRequestException($"'{name}' is not a valid order key");
            _order.Add((field, direction switch
            {
                "asc" => false,
                "desc" => true,
                _ => throw new BadRequestException($"'{direction}' is not a valid direction; valid are asc, desc"),
            }));
        }
    }

    private static (string Name, string Direction) ParseKey(JsonNode? key) => key switch
    {
        JsonArray { Count: 2 } pair when pair[0] is JsonValue && pair[1] is JsonValue => (pair[0]!.ToString(), pair[1]!.ToString()),
        JsonArray { Count: 1 } single when single[0] is JsonValue => (single[0]!.ToString(), "asc"),
        _ => throw new BadRequestException("order is not a list of [field, direction]"),
    };

    private int Compare(OfferListing? left, OfferListing? right)
    {
        foreach (var (field, descending) in _order)
        {
            var order = Comparer<object?>.Create(CompareValues).Compare(field(left!), field(right!));
            if (order != 0)
            {
                return descending ? -order : order;
            }
        }

        return left!.Offer.Id.CompareTo(right!.Offer.Id);
    }

    private static int CompareValues(object? left, object? right) => (left, right) switch
    {
        (double a, double b) => a.CompareTo(b),
        (bool a, bool b) => a.CompareTo(b),
        (string a, string b) => string.CompareOrdinal(a, b),
        (null, null) => 0,
        (null, _) => -1,
        _ => 1,
    };
}
