using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Cli.Session;
using Dumont.Contracts;

namespace Dumont.Cli.Actions;

/// <summary>Checks, one a line, each with its remedy.</summary>
internal static class DoctorActions
{
    public static async Task<ExitCode> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = await CheckServerAsync(context, cancellationToken);
        var checks = new JsonArray(
            server,
            await CheckLoginAsync(context, cancellationToken),
            CheckProgram(context, "ssh"),
            CheckProgram(context, "ssh-keygen"),
            CheckTokenFile(context));
        var allWell = checks.All(c => c!["ok"]!.GetValue<bool>());
        if (context.Output.IsForPeople)
        {
            foreach (var check in checks)
            {
                var ok = check!["ok"]!.GetValue<bool>();
                context.Environment.Out.WriteLine($"{(ok ? "✓" : "✗")} {check["check"]}: {TerminalText.Line(check["found"]!.ToString())}");
                if (!ok)
                {
                    context.Environment.Out.WriteLine($"    {context.Say(new("fix:", "correção:"))} {check["fix"]}");
                }
            }
        }
        else
        {
            context.Output.Write(new JsonObject { ["ok"] = allWell, ["checks"] = checks }, context.Command with { Rows = "checks", NameField = "check" });
        }

        return allWell ? ExitCode.Ok : ExitCode.Failure;
    }

    private static async Task<JsonObject> CheckServerAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var fix = context.Say(new("start it with ./dumont up, or set DUMONT_BASE_URL", "inicie com ./dumont up, ou defina DUMONT_BASE_URL"));
        try
        {
            var health = await context.Session.SendAnonymousAsync(ApiMethod.Get, "/health", null, cancellationToken);
            var status = CellFormat.Field(health, "status")?.ToString() ?? "?";
            return Check("server", status == "healthy", $"{context.Session.BaseUrl} {status} {CellFormat.Field(health, "version")}", fix);
        }
        catch (Exception e) when (e is HttpRequestException or DumontApiException)
        {
            return Check("server", false, $"{context.Session.BaseUrl}: {e.Message}", fix);
        }
    }

    private static async Task<JsonObject> CheckLoginAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var fix = context.Say(new("log in with: dumont auth login <email>", "entre com: dumont auth login <email>"));
        try
        {
            var me = await context.Session.SendAsync(ApiMethod.Get, "/api/v1/auth/me", null, cancellationToken);
            return Check("login", true, (CellFormat.Field(me, "user.email") ?? CellFormat.Field(me, "email"))?.ToString() ?? "?", fix);
        }
        catch (DumontApiException e)
        {
            return Check("login", false, $"{(int)e.Status} {e.Detail}", fix);
        }
        catch (HttpRequestException)
        {
            return Check("login", false, context.Say(new("no server to ask", "nenhum servidor para perguntar")), fix);
        }
    }

    private static JsonObject CheckProgram(CommandContext context, string program)
    {
        var folders = (context.Environment.Variables.GetValueOrDefault("PATH") ?? "").Split(Path.PathSeparator);
        var found = folders.Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
        return Check(program, found is not null, found ?? context.Say(new("not installed", "não instalado")), "apt install openssh-client");
    }

    private static JsonObject CheckTokenFile(CommandContext context)
    {
        var store = new TokenStore(context.Environment.Home);
        var mode = !OperatingSystem.IsWindows() && File.Exists(store.TokenFile) ? File.GetUnixFileMode(store.TokenFile) : UnixFileMode.None;
        var isPrivate = (mode & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) == 0;
        return Check("token file", isPrivate, isPrivate ? store.TokenFile : $"{store.TokenFile} {mode}", $"chmod 600 {store.TokenFile}");
    }

    private static JsonObject Check(string name, bool ok, string found, string fix) =>
        new() { ["check"] = name, ["ok"] = ok, ["found"] = found, ["fix"] = ok ? null : fix };
}
