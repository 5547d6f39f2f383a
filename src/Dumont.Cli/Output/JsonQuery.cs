using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.Cli.Output;

// path    = [ "." ] step *( "." name / index ) ; index = "[" digits / "*" "]"       instances[0].id, instances[*].id
// pointer = "/" name *( "/" name )                                                 RFC 6901: /instances/0/id

/// <summary>Picks a part of an answer.</summary>
internal static class JsonQuery
{
    /// <summary>The part; a path with <c>[*]</c> gives an array of what was found.</summary>
    /// <exception cref="UsageException">The path is malformed.</exception>
    /// <exception cref="CliException">The answer has no such part.</exception>
    public static JsonNode? Select(JsonNode? answer, string path)
    {
        var steps = path.StartsWith('/') ? Pointer(path) : Path(path);
        var found = new List<JsonNode?> { answer };
        foreach (var step in steps)
        {
            found = [.. found.SelectMany(node => Step(node, step, path))];
        }

        return steps.Contains("*") ? new JsonArray([.. found.Select(n => n?.DeepClone())]) : found.Count == 1 ? found[0] : throw Missing(path);
    }

    private static IEnumerable<JsonNode?> Step(JsonNode? node, string step, string path)
    {
        switch (node)
        {
            case JsonArray list when step == "*":
                return list;
            case JsonObject map when step == "*":
                return map.Select(m => m.Value);
            case JsonArray list when int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < list.Count:
                return [list[index]];
            case JsonObject map when map.TryGetPropertyValue(step, out var value):
                return [value];
            default:
                throw Missing(path);
        }
    }

    private static CliException Missing(string path) => new(
        ExitCode.Failure, new($"the answer has no '{path}'", $"a resposta não tem '{path}'"), new("see it whole with -o json", "veja-a inteira com -o json"));

    private static List<string> Pointer(string path) =>
        [.. path[1..].Split('/').Select(s => s.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];

    private static List<string> Path(string path)
    {
        var steps = new List<string>();
        foreach (var part in path.TrimStart('.').Split('.'))
        {
            var name = part;
            var open = part.IndexOf('[', StringComparison.Ordinal);
            if (open >= 0)
            {
                name = part[..open];
            }

            if (name.Length > 0)
            {
                steps.Add(name);
            }

            while (open >= 0)
            {
                var close = part.IndexOf(']', open);
                if (close < open + 2)
                {
                    throw new UsageException(new($"'{path}' is not a path", $"'{path}' não é um caminho"), "instances[0].id");
                }

                steps.Add(part[(open + 1)..close]);
                open = close + 1 < part.Length && part[close + 1] == '[' ? close + 1 : -1;
            }
        }

        return steps;
    }
}
