using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Actions;

internal static class ApiActions
{
    private const string Prefix = "/api/v1";

    /// <summary>Any request: keys go where the method takes them. Shown as the raw answer unless a format is asked for.</summary>
    public static async Task<ExitCode> CallAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var given = context.Invocation;
        if (!Enum.TryParse<ApiMethod>(given.Positionals["method"], ignoreCase: true, out var method) || !Enum.IsDefined(method))
        {
            throw new UsageException(
                new($"'{given.Positionals["method"]}' is not a method", $"'{given.Positionals["method"]}' não é um método"), "GET, POST, PUT, DELETE");
        }

        // Braces would be taken for positionals.
        var path = given.Positionals["path"].Replace("{", "%7B", StringComparison.Ordinal).Replace("}", "%7D", StringComparison.Ordinal);
        path = path.StartsWith('/') ? path : "/" + path;
        if (!path.StartsWith("/api/", StringComparison.Ordinal) && path is not "/health")
        {
            path = Prefix + path;
        }

        var command = new CommandSpec("", method, path, context.Command.Summary, []);
        var members = (JsonObject)given.Members.DeepClone();
        var hasBody = given.Body is not null || members.Count > 0;
        var call = new Invocation(given.Resource, command) { Members = members, Body = given.Body };
        using var inner = new CommandContext(context.Environment, context.Options, call);
        if (context.Options.Curl)
        {
            return CommandRunner.PrintCurl(inner);
        }

        var answer = await inner.Session.SendAsync(method, call.PathAndQuery, hasBody ? call.RequestBody : null, cancellationToken);
        inner.Output.Write(answer ?? new JsonObject { ["success"] = true }, command);
        return ExitCode.Ok;
    }
}
