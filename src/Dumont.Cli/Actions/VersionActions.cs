using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Contracts;

namespace Dumont.Cli.Actions;

internal static class VersionActions
{
    /// <summary>Client and server, and whether they fit. The client's version is shown even without a server.</summary>
    public static async Task<ExitCode> ShowAsync(CommandContext context, CancellationToken cancellationToken)
    {
        string? server = null;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(3));
        try
        {
            var health = await context.Session.SendAnonymousAsync(ApiMethod.Get, context.Command.Path, null, limit.Token);
            server = CellFormat.Field(health, "version")?.ToString();
        }
        catch (Exception e) when (e is HttpRequestException or DumontApiException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            context.Note(new($"no server answers at {context.Session.BaseUrl}", $"nenhum servidor responde em {context.Session.BaseUrl}"));
        }

        context.Output.Write(
            new JsonObject { ["client"] = CliApplication.ProgramVersion, ["server"] = server, ["base_url"] = context.Session.BaseUrl.AbsoluteUri.TrimEnd('/') },
            context.Command);
        return ExitCode.Ok;
    }
}
