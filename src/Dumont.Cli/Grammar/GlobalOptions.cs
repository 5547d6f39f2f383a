using System.Globalization;

namespace Dumont.Cli.Grammar;

internal enum OutputFormat
{
    Table,
    Wide,
    Json,
    Yaml,
    Csv,
    Name,
    NdJson,
}

/// <summary>Flags that every command takes, anywhere on the command line before <c>--</c>.</summary>
internal sealed class GlobalOptions
{
    /// <summary>Every flag with its value's name (null: none) and what it does; help and completion read it too.</summary>
    public static readonly (string Flags, string? Value, Text Help)[] All =
    [
        ("-o, --output", "FORMAT", new("table, wide, json, yaml, csv, name or ndjson", "table, wide, json, yaml, csv, name ou ndjson")),
        ("--json", null, new("same as -o json", "o mesmo que -o json")),
        ("--query", "PATH", new("print one part of the answer: instances[0].id, instances[*].id", "imprime uma parte da resposta: instances[0].id, instances[*].id")),
        ("-q, --quiet", null, new("no progress, no hints", "sem progresso nem dicas")),
        ("-y, --yes", null, new("answer yes to every question", "responde sim a todas as perguntas")),
        ("-d, --no-wait", null, new("return as soon as the server has accepted", "retorna assim que o servidor aceita")),
        ("--timeout", "TIME", new("how long to wait: 90s, 10m, 1h", "quanto tempo esperar: 90s, 10m, 1h")),
        ("--base-url", "URL", new("server; default http://127.0.0.1:8767", "servidor; padrão http://127.0.0.1:8767")),
        ("--api-key", "KEY", new("token or API key to use instead of the saved login", "token ou chave de API em vez do login salvo")),
        ("--lang", "LANG", new("pt-BR or en", "pt-BR ou en")),
        ("--color", "WHEN", new("auto, always or never", "auto, always ou never")),
        ("--no-color", null, new("same as --color never", "o mesmo que --color never")),
        ("--debug", null, new("show requests and answers, secrets blanked out", "mostra requisições e respostas, segredos ocultos")),
        ("--curl", null, new("print the request as a curl command instead of sending it", "imprime a requisição como comando curl em vez de enviar")),
        ("-h, --help", null, new("help for the command", "ajuda do comando")),
        ("--version", null, new("print the version", "imprime a versão")),
    ];

    private static readonly string[] Formats = ["table", "wide", "json", "yaml", "csv", "name", "ndjson"];

    public OutputFormat Output { get; private set; } = OutputFormat.Table;

    public string? Query { get; private set; }

    public bool Quiet { get; private set; }

    public bool Yes { get; private set; }

    public bool NoWait { get; private set; }

    public TimeSpan? Timeout { get; private set; }

    public string? BaseUrl { get; private set; }

    public string? ApiKey { get; private set; }

    public bool Debug { get; private set; }

    public bool Curl { get; private set; }

    public bool Help { get; private set; }

    public bool Version { get; private set; }

    public Language Language { get; private set; }

    /// <summary>null: by the terminal and the environment.</summary>
    public bool? Color { get; private set; }

    /// <summary>Takes the global flags out of <paramref name="args"/>.</summary>
    /// <param name="args">The whole command line.</param>
    /// <param name="variables">Environment, for the language.</param>
    /// <param name="rest">What is left, in order; from <c>--</c> on untouched.</param>
    /// <param name="error">What is wrong with a flag; the language is settled even then.</param>
    public static GlobalOptions Parse(
        IReadOnlyList<string> args, IReadOnlyDictionary<string, string> variables, out List<string> rest, out UsageException? error)
    {
        var options = new GlobalOptions { Language = LanguageOf(variables) };
        rest = new List<string>(args.Count);
        error = null;
        for (var i = 0; i < args.Count; i++)
        {
            if (args[i] == "--")
            {
                for (; i < args.Count; i++)
                {
                    rest.Add(args[i]);
                }

                break;
            }

            try
            {
                if (!options.Take(args, ref i))
                {
                    rest.Add(args[i]);
                }
            }
            catch (UsageException e)
            {
                error ??= e;
            }
        }

        return options;
    }

    private bool Take(IReadOnlyList<string> args, ref int i)
    {
        var token = args[i];
        if (token.Length < 2 || token[0] != '-')
        {
            return false;
        }

        var equals = token.StartsWith("--", StringComparison.Ordinal) ? token.IndexOf('=', StringComparison.Ordinal) : -1;
        var flag = equals < 0 ? token : token[..equals];
        switch (flag)
        {
            case "-o" or "--output":
                Output = FormatOf(Value(args, ref i, equals));
                return true;
            case "--query":
                Query = Value(args, ref i, equals);
                return true;
            case "--timeout":
                Timeout = DurationOf(Value(args, ref i, equals));
                return true;
            case "--base-url" or "--api-url":
                BaseUrl = Value(args, ref i, equals);
                return true;
            case "--api-key":
                ApiKey = Value(args, ref i, equals);
                return true;
            case "--lang" or "--language":
                Language = LanguageOf(Value(args, ref i, equals), flag);
                return true;
            case "--color":
                Color = ColorOf(Value(args, ref i, equals));
                return true;
            default:
                return equals < 0 && TakeSwitch(token);
        }
    }

    private bool TakeSwitch(string token)
    {
        switch (token)
        {
            case "--json":
                Output = OutputFormat.Json;
                return true;
            case "-q" or "--quiet":
                return Quiet = true;
            case "-y" or "--yes":
                return Yes = true;
            case "-d" or "--no-wait":
                return NoWait = true;
            case "--no-color":
                Color = false;
                return true;
            case "--debug":
                return Debug = true;
            case "--curl":
                return Curl = true;
            case "-h" or "--help":
                return Help = true;
            case "--version":
                return Version = true;
            default:
                return false;
        }
    }

    private static string Value(IReadOnlyList<string> args, ref int i, int equals)
    {
        if (equals >= 0)
        {
            return args[i][(equals + 1)..];
        }

        return ++i < args.Count ? args[i] : throw UsageErrors.NeedsValue(args[i - 1]);
    }

    private static OutputFormat FormatOf(string value)
    {
        var index = Array.FindIndex(Formats, f => f.Equals(value, StringComparison.OrdinalIgnoreCase));
        return index >= 0
            ? (OutputFormat)index
            : throw UsageErrors.WrongFlagValue("--output", value, Formats);
    }

    /// <summary>Reads <c>90</c>, <c>90s</c>, <c>10m</c>, <c>1h</c>, <c>1.5h</c>.</summary>
    /// <exception cref="UsageException">Anything else, zero, or more than ten days.</exception>
    public static TimeSpan DurationOf(string value)
    {
        var unit = value.Length > 0 ? char.ToLowerInvariant(value[^1]) : ' ';
        var seconds = unit switch { 'm' => 60, 'h' => 3600, 'd' => 86_400, _ => 1 };
        var number = char.IsAsciiDigit(unit) ? value : value.Length > 0 && unit is 's' or 'm' or 'h' or 'd' ? value[..^1] : "";
        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount)
            && amount > 0 && amount * seconds <= 864_000
                ? TimeSpan.FromSeconds(amount * seconds)
                : throw UsageErrors.WrongFlagValue("--timeout", value, "90s", "10m", "1h");
    }

    private static bool? ColorOf(string value) => value switch
    {
        "always" => true,
        "never" => false,
        "auto" => null,
        _ => throw UsageErrors.WrongFlagValue("--color", value, "auto", "always", "never"),
    };

    private static Language LanguageOf(string value, string flag) =>
        value.StartsWith("pt", StringComparison.OrdinalIgnoreCase) ? Language.Portuguese
        : value.StartsWith("en", StringComparison.OrdinalIgnoreCase) ? Language.English
        : throw UsageErrors.WrongFlagValue(flag, value, "pt-BR", "en");

    private static Language LanguageOf(IReadOnlyDictionary<string, string> variables)
    {
        foreach (var name in (ReadOnlySpan<string>)["DUMONT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"])
        {
            if (variables.TryGetValue(name, out var value) && value.Length > 0)
            {
                return value.StartsWith("pt", StringComparison.OrdinalIgnoreCase) ? Language.Portuguese : Language.English;
            }
        }

        return Language.English;
    }
}
