using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Offers;

/// <summary>The filters of the offers page as they stand in its address: the API's names and the API's rules.</summary>
public sealed record OfferFilter
{
    private static readonly string[] NumberFields = ["num_gpus", "min_price", "max_price", "min_gpu_ram", "max_gpu_ram", "min_disk", "min_reliability", "min_inet_down", "limit"];

    private static readonly string[] TextFields = ["gpu_name", "region", "machine_type", "order_by"];

    private static readonly string[] FlagFields = ["verified_only", "static_ip"];

    /// <summary>Field to what was typed; empty ones are not there.</summary>
    public required IReadOnlyDictionary<string, string> Values { get; init; }

    /// <summary>What is wrong: field to the API's message.</summary>
    public required IReadOnlyDictionary<string, string> Errors { get; init; }

    /// <summary>For the search, if nothing is wrong.</summary>
    public required OfferSearchParameters Parameters { get; init; }

    /// <summary>What was typed into <paramref name="field"/>.</summary>
    public string this[string field] => Values.GetValueOrDefault(field, "");

    /// <summary>Reads an address.</summary>
    public static OfferFilter Read(IQueryCollection query)
    {
        var values = NumberFields.Concat(TextFields).Concat(FlagFields)
            .Select(field => (field, Value: query[field].ToString().Trim()))
            .Where(pair => pair.Value.Length is > 0 and <= 100)
            .ToDictionary(pair => pair.field, pair => pair.Value);
        var errors = new Dictionary<string, string>();
        var parameters = new OfferSearchParameters
        {
            GpuName = Text("gpu_name"),
            NumGpus = (int?)Number("num_gpus"),
            MinPrice = Number("min_price"),
            MaxPrice = Number("max_price"),
            MinGpuRam = Number("min_gpu_ram"),
            MaxGpuRam = Number("max_gpu_ram"),
            MinDisk = Number("min_disk"),
            MinReliability = Number("min_reliability"),
            MinInetDown = Number("min_inet_down"),
            Limit = (int?)Number("limit"),
            Region = Text("region"),
            MachineType = Text("machine_type"),
            OrderBy = Text("order_by"),
            VerifiedOnly = values.GetValueOrDefault("verified_only") == "true" ? true : null,
            StaticIp = values.GetValueOrDefault("static_ip") == "true" ? true : null,
        };
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(parameters, new ValidationContext(parameters), results, validateAllProperties: true);
        foreach (var result in results)
        {
            errors.TryAdd(JsonNamingPolicy.SnakeCaseLower.ConvertName(result.MemberNames.First()), result.ErrorMessage ?? "");
        }

        return new OfferFilter { Values = values, Errors = errors, Parameters = parameters };

        string? Text(string field) => values.GetValueOrDefault(field);

        double? Number(string field)
        {
            if (!values.TryGetValue(field, out var text))
            {
                return null;
            }

            if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                return number;
            }

            errors[field] = "Must be a number.";
            return null;
        }
    }

    /// <summary>The address with one value changed or, for null, taken away.</summary>
    public string PathWith(string field, string? value)
    {
        var pairs = Values.Where(pair => pair.Key != field).Select(pair => (pair.Key, pair.Value));
        var query = string.Join('&', (value is null ? pairs : pairs.Append((field, value))).Select(pair => $"{pair.Item1}={Uri.EscapeDataString(pair.Item2)}"));
        return query.Length == 0 ? "/offers" : "/offers?" + query;
    }

    /// <summary>The same from a shell.</summary>
    public string Command() =>
        string.Join(' ', Values.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => ShellWord.Pair(pair.Key, pair.Value)).Prepend("dumont instance offers"));
}
