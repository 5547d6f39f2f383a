using System.Text;
using System.Text.Json.Nodes;

namespace Dumont.Cli.Grammar;

/// <summary>A command line that has been understood: the command, its positionals and its keys, typed.</summary>
internal sealed class Invocation(ResourceSpec resource, CommandSpec command)
{
    public ResourceSpec Resource { get; } = resource;

    public CommandSpec Command { get; } = command;

    /// <summary>By name; an instance's label has not been looked up yet.</summary>
    public Dictionary<string, string> Positionals { get; } = [];

    /// <summary>What <see cref="PositionalSpec.IsRest"/> took, and everything after <c>--</c>.</summary>
    public List<string> Rest { get; } = [];

    /// <summary>Keys with their values, nested where the keys had dots; in the order given.</summary>
    public JsonObject Members { get; init; } = [];

    /// <summary>Raw JSON given in place of keys.</summary>
    public JsonNode? Body { get; set; }

    /// <summary>Path and query of the request.</summary>
    public string PathAndQuery
    {
        get
        {
            var path = new StringBuilder(Command.Path);
            foreach (var (name, value) in Positionals)
            {
                path.Replace($"{{{name}}}", Uri.EscapeDataString(value));
            }

            var separator = Command.Path.Contains('?', StringComparison.Ordinal) ? '&' : '?';
            foreach (var (name, value) in Members)
            {
                if (IsInQuery(name))
                {
                    foreach (var one in value is JsonArray list ? [.. list] : new[] { value })
                    {
                        path.Append(separator).Append(Uri.EscapeDataString(name)).Append('=').Append(Uri.EscapeDataString(one?.ToString() ?? ""));
                        separator = '&';
                    }
                }
            }

            return path.ToString();
        }
    }

    /// <summary>Body of the request; null for methods without one.</summary>
    public JsonNode? RequestBody
    {
        get
        {
            if (Command.Method is ApiMethod.Get or ApiMethod.Delete)
            {
                return null;
            }

            if (Body is not null)
            {
                return Body.DeepClone();
            }

            var body = new JsonObject();
            foreach (var (name, value) in Command.FixedBody)
            {
                body[name] = value;
            }

            foreach (var positional in Command.Positionals)
            {
                if (!InPath(positional) && !positional.IsRest && Positionals.TryGetValue(positional.Name, out var text))
                {
                    body[positional.Name] = text;
                }
            }

            foreach (var (name, value) in Members)
            {
                if (!IsInQuery(name))
                {
                    body[name] = value?.DeepClone();
                }
            }

            return body;
        }
    }

    private bool InPath(PositionalSpec positional) => Command.Path.Contains($"{{{positional.Name}}}", StringComparison.Ordinal);

    private bool IsInQuery(string name) =>
        Command.Method is ApiMethod.Get or ApiMethod.Delete || Array.Exists(Command.Keys, k => k.Name == name && k.InQuery);
}
