namespace Dumont.Cli;

/// <summary>Ends the command with a message for the user and an exit code.</summary>
internal class CliException(ExitCode exitCode, Text message, Text? hint = null) : Exception(message.English)
{
    public ExitCode ExitCode { get; } = exitCode;

    public Text Text { get; } = message;

    /// <summary>A command to run or a thing to change; null when there is nothing to advise.</summary>
    public Text? Hint { get; } = hint;
}

/// <summary>The command line is wrong; nothing was sent.</summary>
internal sealed class UsageException(Text message, Text? hint = null) : CliException(ExitCode.Usage, message, hint);
