namespace Dumont.Server.Platform.Web.Shell;

/// <summary>Texts of users in commands that are shown for copying.</summary>
internal static class ShellWord
{
    /// <summary>A <c>key=value</c> of the command line. A text that begins with an at sign would be the name of a file there, so it gets a backslash.</summary>
    public static string Pair(string key, string text) => $"{key}={Of(text.TrimStart('\\').StartsWith('@') ? '\\' + text : text)}";

    /// <summary>One word for a shell, whatever is in it.</summary>
    public static string Of(string text) =>
        text.Length > 0 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || "._-/:@+".Contains(letter, StringComparison.Ordinal))
            ? text
            : "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
