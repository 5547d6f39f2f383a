using System.Text;

namespace Dumont.Cli;

/// <summary>Everything the command line takes from its surroundings, so that a test can be the surroundings.</summary>
internal sealed class CliEnvironment
{
    private Stream? _output;
    private Stream? _error;

    public required IReadOnlyDictionary<string, string> Variables { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Data goes here, and only data.</summary>
    public TextWriter Out => field ??= Writer(_output ??= Console.OpenStandardOutput());

    /// <summary>Progress, warnings, prompts and errors.</summary>
    public TextWriter Error => field ??= Writer(_error ??= Console.OpenStandardError());

    public TextReader In { get; init; } = TextReader.Null;

    public bool InputIsTerminal { get; init; }

    public bool OutputIsTerminal { get; init; }

    public bool ErrorIsTerminal { get; init; }

    /// <summary>Columns of the terminal; null where lines may be as long as they like (a pipe, a file).</summary>
    public int? Width { get; init; }

    /// <summary>Folder that holds <c>.dumont_token</c> and <c>.dumont/</c>.</summary>
    public string Home => Variables.GetValueOrDefault("HOME") is { Length: > 0 } home ? home : Directory.GetCurrentDirectory();

    /// <summary>Reads a secret without showing it; null on a closed input.</summary>
    public Func<string?> ReadSecret { get; init; } = () => null;

    /// <summary>For tests: writes to these instead of the process's own streams.</summary>
    public static CliEnvironment Captured(
        Stream output, Stream error, IReadOnlyDictionary<string, string> variables, TimeProvider time, int? width = null, TextReader? input = null,
        bool terminal = false) =>
        new()
        {
            _output = output,
            _error = error,
            Variables = variables,
            Time = time,
            Width = width,
            In = input ?? TextReader.Null,
            InputIsTerminal = terminal,
            OutputIsTerminal = terminal,
            ErrorIsTerminal = terminal,
        };

    /// <summary>The process's own surroundings. Not through <see cref="Console.Out"/>, whose set-up costs a tenth of the start time.</summary>
    public static CliEnvironment OfProcess(IReadOnlyDictionary<string, string> variables)
    {
        var terminal = !Console.IsOutputRedirected;
        return new()
        {
            Variables = variables,
            Time = TimeProvider.System,
            In = Console.IsInputRedirected ? new StreamReader(Console.OpenStandardInput()) : new ConsoleInput(),
            InputIsTerminal = !Console.IsInputRedirected,
            OutputIsTerminal = terminal,
            ErrorIsTerminal = !Console.IsErrorRedirected,
            Width = terminal && Console.WindowWidth > 0 ? Console.WindowWidth : null,
            ReadSecret = ReadSecretFromTerminal,
        };
    }

    private static StreamWriter Writer(Stream stream) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = false };

    private static string? ReadSecretFromTerminal()
    {
        var secret = new StringBuilder();
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    return secret.ToString();
                case ConsoleKey.D when key.Modifiers.HasFlag(ConsoleModifiers.Control):
                    return null;
                case ConsoleKey.Backspace:
                    secret.Length = Math.Max(0, secret.Length - 1);
                    break;
                default:
                    if (key.KeyChar >= ' ')
                    {
                        secret.Append(key.KeyChar);
                    }

                    break;
            }
        }
    }

    // Console.In is set up only when a prompt really reads.
    private sealed class ConsoleInput : TextReader
    {
        public override string? ReadLine() => Console.In.ReadLine();

        public override int Read() => Console.In.Read();
    }
}
