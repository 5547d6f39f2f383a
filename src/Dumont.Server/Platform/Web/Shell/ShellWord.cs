namespace Dumont.Server.Platform.Web.Shell;

/// <summary>Texts of users in commands that are shown for copying.</summary>
internal static class ShellWord
{
    /// <summary>One word for a shell, whatever is in it.</summary>
    public static string Of(string text) =>
        text.Length > 0 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || "._-/:@+".Contains(letter, StringComparison.Ordinal))
            ? text
            : "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
