using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class ApiCommands
{
    public static readonly Text Summary = new("Call any path of the API", "Chama qualquer caminho da API");

    public static ResourceSpec Make() => new("api", Summary,
    [
        new("", ApiMethod.Get, "", Summary, ["api GET /instances limit=5", "api POST /standby/configure enabled=true"])
        {
            Positionals =
            [
                new("method", new("GET, POST, PUT or DELETE", "GET, POST, PUT ou DELETE")),
                new("path", new("below /api/v1, or whole", "abaixo de /api/v1, ou inteiro")),
            ],
            AcceptsOtherKeys = true,
            Handler = ApiActions.CallAsync,
        },
    ]);
}
