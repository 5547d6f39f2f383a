using System.Text;
using System.Text.RegularExpressions;

namespace Dumont.Providers.Wire;

/// <summary>Makes a provider's words fit for a log line and for an argument.</summary>
internal static partial class SafeText
{
    private const int LengthMax = 300;

    /// <summary>One line, bounded, and without the credential even when the provider repeats it.</summary>
    public static string Clean(string text, Secret secret)
    {
        var safe = text.Replace(secret.Reveal(), "***", StringComparison.Ordinal);
        var line = new StringBuilder(Math.Min(safe.Length, LengthMax));
        foreach (var c in safe)
        {
            if (line.Length == LengthMax)
            {
                return line.Append('…').ToString();
            }

            line.Append(char.IsControl(c) ? ' ' : c);
        }

        return line.ToString().Trim();
    }

    /// <summary>The text when it is a host name or an address, else null. What a provider calls a host becomes an argument of <c>ssh</c>,
    /// which reads one that starts with a dash as an option.</summary>
    public static string? Host(string? text) => text is not null && HostPattern().IsMatch(text) ? text : null;

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9.:-]{0,252}\z")]
    private static partial Regex HostPattern();
}
