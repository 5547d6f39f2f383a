namespace Dumont.Cli.Grammar;

/// <summary>Everything that can be wrong with a command line, in words.</summary>
internal static class UsageErrors
{
    public static UsageException UnknownCommand(string name, List<string> near) => new(
        new($"unknown command '{name}'", $"comando desconhecido '{name}'"),
        near.Count > 0 ? DidYouMean(near.ConvertAll(n => $"dumont {n}"), ":")
            : new("list the commands with: dumont help", "liste os comandos com: dumont help"));

    public static UsageException UnknownAction(string resource, string action, List<string> near) => new(
        new($"'{resource}' has no action '{action}'", $"'{resource}' não tem a ação '{action}'"),
        near.Count > 0 ? DidYouMean(near.ConvertAll(n => $"dumont {resource} {n}"), ":")
            : new($"list its actions with: dumont {resource} --help", $"liste as ações com: dumont {resource} --help"));

    public static UsageException UnknownKey(string name, List<string> near, IEnumerable<string> keys, string usage) => new(
        new($"unknown key '{name}'", $"chave desconhecida '{name}'"), HintForKey(near.ConvertAll(n => n + "="), keys, usage));

    public static UsageException UnknownFlag(string name, List<string> near, IEnumerable<string> keys, string usage) => new(
        new($"unknown flag '{name}'", $"opção desconhecida '{name}'"),
        HintForKey(near.ConvertAll(n => "--" + n.Replace('_', '-')), keys, usage));

    public static UsageException NeedsValue(string name) => new(new($"{name} needs a value", $"{name} precisa de um valor"));

    public static UsageException NeedsSign(string key) =>
        new(new($"{key} needs a value", $"{key} precisa de um valor"), new($"write {key}=…", $"escreva {key}=…"));

    public static UsageException Unexpected(string token, string usage) =>
        new(new($"unexpected argument '{token}'", $"argumento inesperado '{token}'"), Usage(usage));

    public static UsageException Missing(string what, string usage) => new(new($"{what} is missing", $"falta {what}"), Usage(usage));

    public static UsageException NotA(string token, string what) => new(new($"'{token}' is not a {what}", $"'{token}' não é um {what}"));

    public static UsageException NoMembers(string key) =>
        new(new($"{key} has no members", $"{key} não tem membros"), new($"write {key}=…", $"escreva {key}=…"));

    public static UsageException HasOwnValue(string path, string name) =>
        new(new($"{path}: {name} already has a value of its own", $"{path}: {name} já tem um valor próprio"));

    public static UsageException GivenTwice(string name, string first, string second) =>
        new(new($"{name} is given twice, as '{first}' and '{second}'", $"{name} foi dado duas vezes, como '{first}' e '{second}'"));

    public static UsageException BodyTwice() => new(new("the JSON body is given twice", "o corpo JSON foi dado duas vezes"));

    public static UsageException BodyAndPairs() => new(new(
        "give either a JSON body or key=value pairs, not both", "dê um corpo JSON ou pares key=value, não os dois"));

    public static UsageException UnreadableFile(string key, string reason) =>
        new(new($"cannot read the file for {key}: {reason}", $"não foi possível ler o arquivo de {key}: {reason}"));

    public static UsageException NotJson(string key) =>
        new(new($"the value of {key} is not valid JSON", $"o valor de {key} não é JSON válido"));

    public static UsageException WrongType(string key, string text, Text expected) =>
        new(new($"{key} must be {expected.English}, not '{text}'", $"{key} deve ser {expected.Portuguese}, não '{text}'"));

    public static UsageException NotAChoice(string key, string text, List<string> near, string[] values) => new(
        new($"{key} cannot be '{text}'", $"{key} não pode ser '{text}'"),
        near.Count > 0 ? DidYouMean([$"{key}={near[0]}"], "") : Values(values));

    /// <summary>A wrong value of a global flag.</summary>
    public static UsageException WrongFlagValue(string flag, string value, params string[] values) =>
        new(new($"{flag} cannot be '{value}'", $"{flag} não pode ser '{value}'"), Values(values));

    public static UsageException NoSuchFilter(string token, string key, IEnumerable<string> possible)
    {
        var list = string.Join(", ", possible);
        return new(
            new($"offers cannot be filtered by '{token}': there is no {key}", $"ofertas não podem ser filtradas por '{token}': não há {key}"),
            new($"possible limits: {list}", $"limites possíveis: {list}"));
    }

    public static UsageException FilterNeedsNumber(string token) =>
        new(new($"'{token}' needs a number after the sign", $"'{token}' precisa de um número depois do sinal"));

    public static UsageException UnsupportedSign(string token, string sign) => new(
        new($"offers cannot be filtered by '{token}': '{sign}' is not supported", $"ofertas não podem ser filtradas por '{token}': '{sign}' não é aceito"),
        new("use key=value, >=, <=, > or <; see: dumont help filters", "use key=value, >=, <=, > ou <; veja: dumont help filters"));

    private static Text Values(string[] values)
    {
        var list = string.Join(", ", values);
        return new($"possible values: {list}", $"valores possíveis: {list}");
    }

    private static Text HintForKey(List<string> near, IEnumerable<string> keys, string usage)
    {
        var all = string.Join(", ", keys);
        return near.Count > 0 ? DidYouMean(near, "") : all.Length > 0 ? new($"keys: {all}", $"chaves: {all}") : Usage(usage);
    }

    private static Text DidYouMean(List<string> near, string colon)
    {
        var list = string.Join(", ", near);
        return new($"did you mean{colon} {list}?", $"quis dizer{colon} {list}?");
    }

    private static Text Usage(string usage) => new($"usage: {usage}", $"uso: {usage}");
}
