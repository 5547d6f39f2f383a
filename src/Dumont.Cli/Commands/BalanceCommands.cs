using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class BalanceCommands
{
    public static readonly Text Summary = new("Credit left with the provider", "Crédito restante no provedor");

    public static ResourceSpec Make() => new("balance", Summary,
    [
        new("get", ApiMethod.Get, "/api/v1/balance", new("Show credit and balance", "Mostra crédito e saldo"),
            ["balance", "balance --query credit"])
        {
            Aliases = ["list"],
        },
    ])
    {
        DefaultAction = "get",
    };
}
