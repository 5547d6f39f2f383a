using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Services;

/// <summary>Services and hooks of one instance by form.</summary>
internal static class ServicePages
{
    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet("/instances/{id}/services", ShowAsync);
        pages.MapPost("/instances/{id}/services", SetServiceAsync);
        pages.MapPost("/instances/{id}/services/{name}/remove", RemoveServiceAsync);
        pages.MapPost("/instances/{id}/hooks/{name}", SetHookAsync);
    }

    private static Task<IResult> ShowAsync(InstanceId id, HttpContext context, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken) =>
        PageAsync(id, context, caller, catalog, ServiceForm.Empty, null, cancellationToken);

    private static async Task<IResult> SetServiceAsync(
        InstanceId id, HttpContext context, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var form = ServiceForm.Empty with { Name = sent["name"].ToString().Trim(), Command = CommandOf(sent), RunsOn = sent["runs_on"].ToString() };
        var request = new SetServiceRequest { Command = form.Command, RunsOn = form.RunsOn };
        var result = await ServiceEndpoints.SetServiceAsync(id, form.Name, request, caller, catalog, cancellationToken);
        return await EndAsync(id, result, context, caller, catalog, form, cancellationToken);
    }

    private static async Task<IResult> RemoveServiceAsync(
        InstanceId id, string name, HttpContext context, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken)
    {
        var result = await ServiceEndpoints.RemoveServiceAsync(id, name, caller, catalog, cancellationToken);
        return await EndAsync(id, result, context, caller, catalog, ServiceForm.Empty, cancellationToken);
    }

    // An empty command takes the hook away.
    private static async Task<IResult> SetHookAsync(
        InstanceId id, string name, HttpContext context, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var form = ServiceForm.Empty with { Hook = name, HookCommand = CommandOf(sent), TimeoutSeconds = sent["timeout_seconds"].ToString().Trim() };
        var seconds = double.TryParse(form.TimeoutSeconds, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var given) ? given : 0;
        var request = new SetHookRequest { Command = form.HookCommand, TimeoutSeconds = seconds };
        var result = form.HookCommand.Length == 0
            ? await ServiceEndpoints.RemoveHookAsync(id, name, caller, catalog, cancellationToken)
            : await ServiceEndpoints.SetHookAsync(id, name, request, caller, catalog, cancellationToken);
        return await EndAsync(id, result, context, caller, catalog, form, cancellationToken);
    }

    // A browser sends lines with CR LF; a shell takes the CR for a part of the last word.
    private static string CommandOf(IFormCollection sent) => sent["command"].ToString().Replace("\r\n", "\n", StringComparison.Ordinal).Trim();

    private static async Task<IResult> EndAsync(
        InstanceId id, IResult result, HttpContext context, Caller caller, ServiceCatalog catalog, ServiceForm form, CancellationToken cancellationToken) =>
        result is Problem problem
            ? await PageAsync(id, context, caller, catalog, form, problem, cancellationToken)
            : Page.GoTo(context, $"/instances/{id}/services", new Ui(Language.Of(context.Request))["settings.saved"]);

    private static async Task<IResult> PageAsync(
        InstanceId id, HttpContext context, Caller caller, ServiceCatalog catalog, ServiceForm form, Problem? problem, CancellationToken cancellationToken)
    {
        if (await catalog.FindAsync(caller.UserId, id, cancellationToken) is not { } found)
        {
            return Problems.Unknown("instance", id);
        }

        var ui = new Ui(Language.Of(context.Request));
        return Page.Show<ServicesPage>(
            context,
            new
            {
                Found = found,
                Form = form,
                Problem = problem is { Fields: null or { Count: 0 } } ? ProblemTexts.Of(ui, problem) : null,
                Errors = (IReadOnlyDictionary<string, string>)(problem?.Fields?.ToDictionary(error => error.Field, error => ProblemTexts.MessageOf(error, ui.Language)) ?? []),
            },
            problem?.Kind.Status ?? StatusCodes.Status200OK);
    }
}

/// <summary>The forms as they were typed: that of a service, or that of a hook.</summary>
/// <param name="Name">Of the service.</param>
/// <param name="Command">Of the service.</param>
/// <param name="RunsOn"><c>any</c> or <c>gpu</c>.</param>
/// <param name="Hook">Name of the hook that was sent; null for none.</param>
/// <param name="HookCommand">Its command.</param>
/// <param name="TimeoutSeconds">Its time.</param>
public sealed record ServiceForm(string Name, string Command, string RunsOn, string? Hook, string HookCommand, string TimeoutSeconds)
{
    /// <summary>Nothing typed yet.</summary>
    public static readonly ServiceForm Empty = new("", "", "any", null, "", "");
}
