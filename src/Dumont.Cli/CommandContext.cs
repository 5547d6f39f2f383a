using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Cli.Session;

namespace Dumont.Cli;

/// <summary>What a command has at hand while it runs.</summary>
internal sealed class CommandContext(CliEnvironment environment, GlobalOptions options, Invocation invocation) : IDisposable
{
    private ServerSession? _session;

    public CliEnvironment Environment { get; } = environment;

    public GlobalOptions Options { get; } = options;

    public Invocation Invocation { get; } = invocation;

    public CommandSpec Command => Invocation.Command;

    /// <summary>Opened at first use: help and completion need no server.</summary>
    public ServerSession Session => _session ??= new ServerSession(Environment, Options);

    public OutputWriter Output => field ??= new OutputWriter(Environment, Options);

    public Progress Progress => field ??= new Progress(Environment, Options);

    public string Say(Text text) => text.In(Options.Language);

    /// <summary>A line for people on standard error; not with <c>-q</c>.</summary>
    public void Note(Text text)
    {
        if (!Options.Quiet)
        {
            Environment.Error.WriteLine(Say(text));
            Environment.Error.Flush();
        }
    }

    /// <summary>Asks before something is destroyed. Without a terminal, or with <c>-y</c>, the answer is yes.</summary>
    /// <exception cref="CliException">The user said no.</exception>
    public void Confirm(Text question)
    {
        if (Options.Yes || !Environment.InputIsTerminal)
        {
            return;
        }

        Environment.Error.Write($"{Say(question)} [{Say(new("y/N", "s/N"))}] ");
        Environment.Error.Flush();
        var answer = Environment.In.ReadLine()?.Trim().ToLowerInvariant();
        if (answer is not ("y" or "yes" or "s" or "sim"))
        {
            throw new CliException(ExitCode.Usage, new("cancelled, nothing was changed", "cancelado, nada foi mudado"));
        }
    }

    public void Dispose() => _session?.Dispose();
}
