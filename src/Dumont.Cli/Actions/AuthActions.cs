using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;

namespace Dumont.Cli.Actions;

/// <summary>Commands that change who is logged in.</summary>
internal static class AuthActions
{
    public static Task<ExitCode> LoginAsync(CommandContext context, CancellationToken cancellationToken) =>
        EnterAsync(context, new("Login successful", "Login successful: sessão iniciada"), cancellationToken);

    public static Task<ExitCode> RegisterAsync(CommandContext context, CancellationToken cancellationToken) =>
        EnterAsync(context, new("Registered, Login successful", "Conta criada, Login successful"), cancellationToken);

    public static async Task<ExitCode> RefreshAsync(CommandContext context, CancellationToken cancellationToken)
    {
        if (!await context.Session.RenewAsync(cancellationToken))
        {
            throw new CliException(
                ExitCode.Auth,
                new("401 Unauthorized — there is no saved login that can be renewed", "401 Unauthorized — não há sessão salva que possa ser renovada"),
                new("log in with: dumont auth login <email>", "entre com: dumont auth login <email>"));
        }

        Report(context, new($"Token renewed and saved to {context.Session.Store.TokenFile}", $"Token renovado e salvo em {context.Session.Store.TokenFile}"), []);
        return ExitCode.Ok;
    }

    /// <summary>Ends the session at the server and forgets the token here, even when the server does not answer.</summary>
    public static async Task<ExitCode> LogoutAsync(CommandContext context, CancellationToken cancellationToken)
    {
        JsonNode? answer = null;
        try
        {
            answer = await context.Session.SendAsync(
                context.Command.Method, context.Command.Path, context.Invocation.RequestBody, cancellationToken);
        }
        catch (DumontApiException e) when (e.Status == HttpStatusCode.Unauthorized)
        {
            // The session had ended already.
        }
        finally
        {
            context.Session.Store.Clear();
        }

        Report(context, new("Logged out", "Logged out: sessão encerrada"), answer as JsonObject ?? []);
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> EnterAsync(CommandContext context, Text done, CancellationToken cancellationToken)
    {
        var invocation = context.Invocation;
        var fromInput = invocation.Members.Remove("password_stdin", out var flag) && flag?.ToString() == "true";
        if (invocation.Body is null)
        {
            invocation.Positionals["password"] = PasswordOf(context, fromInput);
        }

        if (context.Options.Curl)
        {
            return CommandRunner.PrintCurl(context);
        }

        var answer = await context.Session.SendAnonymousAsync(
            context.Command.Method, context.Command.Path, invocation.RequestBody, cancellationToken);
        context.Session.Keep(answer);
        if (context.Output.IsForPeople)
        {
            context.Environment.Out.WriteLine(context.Say(done));
            context.Environment.Out.WriteLine(context.Say(new(
                $"Token saved to {context.Session.Store.TokenFile}", $"Token saved: salvo em {context.Session.Store.TokenFile}")));
        }
        else
        {
            context.Output.Write(answer, context.Command);
        }

        return ExitCode.Ok;
    }

    private static string PasswordOf(CommandContext context, bool fromInput)
    {
        if (fromInput)
        {
            return context.Environment.In.ReadLine() is { Length: > 0 } line
                ? line
                : throw new UsageException(new("standard input holds no password", "a entrada padrão não contém senha"));
        }

        if (context.Invocation.Positionals.TryGetValue("password", out var given))
        {
            if (context.Environment.ErrorIsTerminal)
            {
                context.Note(new(
                    "warning: a password on the command line can be seen by other users of this computer; leave it out to be asked",
                    "aviso: uma senha na linha de comando pode ser vista por outros usuários deste computador; omita-a para ser perguntada"));
            }

            return given;
        }

        if (!context.Environment.InputIsTerminal)
        {
            throw new UsageException(
                new("<password> is missing", "falta <password>"), new("use --password-stdin", "use --password-stdin"));
        }

        context.Environment.Error.Write(context.Say(new("Password: ", "Senha: ")));
        context.Environment.Error.Flush();
        var secret = context.Environment.ReadSecret();
        context.Environment.Error.WriteLine();
        return secret is { Length: > 0 } ? secret : throw new UsageException(new("no password was given", "nenhuma senha foi dada"));
    }

    private static void Report(CommandContext context, Text done, JsonObject answer)
    {
        if (context.Output.IsForPeople)
        {
            context.Environment.Out.WriteLine(context.Say(done));
        }
        else
        {
            context.Output.Write(answer.Count > 0 ? answer : new JsonObject { ["success"] = true }, context.Command);
        }
    }
}
