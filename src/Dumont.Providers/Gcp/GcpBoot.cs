using System.Text;
using System.Text.RegularExpressions;

namespace Dumont.Providers.Gcp;

/// <summary>The script that a machine runs at each start. It lets root in by key, which Debian's cloud image forbids, and then runs the user's
/// script as a file. Everything foreign travels as base64, so no text of a user is ever part of a command line.</summary>
internal static partial class GcpBoot
{
    private const int ScriptBytesMax = 256 * 1024; // limit of one metadata value

    /// <summary>Why the request cannot become a script, or null.</summary>
    public static string? Refuse(CreateMachineRequest request, int sshPort) =>
        request.AuthorizedKeys.Any(key => string.IsNullOrWhiteSpace(key) || key.AsSpan().Trim().ContainsAny('\r', '\n'))
            ? "An authorised key is empty or has more than one line."
        : request.Environment.Keys.FirstOrDefault(name => !VariableName().IsMatch(name)) is { } bad ? $"The variable name '{bad}' is not one."
        : !double.IsFinite(request.DiskGb) || request.DiskGb <= 0 ? "The disk size must be a positive number of GB."
        : Script(request, sshPort).Length > ScriptBytesMax ? $"The start script with keys and variables is larger than {ScriptBytesMax} bytes."
        : null;

    /// <summary>Value of the metadata key <c>ssh-keys</c>.</summary>
    public static string SshKeys(IReadOnlyList<string> keys) => string.Join('\n', keys.Select(key => $"root:{key.Trim()}"));

    /// <summary>Value of the metadata key <c>startup-script</c>. The same request gives the same text: a repeat must be the same request.</summary>
    public static string Script(CreateMachineRequest request, int sshPort)
    {
        var ports = sshPort == 22 ? "" : $"\\nPort 22\\nPort {sshPort}";
        return $$"""
            #!/bin/bash
            install -d -m 700 /root/.ssh
            touch /root/.ssh/authorized_keys
            chmod 600 /root/.ssh/authorized_keys
            while IFS= read -r key; do
              grep -qxF -- "$key" /root/.ssh/authorized_keys || printf '%s\n' "$key" >> /root/.ssh/authorized_keys
            done < <(base64 -d <<< '{{Encode(Keys(request))}}')
            install -d /etc/ssh/sshd_config.d
            printf 'PermitRootLogin prohibit-password{{ports}}\n' > /etc/ssh/sshd_config.d/00-dumont.conf
            systemctl reload ssh 2>/dev/null || systemctl reload sshd 2>/dev/null || service ssh reload
            install -d -m 700 /var/lib/dumont
            base64 -d <<< '{{Encode(Variables(request))}}' > /var/lib/dumont/environment
            printf '[ -r /var/lib/dumont/environment ] && { set -a; . /var/lib/dumont/environment; set +a; }\n' > /etc/profile.d/dumont.sh
            chmod 644 /etc/profile.d/dumont.sh
            base64 -d <<< '{{Encode(request.OnStart ?? "")}}' > /var/lib/dumont/onstart.sh
            set -a
            . /var/lib/dumont/environment
            set +a
            cd /root
            exec bash /var/lib/dumont/onstart.sh

            """.ReplaceLineEndings("\n");
    }

    private static string Keys(CreateMachineRequest request) => string.Concat(request.AuthorizedKeys.Select(key => key.Trim() + "\n"));

    private static string Variables(CreateMachineRequest request) => string.Concat(
        request.Environment
            .OrderBy(variable => variable.Key, StringComparer.Ordinal)
            .Select(variable => $"{variable.Key}='{variable.Value.Replace("'", @"'\''", StringComparison.Ordinal)}'\n"));

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]{0,127}\z")]
    private static partial Regex VariableName();
}
