using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Machines;

/// <summary>The shared lower layer of every machine's /etc: harmless settings of this computer and accounts of its own.</summary>
/// <remarks>Only what is listed is copied, so nothing secret of this computer gets into a machine.</remarks>
internal static class BaseImage
{
    // What programs need to start, to resolve names and to trust certificates; apt's sources, but not its credentials.
    private static readonly string[] Copied =
    [
        "alternatives", "ca-certificates", "ca-certificates.conf", "ssl/certs", "ssl/openssl.cnf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
        "profile", "bash.bashrc", "inputrc", "nsswitch.conf", "protocols", "services", "rpc", "os-release", "debian_version", "issue",
        "apt/sources.list", "apt/sources.list.d", "apt/apt.conf.d", "apt/trusted.gpg.d", "apt/preferences.d", "dpkg", "debconf.conf",
        "skel", "terminfo", "python3", "python3.11", "python3.12", "python3.13", "perl", "mime.types", "magic", "localtime", "timezone",
        "locale.alias", "locale.gen", "default/locale", "default/useradd", "login.defs", "adduser.conf", "deluser.conf", "shells", "host.conf",
        "gai.conf", "vim", "pam.d", "pam.conf", "security/limits.conf", "security/pam_env.conf", "ssh/moduli", "ssh/ssh_config",
        "OpenCL", "ucf.conf", "manpath.config", "networks", "ethertypes",
    ];

    private static readonly (string Name, int Uid, int Gid, string Home, string Shell)[] Accounts =
    [
        // Root under a second name: Vast.ai's client carries files as that one.
        ("root", 0, 0, "/root", "/bin/bash"), ("vastai_kaalia", 0, 0, "/var/lib/cloud/carrier", "/bin/bash"), ("daemon", 1, 1, "/usr/sbin", "/usr/sbin/nologin"), ("bin", 2, 2, "/bin", "/usr/sbin/nologin"),
        ("sys", 3, 3, "/dev", "/usr/sbin/nologin"), ("man", 6, 12, "/var/cache/man", "/usr/sbin/nologin"),
        ("mail", 8, 8, "/var/mail", "/usr/sbin/nologin"), ("www-data", 33, 33, "/var/www", "/usr/sbin/nologin"),
        ("backup", 34, 34, "/var/backups", "/usr/sbin/nologin"), ("_apt", 42, 65534, "/nonexistent", "/usr/sbin/nologin"),
        ("sshd", 102, 65534, "/run/sshd", "/usr/sbin/nologin"), ("nobody", 65534, 65534, "/nonexistent", "/usr/sbin/nologin"),
    ];

    private static readonly (string Name, int Gid)[] Groups =
    [
        ("root", 0), ("daemon", 1), ("bin", 2), ("sys", 3), ("adm", 4), ("tty", 5), ("disk", 6), ("mail", 8), ("man", 12), ("kmem", 15),
        ("sudo", 27), ("www-data", 33), ("backup", 34), ("utmp", 43), ("shadow", 42), ("video", 44), ("staff", 50), ("users", 100),
        ("nogroup", 65534),
    ];

    /// <summary>Makes the folder anew and writes the scripts; machines that run keep the layer that they have open.</summary>
    /// <returns>The folder that holds <c>etc</c>, <c>boot.sh</c> and <c>enter.sh</c>.</returns>
    public static string Ensure(string dataFolder)
    {
        var folder = Path.Combine(dataFolder, "base");
        Directory.CreateDirectory(folder);
        foreach (var script in (string[])["boot.sh", "enter.sh"])
        {
            WriteIfDifferent(Path.Combine(folder, script), EmbeddedFile.Read("scripts/" + script));
        }

        var etc = Path.Combine(folder, "etc");
        if (Directory.Exists(etc))
        {
            return folder;
        }

        var fresh = etc + ".new";
        if (Directory.Exists(fresh))
        {
            Directory.Delete(fresh, recursive: true);
        }

        Directory.CreateDirectory(fresh);
        foreach (var name in Copied)
        {
            Copy(Path.Combine("/etc", name), Path.Combine(fresh, name));
        }

        WriteAccounts(fresh);
        Directory.Move(fresh, etc);
        return folder;
    }

    private static void WriteAccounts(string etc)
    {
        const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Write("passwd", Readable, Accounts.Select(a => $"{a.Name}:x:{a.Uid}:{a.Gid}:{a.Name}:{a.Home}:{a.Shell}"));
        // A star, not an exclamation mark: sshd without PAM takes the latter for a locked account.
        Write("shadow", Private, Accounts.Select(a => $"{a.Name}:*:20000:0:99999:7:::"));
        Write("group", Readable, Groups.Select(g => $"{g.Name}:x:{g.Gid}:"));
        Write("gshadow", Private, Groups.Select(g => $"{g.Name}:*::"));

        void Write(string name, UnixFileMode mode, IEnumerable<string> lines)
        {
            var path = Path.Combine(etc, name);
            File.WriteAllLines(path, lines);
            File.SetUnixFileMode(path, mode);
        }
    }

    private static void Copy(string from, string to)
    {
        try
        {
            var file = new FileInfo(from);
            if (file.LinkTarget is { } target)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.CreateSymbolicLink(to, target);
            }
            else if (Directory.Exists(from))
            {
                Directory.CreateDirectory(to);
                // Links of manual pages are most of the alternatives and nobody's need.
                foreach (var entry in Directory.EnumerateFileSystemEntries(from).Where(entry => !entry.EndsWith(".gz", StringComparison.Ordinal)))
                {
                    Copy(entry, Path.Combine(to, Path.GetFileName(entry)));
                }
            }
            else if (file.Exists && !HasCredentials(from))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.Copy(from, to);
            }
        }
        catch (UnauthorizedAccessException)
        {
            // What this user may not read, its machines need not have.
        }
    }

    // A package source may name its user and password in the address.
    private static bool HasCredentials(string path) =>
        path.StartsWith("/etc/apt/sources", StringComparison.Ordinal) && File.ReadAllText(path).Contains('@', StringComparison.Ordinal);

    private static void WriteIfDifferent(string path, string text)
    {
        if (!File.Exists(path) || File.ReadAllText(path) != text)
        {
            // A new file: a machine that is starting goes on reading the old one.
            File.WriteAllText(path + ".new", text);
            File.Move(path + ".new", path, overwrite: true);
        }
    }
}
