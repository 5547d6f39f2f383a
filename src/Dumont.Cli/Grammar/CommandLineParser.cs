using System.Text.Json.Nodes;

namespace Dumont.Cli.Grammar;

// command    = resource action *( positional ) *( pair / flag / json / condition ) [ "--" *word ]
// flag       = "--key" value / "--key=value" / "--key" (booleans) / "--no-key"      the twin of the pair
// json       = "{" … "}"                                                             the whole body

/// <summary>Turns arguments, global flags already taken out, into an <see cref="Invocation"/>.</summary>
internal static class CommandLineParser
{
    /// <summary>What was asked for: a command, or help for a resource.</summary>
    internal abstract record Parsed
    {
        public sealed record Run(Invocation Invocation) : Parsed;

        public sealed record ResourceHelp(ResourceSpec Resource) : Parsed;

        public sealed record CommandHelp(ResourceSpec Resource, CommandSpec Command) : Parsed;
    }

    /// <exception cref="UsageException">The arguments make no command; says what would be near.</exception>
    public static Parsed Parse(List<string> arguments, bool help)
    {
        var resource = CommandTable.Find(arguments[0]) ?? throw UnknownResource(arguments[0]);
        var command = FindCommand(resource, arguments, out var consumed);
        if (command is null)
        {
            return new Parsed.ResourceHelp(resource);
        }

        if (help)
        {
            return new Parsed.CommandHelp(resource, command);
        }

        var invocation = new Invocation(resource, command);
        new Tail(invocation, arguments.GetRange(consumed, arguments.Count - consumed)).Read();
        return new Parsed.Run(invocation);
    }

    /// <summary>How the command is called, for help and messages.</summary>
    public static string Usage(ResourceSpec resource, CommandSpec command)
    {
        var parts = new List<string> { "dumont", resource.Name };
        if (command.Action.Length > 0)
        {
            parts.Add(command.Action);
        }

        if (command.SubWord is not null)
        {
            parts.Add(command.SubWord);
        }

        foreach (var positional in command.Positionals)
        {
            var name = positional.IsRest ? $"{positional.Name}…" : positional.Name;
            parts.Add(positional.IsOptional ? $"[{name}]" : $"<{name}>");
        }

        foreach (var key in command.Keys)
        {
            if (key.IsRequired)
            {
                parts.Add($"{key.Name}=…");
            }
        }

        if (command.AcceptsOtherKeys || Array.Exists(command.Keys, k => !k.IsRequired))
        {
            parts.Add("[key=value…]");
        }

        return string.Join(' ', parts);
    }

    private static CommandSpec? FindCommand(ResourceSpec resource, List<string> arguments, out int consumed)
    {
        if (resource.Commands is [{ Action: "" } only])
        {
            consumed = 1;
            return only;
        }

        var action = arguments.Count > 1 && arguments[1] != "help" ? arguments[1] : null;
        consumed = action is null ? 1 : 2;
        action ??= arguments.Count == 1 ? resource.DefaultAction : null;
        if (action is null)
        {
            return null;
        }

        CommandSpec? found = null;
        foreach (var command in resource.Commands)
        {
            if (command.Action != action && !command.Aliases.Contains(action))
            {
                continue;
            }

            if (command.SubWord is null)
            {
                found ??= command;
            }
            else if (consumed < arguments.Count && arguments[consumed] == command.SubWord)
            {
                consumed++;
                return command;
            }
        }

        return found ?? throw UnknownAction(resource, action);
    }

    private static UsageException UnknownResource(string name)
    {
        var near = Suggestions.Near(name, CommandTable.Resources.Select(r => r.Name).Append("help"));
        return new UsageException($"unknown command '{name}'", near.Count > 0
            ? $"did you mean: {string.Join(", ", near.Select(n => $"dumont {n}"))}?"
            : "list the commands with: dumont help");
    }

    private static UsageException UnknownAction(ResourceSpec resource, string action)
    {
        var near = Suggestions.Near(action, resource.Commands.SelectMany(c => c.Aliases.Prepend(c.Action)));
        return new UsageException($"'{resource.Name}' has no action '{action}'", near.Count > 0
            ? $"did you mean: {string.Join(", ", near.Select(n => $"dumont {resource.Name} {n}"))}?"
            : $"list its actions with: dumont {resource.Name} --help");
    }

    /// <summary>Reads what follows the action.</summary>
    private sealed class Tail(Invocation invocation, List<string> tokens)
    {
        private readonly CommandSpec _command = invocation.Command;
        private readonly Dictionary<string, string> _given = [];
        private int _positionals;

        public void Read()
        {
            for (var i = 0; i < tokens.Count; i++)
            {
                if (tokens[i] == "--")
                {
                    foreach (var word in tokens[(i + 1)..])
                    {
                        TakePositional(word);
                    }

                    break;
                }

                ReadToken(ref i);
            }

            Complete();
        }

        private void ReadToken(ref int i)
        {
            var token = tokens[i];
            if (invocation.Rest.Count > 0)
            {
                invocation.Rest.Add(token);
            }
            else if (token.StartsWith("--", StringComparison.Ordinal))
            {
                ReadFlag(ref i);
            }
            else if (token.Length > 1 && token[0] == '-' && !char.IsAsciiDigit(token[1]) && !AwaitsVerbatim)
            {
                throw new UsageException($"unknown flag '{token}'", $"usage: {Usage(invocation.Resource, _command)}");
            }
            else if (token.StartsWith('{') && HasBody)
            {
                TakeBody(token);
            }
            else if (_command.AcceptsFilters && Filter.TryTranslate(token, _command.Keys, out var condition))
            {
                TakePair(condition.Value);
            }
            else if (Pair.TryParse(token, out var pair) && !(AwaitsVerbatim && FindKey(pair.Value.Key) is null))
            {
                TakePair(pair.Value);
            }
            else
            {
                TakePositional(token);
            }
        }

        private bool HasBody => _command.Method is ApiMethod.Post or ApiMethod.Put || _command.Handler is not null;

        private bool AwaitsVerbatim =>
            _positionals < _command.Positionals.Length && _command.Positionals[_positionals].Kind == PositionalKind.Verbatim;

        private void ReadFlag(ref int i)
        {
            var token = tokens[i];
            var equals = token.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? token[2..] : token[2..equals];
            var key = FindKey(name);
            if (equals >= 0)
            {
                TakePair(new Pair(name, PairKind.Text, token[(equals + 1)..]));
            }
            else if (key is null && name.StartsWith("no-", StringComparison.Ordinal) && FindKey(name[3..]) is { Type: KeyType.Boolean })
            {
                TakePair(new Pair(name[3..], PairKind.Text, "false"));
            }
            else if (key?.Type == KeyType.Boolean)
            {
                var hasValue = i + 1 < tokens.Count && tokens[i + 1] is "true" or "false";
                TakePair(new Pair(name, PairKind.Text, hasValue ? tokens[++i] : "true"));
            }
            else if (key is null && !_command.AcceptsOtherKeys)
            {
                throw UnknownKey(name, flag: true);
            }
            else if (i + 1 < tokens.Count)
            {
                TakePair(new Pair(name, PairKind.Text, tokens[++i]));
            }
            else
            {
                throw new UsageException($"{token} needs a value");
            }
        }

        private void TakeBody(string json)
        {
            if (invocation.Body is not null)
            {
                throw new UsageException("the JSON body is given twice");
            }

            invocation.Body = Values.ParseJson("body", json);
        }

        private void TakePositional(string token)
        {
            if (_positionals == _command.Positionals.Length)
            {
                throw FindKey(token) is { } key
                    ? new UsageException($"{key.Name} needs a value", $"write {key.Name}=…")
                    : new UsageException($"unexpected argument '{token}'", $"usage: {Usage(invocation.Resource, _command)}");
            }

            var positional = _command.Positionals[_positionals];
            if (positional.IsRest)
            {
                invocation.Rest.Add(token);
                return;
            }

            // A dot segment would be resolved away and hit another path.
            if (token is "" or "." or "..")
            {
                throw new UsageException($"'{token}' is not a {positional.Name}");
            }

            invocation.Positionals[positional.Name] = token;
            _positionals++;
        }

        private void TakePair(Pair pair)
        {
            var key = FindKey(pair.Key);
            if (key is null && !_command.AcceptsOtherKeys)
            {
                throw UnknownKey(pair.Key, flag: false);
            }

            var text = pair.Kind == PairKind.File ? ReadFile(pair) : pair.Value;
            var path = pair.Key.Split('.');
            path[0] = key?.Name ?? path[0];
            var isMember = path.Length > 1;
            if (isMember && key is not null && key.Type != KeyType.Object)
            {
                throw new UsageException($"{key.Name} has no members", $"write {key.Name}=…");
            }

            var value = pair.Kind == PairKind.Json ? Values.ParseJson(pair.Key, text)
                : key is null || isMember ? Values.Guess(text)
                : Values.Coerce(key, text);
            Put(path, value, isList: key?.Type is KeyType.TextList or KeyType.IntegerList, mayRepeat: key is null || isMember, text);
        }

        private void Put(string[] path, JsonNode? value, bool isList, bool mayRepeat, string text)
        {
            var parent = invocation.Members;
            foreach (var name in path[..^1])
            {
                if (parent[name] is not JsonObject child)
                {
                    if (parent[name] is not null)
                    {
                        throw new UsageException($"{string.Join('.', path)}: {name} already has a value of its own");
                    }

                    child = [];
                    parent[name] = child;
                }

                parent = child;
            }

            var last = path[^1];
            var full = string.Join('.', path);
            if (isList && value is not JsonArray)
            {
                value = new JsonArray(value);
            }

            if (!parent.ContainsKey(last))
            {
                parent[last] = value;
                _given[full] = text;
            }
            else if (isList || mayRepeat)
            {
                Append(parent, last, value);
            }
            else if (_given.GetValueOrDefault(full) != text)
            {
                throw new UsageException($"{full} is given twice, as '{_given[full]}' and '{text}'");
            }
        }

        private static void Append(JsonObject parent, string name, JsonNode? value)
        {
            if (parent[name] is not JsonArray list)
            {
                list = new JsonArray(parent[name]?.DeepClone());
                parent[name] = list;
            }

            foreach (var one in value is JsonArray more ? [.. more.Select(m => m?.DeepClone())] : new[] { value })
            {
                list.Add(one);
            }
        }

        private static string ReadFile(Pair pair)
        {
            try
            {
                return File.ReadAllText(pair.Value);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                throw new UsageException($"cannot read the file for {pair.Key}: {e.Message}");
            }
        }

        private KeySpec? FindKey(string name)
        {
            var dot = name.IndexOf('.', StringComparison.Ordinal);
            var first = (dot < 0 ? name : name[..dot]).Replace('-', '_');
            return Array.Find(_command.Keys, k => k.Name == first || k.Aliases.Contains(first));
        }

        private UsageException UnknownKey(string name, bool flag)
        {
            var plain = name.Replace('-', '_');
            var near = Suggestions.Near(plain, _command.Keys.Select(k => k.Name));
            var shown = flag ? near.ConvertAll(n => "--" + n.Replace('_', '-')) : near.ConvertAll(n => n + "=");
            return new UsageException(
                flag ? $"unknown flag '--{name}'" : $"unknown key '{name}'",
                shown.Count > 0 ? $"did you mean {string.Join(", ", shown)}?"
                    : _command.Keys.Length > 0 ? $"keys: {string.Join(", ", _command.Keys.Select(k => k.Name))}"
                    : $"usage: {Usage(invocation.Resource, _command)}");
        }

        private void Complete()
        {
            if (invocation.Body is not null && invocation.Members.Count > 0)
            {
                throw new UsageException("give either a JSON body or key=value pairs, not both");
            }

            for (var i = _positionals; i < _command.Positionals.Length; i++)
            {
                if (!_command.Positionals[i].IsOptional && !(_command.Positionals[i].IsRest && invocation.Rest.Count > 0))
                {
                    throw new UsageException($"<{_command.Positionals[i].Name}> is missing", $"usage: {Usage(invocation.Resource, _command)}");
                }
            }

            foreach (var key in _command.Keys)
            {
                if (key.IsRequired && invocation.Body is null && !invocation.Members.ContainsKey(key.Name))
                {
                    throw new UsageException($"{key.Name}=… is missing", $"usage: {Usage(invocation.Resource, _command)}");
                }
            }
        }
    }
}
