namespace Dumont.Cli;

/// <summary>Languages that people can read messages in; data and field names are never translated.</summary>
internal enum Language
{
    English,
    Portuguese,
}

/// <summary>One message in every language. Both stand side by side so that neither is forgotten.</summary>
internal readonly record struct Text(string English, string Portuguese)
{
    /// <summary>A text that is the same everywhere: a command, a server's own words.</summary>
    public static implicit operator Text(string same) => new(same, same);

    public string In(Language language) => language == Language.Portuguese ? Portuguese : English;
}
