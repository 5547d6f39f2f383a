using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.OwnMachines;

/// <summary>The form to join a machine as it was typed, whatever that was. The private key is never shown again.</summary>
public sealed record OwnMachineForm
{
    /// <summary>Where it is reached.</summary>
    public string Host { get; init; } = "";

    /// <summary>Port of its own sshd.</summary>
    public string Port { get; init; } = OwnMachinePolicy.DefaultPort.ToString(CultureInfo.InvariantCulture);

    /// <summary>Login name.</summary>
    public string User { get; init; } = OwnMachinePolicy.DefaultUser;

    /// <summary>Name for people; empty for the host.</summary>
    public string Name { get; init; } = "";

    /// <summary>Empty for what suits it.</summary>
    public string Uses { get; init; } = "";

    /// <summary>Where it stands.</summary>
    public string Location { get; init; } = "";

    /// <summary>Port for an instance's own sshd.</summary>
    public string InstancePort { get; init; } = OwnMachinePolicy.DefaultInstancePort.ToString(CultureInfo.InvariantCulture);

    /// <summary>Where instances lie on it.</summary>
    public string Folder { get; init; } = OwnMachinePolicy.DefaultFolder;

    /// <summary>The fingerprint that the user has compared; empty before.</summary>
    public string Fingerprint { get; init; } = "";

    /// <summary>A private key was sent with it, and has to be sent again with each further try.</summary>
    public bool HasPrivateKey { get; init; }

    /// <summary>Something that is folded away was filled in.</summary>
    public bool HasMore => HasPrivateKey || Name.Length + Location.Length + Uses.Length > 0 || InstancePort != new OwnMachineForm().InstancePort || Folder != OwnMachinePolicy.DefaultFolder;

    /// <summary>Reads what was sent, and the private key beside it.</summary>
    public static (OwnMachineForm Form, string? PrivateKey) Read(IFormCollection sent)
    {
        var key = sent["private_key"].ToString().ReplaceLineEndings("\n").Trim();
        var form = new OwnMachineForm
        {
            Host = Value("host"),
            Port = Value("port"),
            User = Value("user"),
            Name = Value("name"),
            Uses = Value("uses"),
            Location = Value("location"),
            InstancePort = Value("instance_port"),
            Folder = Value("folder"),
            Fingerprint = Value("host_key_fingerprint"),
            HasPrivateKey = key.Length > 0 || sent["had_private_key"] == "true",
        };
        return (form, key.Length > 0 ? key + "\n" : null);

        string Value(string name) => sent[name].ToString().Trim();
    }

    /// <summary>The API's request, and what is wrong with the form by the API's own rules.</summary>
    internal (AddOwnMachineRequest Request, IReadOnlyDictionary<string, FieldError> Errors) ToRequest(string? privateKey)
    {
        var request = new AddOwnMachineRequest
        {
            Host = Host,
            Port = Number(Port),
            User = Text(User),
            Name = Text(Name),
            Uses = Text(Uses),
            Location = Text(Location),
            InstancePort = Number(InstancePort),
            Folder = Text(Folder),
            HostKeyFingerprint = Text(Fingerprint),
            PrivateKey = privateKey,
        };
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(request, new ValidationContext(request), results, validateAllProperties: true);
        var errors = results
            .SelectMany(result => result.MemberNames.Select(name => new FieldError(JsonNamingPolicy.SnakeCaseLower.ConvertName(name), result.ErrorMessage ?? "")))
            .Concat(OwnMachinePolicy.Check(request))
            .ToList();
        if (HasPrivateKey && privateKey is null)
        {
            errors.Add(new FieldError("private_key", "Must be sent again; it is not kept between tries."));
        }

        return (request, errors.GroupBy(error => error.Field).ToDictionary(group => group.Key, group => group.First()));
    }

    /// <summary>The same from a shell. The private key stands in it as a file.</summary>
    public string Command()
    {
        var defaults = new OwnMachineForm();
        var words = new List<string> { "dumont own-machine add", Host.Length > 0 ? ShellWord.Of(Host) : "tower.lan" };
        words.AddRange(
            from pair in (IEnumerable<(string Key, string Value, string Default)>)
            [
                ("port", Port, defaults.Port), ("user", User, defaults.User), ("name", Name, ""), ("uses", Uses, ""), ("location", Location, ""),
                ("instance_port", InstancePort, defaults.InstancePort), ("folder", Folder, defaults.Folder), ("host_key_fingerprint", Fingerprint, ""),
            ]
            where pair.Value.Length > 0 && pair.Value != pair.Default
            select ShellWord.Pair(pair.Key, pair.Value));
        if (HasPrivateKey)
        {
            words.Add("private_key=@machine.key");
        }

        return string.Join(' ', words);
    }

    private static string? Text(string value) => value.Length > 0 ? value : null;

    // What is no number is out of every range.
    private static int? Number(string value) =>
        value.Length == 0 ? null : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
}
