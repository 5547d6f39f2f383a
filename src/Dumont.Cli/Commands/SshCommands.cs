using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class SshCommands
{
    public static readonly Text Summary = new("Log in to an instance, or run a command on it", "Entra em uma instância, ou executa um comando nela");

    public static ResourceSpec Make() => new("ssh", Summary,
    [
        new("", ApiMethod.Get, "/api/v1/instances/{instance_id}", Summary, ["ssh 17", "ssh train -- nvidia-smi -L"])
        {
            Positionals =
            [
                new("instance_id", new("its number or its label", "o número ou o rótulo")) { Kind = PositionalKind.Instance },
                new("command", new("run this and return its exit code; put -- before it", "executa isto e retorna o código de saída; ponha -- antes"))
                {
                    Kind = PositionalKind.Verbatim,
                    IsOptional = true,
                    IsRest = true,
                },
            ],
            Handler = SshActions.RunAsync,
        },
    ]);
}
