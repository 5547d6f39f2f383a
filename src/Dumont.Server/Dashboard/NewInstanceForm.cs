using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Dashboard;

/// <summary>The form for a new instance as it was typed, whatever that was.</summary>
public sealed record NewInstanceForm
{
    /// <summary>Offer to rent.</summary>
    public string OfferId { get; init; } = "";

    /// <summary>Name for people.</summary>
    public string Label { get; init; } = "";

    /// <summary>GB.</summary>
    public string DiskSize { get; init; } = InstanceRules.DefaultDiskGb.ToString(CultureInfo.InvariantCulture);

    /// <summary>Container image; empty for the server's.</summary>
    public string Image { get; init; } = "";

    /// <summary>Run at each start.</summary>
    public string OnStart { get; init; } = "";

    /// <summary>Environment variables, <c>NAME=value</c>, one a line.</summary>
    public string Environment { get; init; } = "";

    /// <summary>With a CPU standby.</summary>
    public bool Standby { get; init; }

    /// <summary>The price that was shown last, $/h in all; empty when none was.</summary>
    public string ShownUsdPerHour { get; init; } = "";

    /// <summary>Sent once: a second press of the button is the same request.</summary>
    public string Key { get; init; } = "";

    /// <summary>The offer, or null when it is no number.</summary>
    public long? Offer => long.TryParse(OfferId, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id > 0 ? id : null;

    /// <summary>The disk, or null when it is no number.</summary>
    public double? Disk => double.TryParse(DiskSize.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var gb) ? gb : null;

    /// <summary>The price that was agreed to.</summary>
    public decimal? Shown => decimal.TryParse(ShownUsdPerHour, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var usd) ? usd : null;

    /// <summary>Reads what was sent.</summary>
    public static NewInstanceForm Read(Func<string, string> value) => new()
    {
        OfferId = value("offer_id"),
        Label = value("label"),
        DiskSize = value("disk_size") is { Length: > 0 } disk ? disk : new NewInstanceForm().DiskSize,
        Image = value("image"),
        OnStart = value("onstart_cmd").ReplaceLineEndings("\n"),
        Environment = value("env").ReplaceLineEndings("\n"),
        Standby = value("standby") == "true",
        ShownUsdPerHour = value("shown"),
        Key = value("key"),
    };

    /// <summary>The API's request, and what is wrong with the form by the API's own rules.</summary>
    internal (CreateInstanceRequest Request, IReadOnlyDictionary<string, FieldError> Errors) ToRequest()
    {
        var errors = new List<FieldError>();
        if (Disk is null)
        {
            errors.Add(new FieldError("disk_size", "Must be a number.", "type_error"));
        }

        var environment = new Dictionary<string, string>();
        foreach (var line in Environment.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Split('=', 2) is [var name, var value])
            {
                environment[name] = value;
            }
            else
            {
                errors.Add(new FieldError("env", "One NAME=value a line."));
            }
        }

        var request = new CreateInstanceRequest
        {
            OfferId = Offer,
            Label = Label.Trim() is { Length: > 0 } label ? label : null,
            DiskSize = Disk,
            Image = Image.Trim() is { Length: > 0 } image ? image : null,
            OnstartCmd = OnStart.Length > 0 ? OnStart : null,
            Env = environment.Count > 0 ? environment : null,
            SkipStandby = !Standby,
        };
        errors.AddRange(InstanceRules.Check(request));
        return (request, errors.GroupBy(error => error.Field.Split('.')[0]).ToDictionary(group => group.Key, group => group.First()));
    }

    /// <summary>The same from a shell.</summary>
    public string Command()
    {
        var words = new List<string> { "dumont instance create", $"offer_id={OfferId}" };
        words.AddRange(
            from pair in (IEnumerable<(string Key, string Value)>)
            [
                ("label", Label), ("disk_size", DiskSize), ("image", Image), ("onstart_cmd", OnStart), ("skip_standby", Standby ? "" : "true"),
                .. Environment.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                    .Select(line => line.Split('=', 2)).Where(parts => parts.Length == 2).Select(parts => ("env." + parts[0], parts[1])),
            ]
            where pair.Value.Length > 0
            select ShellWord.Pair(pair.Key, pair.Value));
        return string.Join(' ', words);
    }

    /// <summary>The same by the API alone, without what is folded away.</summary>
    public string Curl(string origin) =>
        $"curl -X POST -H \"Authorization: Bearer $DUMONT_TOKEN\" -H 'Content-Type: application/json' -d "
        + ShellWord.Of(string.Create(CultureInfo.InvariantCulture, $$"""{"offer_id":{{Offer ?? 0}},"disk_size":{{Disk ?? InstanceRules.DefaultDiskGb}},"skip_standby":{{(Standby ? "false" : "true")}}}"""))
        + $" {origin}/api/v1/instances";
}
