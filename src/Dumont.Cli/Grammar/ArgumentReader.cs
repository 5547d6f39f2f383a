using System.Text.Json.Nodes;

namespace Dumont.Cli.Grammar;

/// <summary>Reads what follows the action into an <see cref="Invocation"/>.</summary>
internal sealed class ArgumentReader(Invocation invocation, List<string> tokens)
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
        if (invocation.Rest.Count > 0 && AwaitsVerbatim)
        {
            invocation.Rest.Add(token);
        }
        else if (token.StartsWith("--", StringComparison.Ordinal))
        {
            ReadFlag(ref i);
        }
        else if (token.Length > 1 && token[0] == '-' && !char.IsAsciiDigit(token[1]) && !AwaitsVerbatim)
        {
            throw UnknownKey(token, flag: true);
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

    private string Usage => CommandLineParser.Usage(invocation.Resource, _command);

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
            throw UnknownKey("--" + name, flag: true);
        }
        else if (i + 1 < tokens.Count)
        {
            TakePair(new Pair(name, PairKind.Text, tokens[++i]));
        }
        else
        {
            throw UsageErrors.NeedsValue(token);
        }
    }

    private void TakeBody(string json)
    {
        if (invocation.Body is not null)
        {
            throw UsageErrors.BodyTwice();
        }

        invocation.Body = Values.ParseJson("body", json);
    }

    private void TakePositional(string token)
    {
        if (_positionals == _command.Positionals.Length)
        {
            throw FindKey(token) is { } key
                ? UsageErrors.NeedsSign(key.Name)
                : UsageErrors.Unexpected(token, Usage);
        }

        var positional = _command.Positionals[_positionals];
        if (positional.IsRest)
        {
            invocation.Rest.Add(token);
            return;
        }

        // A dot segment would be resolved away and hit another path of the API; to a command without one it is a folder.
        if (token.Length == 0 || (token is "." or ".." && _command.Path.Length > 0))
        {
            throw UsageErrors.NotA(token, positional.Name);
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
        if (isMember && key is not null && key.Type is not (KeyType.Object or KeyType.TextMap))
        {
            throw UsageErrors.NoMembers(key.Name);
        }

        var value = pair.Kind == PairKind.Json ? Values.ParseJson(pair.Key, text)
            : isMember && key?.Type == KeyType.TextMap ? JsonValue.Create(text)
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
                    throw UsageErrors.HasOwnValue(string.Join('.', path), name);
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
            throw UsageErrors.GivenTwice(full, _given[full], text);
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
            throw UsageErrors.UnreadableFile(pair.Key, e.Message);
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
        var keys = _command.Keys.Select(k => k.Name).ToList();
        var near = Suggestions.Near(name.TrimStart('-').Replace('-', '_'), keys);
        return flag ? UsageErrors.UnknownFlag(name, near, keys, Usage) : UsageErrors.UnknownKey(name, near, keys, Usage);
    }

    private void Complete()
    {
        if (invocation.Body is not null && invocation.Members.Count > 0)
        {
            throw UsageErrors.BodyAndPairs();
        }

        for (var i = _positionals; i < _command.Positionals.Length; i++)
        {
            if (!_command.Positionals[i].IsOptional && !(_command.Positionals[i].IsRest && invocation.Rest.Count > 0))
            {
                throw UsageErrors.Missing($"<{_command.Positionals[i].Name}>", Usage);
            }
        }

        foreach (var key in _command.Keys)
        {
            if (key.IsRequired && invocation.Body is null && !invocation.Members.ContainsKey(key.Name))
            {
                throw UsageErrors.Missing($"{key.Name}=…", Usage);
            }
        }
    }
}
