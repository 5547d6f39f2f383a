namespace Dumont.Providers.Ssh;

/// <summary>Why a computer did not do what it was asked.</summary>
public enum OwnMachineTrouble
{
    /// <summary>No SSH server answered; nothing was sent.</summary>
    Unreachable,

    /// <summary>It showed another host key than the pinned one; nothing was sent.</summary>
    HostKeyChanged,

    /// <summary>It did not let our key in; nothing was run.</summary>
    AuthRefused,

    /// <summary>We got in, but are not root and cannot become root without a password; nothing was run.</summary>
    NotRoot,

    /// <summary>It lacks something that instances need.</summary>
    Unsuitable,

    /// <summary>It was asked and failed, or somebody else has it.</summary>
    Refused,

    /// <summary>The connection broke or the answer makes no sense: what was asked may have happened.</summary>
    Unclear,
}

/// <summary>What a computer answered.</summary>
/// <param name="Trouble">Null when it did what it was asked.</param>
/// <param name="Verdict">Its last word: <c>ok</c>, <c>taken</c>, <c>absent</c>; empty without an answer.</param>
/// <param name="Detail">For the user; one line.</param>
/// <param name="Lines">What it told, name and value.</param>
public sealed record OwnMachineReply(OwnMachineTrouble? Trouble, string Verdict, string Detail, IReadOnlyList<(string Name, string Value)> Lines)
{
    /// <summary>The claim on it; null when there is none, or when it did not answer.</summary>
    public OwnMachineClaim? Claim => Find("claim") is { } id
        ? new OwnMachineClaim(
            id,
            Find("tag") ?? "",
            Find("state") switch { "running" => ProviderMachineState.Running, "stopped" => ProviderMachineState.Stopped, _ => ProviderMachineState.Interrupted },
            Find("host-key") is { } key ? OwnMachineRules.HostKeyOf(key) : null,
            long.TryParse(Find("since"), out var since) && since is >= 0 and < 100_000_000_000 ? DateTimeOffset.FromUnixTimeSeconds(since) : null)
        : null;

    /// <summary>The value of the first line of that name.</summary>
    public string? Find(string name) => Lines.Where(line => line.Name == name).Select(line => line.Value).FirstOrDefault();

    /// <summary>Reads what ssh brought back. Pure.</summary>
    public static OwnMachineReply Parse(int exitCode, string output, string errors)
    {
        var lines = output.Split('\n').Select(line => line.TrimEnd('\r')).ToList();
        var begin = lines.IndexOf("dumont-own 1");
        if (begin < 0)
        {
            // Without its first line the script has not begun, so nothing has changed.
            var (trouble, detail) = WhyNotBegun(exitCode, errors);
            return new OwnMachineReply(trouble, "", detail, []);
        }

        var told = lines.Skip(begin + 1).Select(line => line.Split(' ', 2)).Where(parts => parts[0].Length > 0)
            .Select(parts => (parts[0], parts.Length > 1 ? Clean(parts[1]) : "")).Take(200).ToList();
        if (told.FindIndex(line => line.Item1 == "end") is not (>= 0 and var end))
        {
            return new OwnMachineReply(OwnMachineTrouble.Unclear, "", "The connection broke before the machine had answered.", []);
        }

        var words = told[end].Item2.Split(' ', 2);
        var reason = words.Length > 1 ? words[1].Trim() : "";
        return words[0] switch
        {
            "ok" or "absent" => new OwnMachineReply(null, words[0], reason, told[..end]),
            "taken" => new OwnMachineReply(OwnMachineTrouble.Refused, words[0], "Another instance has the machine.", told[..end]),
            "not-root" => new OwnMachineReply(OwnMachineTrouble.NotRoot, words[0], "The user is not root.", []),
            "unsuitable" => new OwnMachineReply(OwnMachineTrouble.Unsuitable, words[0], reason, told[..end]),
            "failed" => new OwnMachineReply(OwnMachineTrouble.Refused, words[0], reason, told[..end]),
            _ => new OwnMachineReply(OwnMachineTrouble.Unclear, "", "The machine answered something that we do not understand.", []),
        };
    }

    private static readonly string[] NeverConnected = ["ssh: connect to host", "Could not resolve hostname", "kex_exchange_identification", "banner exchange"];

    private static (OwnMachineTrouble Trouble, string Detail) WhyNotBegun(int exitCode, string errors)
    {
        var said = Clean(errors.Trim().Split('\n')[^1]);
        return errors switch
        {
            _ when errors.Contains("HOST IDENTIFICATION HAS CHANGED", StringComparison.Ordinal)
                || errors.Contains("Host key verification failed", StringComparison.Ordinal)
                || errors.Contains("no matching host key type", StringComparison.Ordinal) =>
                (OwnMachineTrouble.HostKeyChanged, "The machine shows another host key than the one that was pinned."),
            _ when errors.Contains("Permission denied", StringComparison.Ordinal) || errors.Contains("Too many authentication failures", StringComparison.Ordinal) =>
                (OwnMachineTrouble.AuthRefused, "The machine does not let this server's key in."),
            _ when errors.Contains("sudo", StringComparison.Ordinal) =>
                (OwnMachineTrouble.NotRoot, said),
            _ when NeverConnected.Any(words => errors.Contains(words, StringComparison.Ordinal)) => (OwnMachineTrouble.Unreachable, said),

            // Somewhere on the way: the script may have been there already, and its first line lost.
            _ when exitCode == 255 => (OwnMachineTrouble.Unclear, said.Length > 0 ? said : "The connection broke."),
            _ => (OwnMachineTrouble.Unsuitable, said.Length > 0 ? said : $"The login shell ended with {exitCode} before anything was run."),
        };
    }

    private static string Clean(string text)
    {
        var line = new string([.. text.Select(letter => char.IsControl(letter) ? ' ' : letter)]).Trim();
        return line.Length <= 300 ? line : line[..300] + "…";
    }
}

/// <summary>The claim that an instance has on a computer: the truth about it lies there.</summary>
/// <param name="Id">Of <see cref="OwnMachineLink.ClaimOf"/>.</param>
/// <param name="Tag">Owner tag.</param>
/// <param name="State">Running, stopped because it was asked to, or interrupted: the computer was started anew.</param>
/// <param name="BootHostKey">Host key that its sshd shows first.</param>
/// <param name="Since">When it was made.</param>
public sealed record OwnMachineClaim(string Id, string Tag, ProviderMachineState State, string? BootHostKey, DateTimeOffset? Since);
