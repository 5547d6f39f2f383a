using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class CompletionCommands
{
    public static readonly Text Summary = new("Completion for your shell", "Completar comandos no seu shell");

    public static ResourceSpec Make() => new("completion", Summary,
    [
        new("", ApiMethod.Get, "", Summary, ["completion bash > ~/.local/share/bash-completion/completions/dumont", "completion zsh > ~/.zfunc/_dumont"])
        {
            Positionals = [new("shell", new("bash or zsh", "bash ou zsh"))],
            Handler = CompletionActions.PrintAsync,
        },
    ]);
}
