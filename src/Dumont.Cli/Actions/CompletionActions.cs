using Dumont.Cli.Grammar;

namespace Dumont.Cli.Actions;

/// <summary>Completion scripts, and the hidden command that they call for each press of Tab.</summary>
internal static class CompletionActions
{
    /// <summary><c>dumont __complete word…</c>: the last word is the one being typed. Prints candidates, one a line; never fails.</summary>
    public const string HiddenCommand = "__complete";

    private const string Bash = """
        _dumont() {
            local IFS=$'\n'
            COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
            [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        }
        complete -o default -F _dumont dumont
        """;

    private const string Zsh = """
        #compdef dumont
        _dumont() {
            local -a candidates
            candidates=(${(f)"$(${words[1]} __complete ${words[2,CURRENT]} 2>/dev/null)"})
            compadd -S '' -- ${candidates}
        }
        compdef _dumont dumont
        """;

    public static Task<ExitCode> PrintAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var shell = context.Invocation.Positionals["shell"];
        context.Environment.Out.WriteLine(shell switch
        {
            "bash" => Bash,
            "zsh" => Zsh,
            _ => throw new UsageException(new($"no completion for '{shell}'", $"não há como completar em '{shell}'"), "bash, zsh"),
        });
        return Task.FromResult(ExitCode.Ok);
    }

    public static ExitCode Complete(List<string> arguments, CliEnvironment environment)
    {
        foreach (var candidate in Candidates(arguments.GetRange(1, arguments.Count - 1)))
        {
            environment.Out.WriteLine(candidate);
        }

        return ExitCode.Ok;
    }

    private static IEnumerable<string> Candidates(List<string> words)
    {
        var typed = words.Count == 0 ? "" : words[^1];
        var all = words.Count <= 1 ? CommandTable.Resources.Select(r => r.Name).Append("help")
            : CommandTable.Find(words[0]) is not { } resource ? []
            : resource.Commands is [{ Action: "" } only] ? OfCommand(only, typed)
            : words.Count == 2 ? resource.Commands.Select(c => c.Action).Distinct()
            : resource.Commands.Where(c => c.Action == words[1] || c.Aliases.Contains(words[1]))
                .SelectMany(c => c.SubWord is null || words.Contains(c.SubWord) ? OfCommand(c, typed) : [c.SubWord]).Distinct();
        return all.Where(c => c.StartsWith(typed, StringComparison.Ordinal));
    }

    private static IEnumerable<string> OfCommand(CommandSpec command, string typed)
    {
        if (typed.StartsWith('-'))
        {
            return command.Keys.Select(k => "--" + k.Name.Replace('_', '-'))
                .Concat(GlobalOptions.All.Select(o => o.Flags.Split(", ")[^1]));
        }

        var equals = typed.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0)
        {
            return command.Keys.Select(k => k.Name + "=");
        }

        var key = Array.Find(command.Keys, k => k.Name == typed[..equals]);
        string[] values = key?.Type == KeyType.Boolean ? ["true", "false"] : key?.Values ?? [];
        return values.Select(v => $"{typed[..equals]}={v}");
    }
}
