using System.Text.RegularExpressions;
using Dumont.Contracts;
using Dumont.Providers.Ssh;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.OwnMachines;

/// <summary>Decisions about own machines. Pure.</summary>
internal static partial class OwnMachinePolicy
{
    public const int DefaultPort = 22;
    public const int DefaultInstancePort = 22022;
    public const string DefaultUser = "root";
    public const string DefaultFolder = "/var/lib/dumont-own";

    /// <summary>Silent checks in a row before a machine counts as lost: one may be a hiccup of the network.</summary>
    private const int FailuresToLose = 2;

    /// <summary>What is wrong with a request to join; empty when nothing is.</summary>
    public static IReadOnlyList<FieldError> Check(AddOwnMachineRequest request)
    {
        var errors = new List<FieldError>();
        Require(OwnMachineRules.IsHost(request.Host!), "host", "Must be a host name of a-z, 0-9, dots and dashes, or an IPv4 or IPv6 address; no user and no port.");
        Require(request.Port is null or (>= 1 and <= 65535), "port", "Must be from 1 to 65535.");
        Require(request.User is null || OwnMachineRules.IsUser(request.User), "user", "Must be a login name: a-z or _, then a-z, 0-9, _ and -.");
        Require(request.Name is null || NamePattern().IsMatch(request.Name), "name", "Must be 1 to 64 letters, digits, dots, dashes and underscores.");
        Require(
            request.HostKeyFingerprint is null || FingerprintPattern().IsMatch(request.HostKeyFingerprint),
            "host_key_fingerprint",
            "Must be SHA256: and 43 characters, as ssh-keygen -l shows it.");
        Require(
            request.PrivateKey is null || IsPrivateKey(request.PrivateKey), "private_key", "Must be an OpenSSH private key (-----BEGIN OPENSSH PRIVATE KEY-----).");
        Require(
            request.Folder is null || OwnMachineRules.IsFolder(request.Folder),
            "folder",
            "Must be an absolute path of at least two parts of letters, digits, dots, dashes and underscores, without . and ..");
        Require(request.InstancePort is null or (>= 1 and <= 65535), "instance_port", "Must be from 1 to 65535.");
        Require(
            (request.InstancePort ?? DefaultInstancePort) != (request.Port ?? DefaultPort),
            "instance_port",
            "Must be another port than the machine's own sshd has.");
        Require(request.Uses is null || UsesOf(request.Uses) is not null, "uses", "Must be gpu, standby or both.");
        Require(
            request.Location is null || (request.Location.Trim().Length > 0 && !request.Location.Any(char.IsControl)),
            "location",
            "Must be 1 to 64 characters without control characters.");
        return errors;

        void Require(bool good, string field, string message)
        {
            if (!good)
            {
                errors.Add(new FieldError(field, message));
            }
        }
    }

    /// <summary>The word's meaning; null for another word.</summary>
    public static OwnMachineUses? UsesOf(string word) => word switch
    {
        "gpu" => OwnMachineUses.Gpu,
        "standby" => OwnMachineUses.Standby,
        "both" => OwnMachineUses.Both,
        _ => null,
    };

    /// <summary>What a machine serves as when its owner does not say.</summary>
    public static OwnMachineUses DefaultUses(OwnMachineCapacity capacity) => capacity.GpuCount > 0 ? OwnMachineUses.Gpu : OwnMachineUses.Standby;

    /// <summary>It may be gone for good; only its owner knows.</summary>
    public static bool IsLost(OwnMachine machine) => machine.Document.State is OwnMachineState.Unreachable or OwnMachineState.HostKeyChanged;

    /// <summary>What a check's answer makes of what was known, and what is worth telling. <paramref name="capacity"/> is new where it was measured.</summary>
    public static (OwnMachineDocument After, IReadOnlyList<NewEvent> Events) AfterCheck(
        OwnMachine machine, OwnMachineReply reply, OwnMachineCapacity? capacity, DateTimeOffset now)
    {
        var before = machine.Document;
        var failed = reply.Trouble is not null;
        var inRow = failed ? before.FailedInRow + 1 : 0;
        var state = reply.Trouble switch
        {
            null => OwnMachineState.Ready,
            OwnMachineTrouble.HostKeyChanged => OwnMachineState.HostKeyChanged,
            OwnMachineTrouble.AuthRefused or OwnMachineTrouble.NotRoot or OwnMachineTrouble.Unsuitable or OwnMachineTrouble.Refused => OwnMachineState.Unusable,
            _ => inRow >= FailuresToLose ? OwnMachineState.Unreachable : before.State,
        };

        // A machine that does not answer still has the claim that it had.
        var claim = failed ? before.ClaimTag : reply.Claim?.Tag;
        var after = before with
        {
            Capacity = capacity ?? before.Capacity,
            State = state,
            Detail = failed ? reply.Detail : null,
            ClaimTag = claim,
            CheckedAt = now,
            Checks = before.Checks + 1,
            ChecksFailed = before.ChecksFailed + (failed ? 1 : 0),
            FailedInRow = inRow,
        };
        return (after, [.. EventsOf(machine, after)]);
    }

    private static IEnumerable<NewEvent> EventsOf(OwnMachine machine, OwnMachineDocument after)
    {
        var before = machine.Document;
        if (before.State != after.State)
        {
            yield return OwnMachineEvents.Entered(machine.Id, machine.Name, after.State, after.Detail);
        }

        if (before.ClaimTag == after.ClaimTag)
        {
            yield break;
        }

        if (before.ClaimTag is { } released)
        {
            yield return OwnMachineEvents.Released(machine.Id, machine.Name, released);
        }

        if (after.ClaimTag is { } claimed)
        {
            yield return OwnMachineEvents.Claimed(machine.Id, machine.Name, claimed);
        }
    }

    private static bool IsPrivateKey(string text) =>
        text.TrimStart().StartsWith("-----BEGIN ", StringComparison.Ordinal) && text.Contains("PRIVATE KEY-----", StringComparison.Ordinal)
        && text.All(letter => letter is '\n' or '\r' or (>= ' ' and <= '~'));

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\ASHA256:[A-Za-z0-9+/]{43}\z")]
    private static partial Regex FingerprintPattern();
}
