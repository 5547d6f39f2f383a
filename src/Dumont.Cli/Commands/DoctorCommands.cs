using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class DoctorCommands
{
    public static readonly Text Summary = new("Find out what is missing on this computer", "Descobre o que falta neste computador");

    public static ResourceSpec Make() => new("doctor", Summary,
    [
        new("", ApiMethod.Get, "", Summary, ["doctor", "doctor --base-url https://dumont.example.com"])
        {
            Handler = DoctorActions.RunAsync,
        },
    ]);
}
