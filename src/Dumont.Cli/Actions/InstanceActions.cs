using System.Text.Json.Nodes;
using Dumont.Cli.Session;
using Dumont.Contracts;

namespace Dumont.Cli.Actions;

internal static class InstanceActions
{
    /// <summary>Rents, with this computer's SSH key in place beforehand so that the first login works at once.</summary>
    public static async Task<ExitCode> CreateAsync(CommandContext context, CancellationToken cancellationToken)
    {
        if (context.Options.Curl)
        {
            return CommandRunner.PrintCurl(context);
        }

        await RegisterKeyAsync(context, cancellationToken);
        var invocation = context.Invocation;
        var answer = await context.Session.SendAsync(
            invocation.Command.Method, invocation.PathAndQuery, invocation.RequestBody, cancellationToken, Guid.NewGuid().ToString("N"));
        if (!context.Options.NoWait && answer is JsonObject created)
        {
            context.Note(new($"instance {created["id"] ?? created["instance_id"]} accepted", $"instância {created["id"] ?? created["instance_id"]} aceita"));
        }

        answer = await CommandRunner.WaitAsync(context, answer, cancellationToken);
        context.Output.Write(answer, invocation.Command);
        return ExitCode.Ok;
    }

    // Renting must not fail because a key could not be made here: "dumont ssh" tries again and says why.
    private static async Task RegisterKeyAsync(CommandContext context, CancellationToken cancellationToken)
    {
        try
        {
            await SshKey.EnsureRegisteredAsync(context, cancellationToken);
        }
        catch (CliException e)
        {
            context.Note(new($"note: {e.Text.English}", $"nota: {e.Text.Portuguese}"));
        }
        catch (DumontApiException e) when (e.Status is not System.Net.HttpStatusCode.Unauthorized)
        {
            context.Note(new($"note: the SSH key was not registered: {e.Detail}", $"nota: a chave SSH não foi registrada: {e.Detail}"));
        }
    }
}
