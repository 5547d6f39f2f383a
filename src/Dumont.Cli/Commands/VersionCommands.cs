using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class VersionCommands
{
    public static readonly Text Summary = new("Versions of this program and of the server", "Versões deste programa e do servidor");

    public static ResourceSpec Make() => new("version", Summary,
    [
        new("", ApiMethod.Get, "/health", Summary, ["version", "version -o json"])
        {
            Handler = VersionActions.ShowAsync,
        },
    ]);
}
