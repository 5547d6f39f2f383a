using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class HealthCommands
{
    public static readonly Text Summary = new("Is the server well?", "O servidor está bem?");

    public static ResourceSpec Make() => new("health", Summary,
    [
        new("list", ApiMethod.Get, "/health", new("Show the server's health and version", "Mostra saúde e versão do servidor"),
            ["health list", "health --query status"])
        {
            Aliases = ["get", "status"],
            NameField = "status",
        },
    ])
    {
        DefaultAction = "list",
    };
}
