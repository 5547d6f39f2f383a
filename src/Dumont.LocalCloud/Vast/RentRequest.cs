using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>The body of a rental, checked.</summary>
internal sealed partial record RentRequest
{
    private const double DiskGbMin = 8;
    private const int LabelMax = 256;
    private const int ImageMax = 1024;
    private const int EnvValueMax = 256;
    private const int EnvMax = 32_768;
    private const int ScriptMax = 4096;
    private const double PriceMax = 128;
    private const double PriceMin = 0.001;

    private static readonly string[] RunTypes =
    [
        "ssh", "jupyter", "args", "ssh_proxy", "ssh_direct", "ssh_direc", "jupyter_proxy", "jupyter_direct", "jupyter_direc",
    ];

    public required string Image { get; init; }

    public required string? Label { get; init; }

    public required double DiskGb { get; init; }

    /// <summary>Dollars per hour for the whole slice, or null for on-demand.</summary>
    public required double? BidUsdPerHour { get; init; }

    public required string Runtype { get; init; }

    public required string OnStart { get; init; }

    public required IReadOnlyList<KeyValuePair<string, string>> Env { get; init; }

    public required IReadOnlyList<VolumeRequest> Volumes { get; init; }

    /// <summary>Refuse rather than leave a contract that cannot start.</summary>
    public required bool CancelUnavailable { get; init; }

    public required bool StartsStopped { get; init; }

    /// <exception cref="BadRequestException">A value that Vast.ai refuses as <c>invalid_args</c>.</exception>
    public static RentRequest Parse(JsonObject body)
    {
        var image = body.Text("image");
        var onStart = body.Text("onstart") ?? "";
        var arguments = body.Text("args_str") ?? string.Join(' ', (body["args"] as JsonArray ?? []).Select(word => word?.ToString()));
        var bid = body.Number("price") ?? body.Number("bid_price");
        var startsStopped = body.Text("target_state") == "stopped";
        var runtype = Runtypes(body.Text("runtype") ?? (arguments.Length > 0 ? "args" : "ssh"));
        var disk = body.Number("disk") ?? DiskGbMin;
        var label = body.Text("label");
        var env = ParseEnv(body["env"]);
        LeaveOut(body["template_hash_id"] is not null || body["template_id"] is not null, "renting with a template");
        LeaveOut(body.Flag("vm") == true, "renting a virtual machine");
        Refuse(string.IsNullOrWhiteSpace(image), "image is required");
        Refuse(image!.Length > ImageMax, $"image is longer than {ImageMax} characters");
        Refuse(label?.Length > LabelMax, $"label is longer than {LabelMax} characters");
        Refuse(double.IsNaN(disk) || disk < DiskGbMin, $"disk {disk} is below the minimum of {DiskGbMin} GB");
        Refuse(onStart.Length + arguments.Length > ScriptMax, $"args and onstart together are longer than {ScriptMax} characters");
        return new RentRequest
        {
            Image = image,
            Label = string.IsNullOrEmpty(label) ? null : label,
            DiskGb = disk,
            BidUsdPerHour = bid,
            Runtype = runtype,
            // Without ssh the container's own command is what runs.
            OnStart = runtype == "args" && arguments.Length > 0 ? $"{onStart}\n{arguments}" : onStart,
            Env = env,
            Volumes = VolumeRequest.Parse(body["volume_info"], env),
            CancelUnavailable = body.Flag("cancel_unavail") ?? (bid is null && !startsStopped),
            StartsStopped = startsStopped,
        };
    }

    /// <summary>Whether the bid is a price at all.</summary>
    public bool HasValidPrice => BidUsdPerHour is null or (>= PriceMin and <= PriceMax);

    private static string Runtypes(string text)
    {
        var tokens = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var unknown = tokens.FirstOrDefault(token => !RunTypes.Contains(token));
        Refuse(tokens.Length == 0 || unknown is not null, $"runtype '{unknown}' is not one of {string.Join(", ", RunTypes)}");
        return string.Join(' ', tokens.Select(token => token.Replace("_direct", "_direc", StringComparison.Ordinal)));
    }

    private static List<KeyValuePair<string, string>> ParseEnv(JsonNode? node)
    {
        var env = node switch
        {
            null => [],
            JsonObject pairs => pairs.Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.ToString() ?? "")).ToList(),
            JsonValue text => ParseFlags(SplitWords(text.ToString())),
            _ => throw new BadRequestException("env is neither an object nor a string of docker options"),
        };
        foreach (var (name, value) in env)
        {
            Refuse(value.Length > EnvValueMax, $"env value of '{name}' is longer than {EnvValueMax} characters");
            Refuse(value.Contains('\0', StringComparison.Ordinal), $"env value of '{name}' holds a zero character");
            Refuse(!name.StartsWith('-') && !VariableName().IsMatch(name), $"env name '{name}' is not a variable name");
        }

        Refuse(env.Sum(pair => pair.Key.Length + pair.Value.Length) > EnvMax, $"env is longer than {EnvMax} characters");
        return env;
    }

    // -e NAME=value gives a variable, every other option is kept with its value as Vast.ai keeps it.
    private static List<KeyValuePair<string, string>> ParseFlags(List<string> words)
    {
        var env = new List<KeyValuePair<string, string>>();
        for (var i = 0; i < words.Count; i++)
        {
            Refuse(!words[i].StartsWith('-'), $"'{words[i]}' in env is not a docker option");
            Refuse(i + 1 >= words.Count, $"docker option '{words[i]}' in env has no value");
            var (option, value) = (words[i], words[++i]);
            if (option is "-e" or "--env")
            {
                var cut = value.IndexOf('=', StringComparison.Ordinal);
                Refuse(cut <= 0, $"'{value}' in env is not NAME=value");
                env.Add(KeyValuePair.Create(value[..cut], value[(cut + 1)..]));
            }
            else
            {
                env.Add(KeyValuePair.Create($"{option} {value}", "1"));
            }
        }

        return env;
    }

    /// <summary>Splits a line into words at blanks outside quotes.</summary>
    public static List<string> SplitWords(string line)
    {
        var words = new List<string>();
        StringBuilder? word = null;
        char? quote = null;
        foreach (var c in line)
        {
            if (quote is null && char.IsWhiteSpace(c))
            {
                if (word is not null)
                {
                    words.Add(word.ToString());
                    word = null;
                }
            }
            else if (quote is null && c is '"' or '\'' && quote is null)
            {
                (quote, word) = (c, word ?? new StringBuilder());
            }
            else if (c == quote)
            {
                quote = null;
            }
            else
            {
                word = (word ?? new StringBuilder()).Append(c);
            }
        }

        Refuse(quote is not null, "a quote is not closed");
        if (word is not null)
        {
            words.Add(word.ToString());
        }

        return words;
    }

    private static void LeaveOut(bool asked, string what)
    {
        if (asked)
        {
            throw new LeftOutException(what);
        }
    }

    private static void Refuse(bool wrong, string message)
    {
        if (wrong)
        {
            throw new BadRequestException(message);
        }
    }

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex VariableName();
}
