using System.Text.Json.Nodes;
using Dumont.Cli.Output;

namespace Dumont.Cli.Actions;

internal static class SettingActions
{
    /// <summary>Shows one member of the settings, wherever the answer keeps it.</summary>
    public static async Task<ExitCode> GetAsync(CommandContext context, CancellationToken cancellationToken)
    {
        if (context.Options.Curl)
        {
            return CommandRunner.PrintCurl(context);
        }

        var key = context.Invocation.Positionals["key"];
        var answer = await context.Session.SendAsync(context.Command.Method, context.Command.Path, null, cancellationToken);
        var value = CellFormat.Field(answer, key) ?? CellFormat.Field(answer, "settings." + key);
        if (value is null)
        {
            throw new CliException(
                ExitCode.NotFound,
                new($"there is no setting '{key}'", $"não há configuração '{key}'"),
                new("list them with: dumont setting list", "liste-as com: dumont setting list"));
        }

        context.Output.Write(value is JsonObject ? value : new JsonObject { [key] = value.DeepClone() }, context.Command);
        return ExitCode.Ok;
    }
}
