namespace Dumont.Providers.Ssh;

/// <summary>The one place that puts somebody else's text among words of a POSIX shell.</summary>
public static class ShellWords
{
    /// <summary>One word that the shell reads as exactly <paramref name="text"/>.</summary>
    /// <exception cref="ArgumentException">The text holds a NUL, which no shell word can.</exception>
    public static string Quote(string text) =>
        text.Contains('\0') ? throw new ArgumentException("A shell word cannot hold NUL.", nameof(text)) : $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    /// <summary>A line that gives a shell variable exactly this value.</summary>
    public static string Assign(string name, string value) => $"{name}={Quote(value)}\n";
}
