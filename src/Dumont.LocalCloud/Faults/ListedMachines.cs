using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Faults;

/// <summary>The machines in an answer, to be changed in place: of a list, of an aggregated list, or the one of a single answer.</summary>
internal sealed class ListedMachines(string provider, JsonObject answer)
{
    /// <summary>Whether the answer is about one machine.</summary>
    public bool IsSingle => provider == "vast" ? answer["instances"] is not JsonArray : answer["status"] is not null;

    /// <summary>Every machine in it.</summary>
    public IEnumerable<JsonObject> All => IsSingle
        ? (provider == "vast" ? answer["instances"] : answer) is JsonObject one ? [one] : []
        : Lists().SelectMany(list => list).OfType<JsonObject>();

    public static bool IsNamed(JsonObject item, string? name) =>
        name is null || item["id"]?.ToString() == name || item["name"]?.ToString() == name || item["label"]?.ToString() == name;

    /// <summary>When it was made, as its provider says.</summary>
    public static DateTimeOffset MadeAt(JsonObject item) => item["creationTimestamp"] is { } instant
        ? DateTimeOffset.Parse(instant.ToString(), CultureInfo.InvariantCulture)
        : DateTimeOffset.FromUnixTimeMilliseconds((long)(item["start_date"]!.GetValue<double>() * 1000));

    /// <summary>Takes machines out of a list.</summary>
    public void Remove(Func<JsonObject, bool> unwanted)
    {
        foreach (var list in Lists().ToArray())
        {
            foreach (var item in list.OfType<JsonObject>().Where(unwanted).ToArray())
            {
                list.Remove(item);
            }
        }

        Tidy();
    }

    /// <summary>Puts a machine into a list again, beside those of its zone.</summary>
    public void Add(JsonObject item)
    {
        if (provider == "vast")
        {
            (answer["instances"] as JsonArray)?.Add(item.DeepClone());
        }
        else if (answer["kind"]?.ToString() == "compute#instanceList")
        {
            if (answer["items"] is not JsonArray items)
            {
                answer["items"] = items = [];
            }

            items.Add(item.DeepClone());
        }
        else if (answer["items"] is JsonObject scopes)
        {
            var zone = item["zone"]!.ToString();
            var scope = "zones/" + zone[(zone.LastIndexOf('/') + 1)..];
            if (scopes[scope]?["instances"] is not JsonArray list)
            {
                scopes[scope] = new JsonObject { ["instances"] = list = [] };
            }

            list.Add(item.DeepClone());
        }

        Tidy();
    }

    private IEnumerable<JsonArray> Lists() => provider == "vast"
        ? answer["instances"] is JsonArray instances ? [instances] : []
        : answer["items"] switch
        {
            JsonArray items => [items],
            JsonObject scopes => scopes.Select(scope => scope.Value?["instances"]).OfType<JsonArray>(),
            _ => [],
        };

    // Counts and absent members as the providers have them.
    private void Tidy()
    {
        if (provider == "vast" && answer["instances"] is JsonArray instances && answer.ContainsKey("instances_found"))
        {
            answer["instances_found"] = instances.Count;
        }
        else if (answer["items"] is JsonArray { Count: 0 })
        {
            answer.Remove("items");
        }
    }
}

/// <summary>What a lagging copy of the provider's table knows.</summary>
internal sealed class StaleView
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Provider, string Id), (JsonObject Item, DateTimeOffset? GoneAt)> _known = [];

    public void Remember(IEnumerable<(string Provider, JsonObject Item)> items)
    {
        lock (_gate)
        {
            foreach (var (provider, item) in items)
            {
                _known[(provider, item["id"]!.ToString())] = (item.DeepClone().AsObject(), null);
            }
        }
    }

    /// <summary>Makes a list show what it would have shown that long ago.</summary>
    /// <param name="machines">The list.</param>
    /// <param name="provider">Whose.</param>
    /// <param name="zone">The zone that is listed, or null for all.</param>
    /// <param name="now">Instant of the answer.</param>
    /// <param name="lag">How far the copy is behind.</param>
    public void Apply(ListedMachines machines, string provider, string? zone, DateTimeOffset now, TimeSpan lag)
    {
        lock (_gate)
        {
            var present = machines.All.Select(item => (Provider: provider, Item: item.DeepClone().AsObject())).ToArray();
            var ids = present.Select(entry => entry.Item["id"]!.ToString()).ToHashSet();
            machines.Remove(item => now - ListedMachines.MadeAt(item) < lag);
            foreach (var (key, (item, goneAt)) in _known.Where(known => known.Key.Provider == provider && !ids.Contains(known.Key.Id)).ToArray())
            {
                if (zone is not null && item["zone"]?.ToString().EndsWith("/" + zone, StringComparison.Ordinal) != true)
                {
                    continue;
                }

                var since = goneAt ?? now;
                _known[key] = (item, since);
                if (now - since < lag)
                {
                    machines.Add(item);
                }
            }

            Remember(present.Where(entry => now - ListedMachines.MadeAt(entry.Item) >= lag));
        }
    }
}
