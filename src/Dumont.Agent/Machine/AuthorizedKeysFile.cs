using System.Text;
using Dumont.Snapshots;

namespace Dumont.Agent.Machine;

/// <summary>The user's keys in root's <c>authorized_keys</c>, between two marker lines. Every other line stays as it is: the server's own key
/// and the sync key with its forced command are among them.</summary>
/// <param name="home">Root's home directory.</param>
/// <param name="sessionCommand">What a supervised session begins with.</param>
/// <param name="log">For changes.</param>
internal sealed class AuthorizedKeysFile(string home, string sessionCommand, AgentLog log)
{
    private const string Begin = "# dumont: user keys begin";
    private const string End = "# dumont: user keys end";
    private const UnixFileMode PrivateDirectory = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes the block hold exactly these keys, as far as they are keys. Writes only when that changes something.</summary>
    /// <param name="keys">OpenSSH lines.</param>
    /// <param name="supervised">Sessions begin with the session command, which knows what the user asked for.</param>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public void Ensure(IReadOnlyList<string> keys, bool supervised)
    {
        var directory = Path.Combine(home, ".ssh");
        var path = Path.Combine(directory, "authorized_keys");
        Directory.CreateDirectory(directory, PrivateDirectory);
        var before = File.Exists(path) ? File.ReadAllText(path) : "";
        var after = Rewrite(before, keys, supervised ? $"command=\"{sessionCommand}\" " : "", out var ignored);
        if (ignored > 0)
        {
            log.Warn("keys.ignored", ("count", ignored));
        }

        if (after != before)
        {
            // OpenSSH refuses a file that others can write; ours replaces it with mode 0600.
            Durable.WriteAtomic(path, Encoding.UTF8.GetBytes(after));
            log.Info("keys.written", ("count", keys.Count - ignored));
        }
    }

    /// <summary>The file's text with the block replaced, or added at the end.</summary>
    internal static string Rewrite(string text, IReadOnlyList<string> keys, string options, out int ignored)
    {
        var kept = new List<string>();
        var inBlock = false;
        foreach (var line in text.Split('\n'))
        {
            var isBegin = line == Begin;
            if (!inBlock && !isBegin)
            {
                kept.Add(line);
            }

            inBlock = (inBlock || isBegin) && line != End;
        }

        while (kept.Count > 0 && kept[^1].Length == 0)
        {
            kept.RemoveAt(kept.Count - 1);
        }

        var valid = keys.Where(static key => SshKey.TryParse(key, out _)).Select(static key => SshKey.TryParse(key, out var parsed) ? parsed.ToString() : "");
        var block = valid.Distinct(StringComparer.Ordinal).Select(key => options + key).ToList();
        ignored = keys.Count - keys.Count(static key => SshKey.TryParse(key, out _));
        if (block.Count > 0)
        {
            kept.AddRange([Begin, .. block, End]);
        }

        return kept.Count == 0 ? "" : string.Join('\n', kept) + "\n";
    }
}
