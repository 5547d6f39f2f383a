using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dumont.Server.OwnMachines;

/// <summary>The user's own machines: what they are at, joining in two steps, checking and removing.</summary>
internal static class OwnMachinePages
{
    private const string Path = "/settings/own-machines";

    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, JoinAsync);
        pages.MapPost(Path + "/{id:long}/check", CheckAsync);
        pages.MapGet(Path + "/{id:long}/remove", AskRemoveAsync);
        pages.MapPost(Path + "/{id:long}/remove", RemoveAsync);
    }

    private static Task<IResult> ShowAsync(HttpContext context, Caller caller, LiveHub hub, OwnMachineAccess access, CancellationToken cancellationToken) =>
        PageAsync(context, caller, hub, access, new Outcome(new OwnMachineForm()), cancellationToken);

    private static async Task<IResult> JoinAsync(
        HttpContext context, Caller caller, LiveHub hub, OwnMachineService service, OwnMachineAccess access, CancellationToken cancellationToken)
    {
        var (form, privateKey) = OwnMachineForm.Read(await context.Request.ReadFormAsync(cancellationToken));
        var (request, errors) = form.ToRequest(privateKey);
        if (errors.Count > 0)
        {
            return await PageAsync(context, caller, hub, access, new Outcome(form) { Errors = errors, Seen = request.HostKeyFingerprint }, cancellationToken);
        }

        var ui = new Ui(Language.Of(context.Request));
        switch (await service.JoinAsync(caller.UserId, request, cancellationToken))
        {
            case JoinResult.Joined:
                return Page.GoTo(context, Path, ui.Format("own.joined", form.Name.Length > 0 ? form.Name : form.Host));
            case JoinResult.Unconfirmed(var fingerprint):
                return await PageAsync(context, caller, hub, access, new Outcome(form) { Seen = fingerprint }, cancellationToken);
            case var result:
                var key = (await access.EnsureKeyAsync(caller.UserId, cancellationToken)).PublicKey;
                var problem = OwnMachineEndpoints.ProblemOf(result, request, key);

                // A key that was compared stays compared; one that has changed since has to be compared anew, from the first step.
                var seen = result is JoinResult.OtherHostKey ? null : request.HostKeyFingerprint;
                return await PageAsync(context, caller, hub, access, new Outcome(form) { Problem = problem, Seen = seen }, cancellationToken);
        }
    }

    private static async Task<IResult> CheckAsync(
        long id, HttpContext context, Caller caller, OwnMachineService service, OwnMachineStore store, CancellationToken cancellationToken)
    {
        var ui = new Ui(Language.Of(context.Request));
        return (await OwnMachineEndpoints.CheckAsync(id, caller, service, store, cancellationToken)).Result switch
        {
            Ok<OwnMachineResponse> { Value: { } machine } =>
                Page.GoTo(context, Path, ui.Format("own.check.done", machine.Name, ui[OwnMachineList.StateOf(machine)])),
            var problem => problem,
        };
    }

    private static async Task<IResult> AskRemoveAsync(
        long id, HttpContext context, Caller caller, OwnMachineStore store, CancellationToken cancellationToken) =>
        await store.FindAsync(caller.UserId, id, cancellationToken) is { } machine
            ? RemovePage(context, machine, labelError: null, problem: null)
            : Problems.Unknown("own machine", id);

    private static async Task<IResult> RemoveAsync(
        long id, HttpContext context, Caller caller, OwnMachineStore store, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(caller.UserId, id, cancellationToken) is not { } machine)
        {
            return Problems.Unknown("own machine", id);
        }

        // Typing its name is the word that it is gone for good; without it nothing is forced.
        var ui = new Ui(Language.Of(context.Request));
        var typed = (await context.Request.ReadFormAsync(cancellationToken))["label"].ToString().Trim();
        if (OwnMachinePolicy.IsLost(machine) && machine.Tenant is not null && typed != machine.Name)
        {
            return RemovePage(context, machine, ui["confirm.type.error"], problem: null);
        }

        return (await OwnMachineEndpoints.RemoveAsync(id, caller, store, cancellationToken, force: typed == machine.Name)).Result is Problem problem
            ? RemovePage(context, machine, labelError: null, problem)
            : Page.GoTo(context, Path, ui.Format("own.removed", machine.Name));
    }

    private static IResult RemovePage(HttpContext context, OwnMachine machine, string? labelError, Problem? problem)
    {
        var ui = new Ui(Language.Of(context.Request));
        var (isLost, tenant) = (OwnMachinePolicy.IsLost(machine), machine.Tenant);
        var isInUse = tenant is not null && !isLost;
        List<string> consequences = tenant is null
            ? [ui["own.remove.offer"], ui["own.remove.key"]]
            : isLost ? [ui.Format("own.remove.lost", tenant.InstanceId), ui["own.remove.work"], ui["own.remove.return"]]
            : [ui.Format("own.remove.in_use", tenant.InstanceId), ProblemTexts.Of(Problems.OwnMachineInUse, ui.Language).Hint];
        return Page.Show<ConfirmPage>(
            context,
            new
            {
                Section = "settings",
                Title = ui.Format("own.remove.ask", machine.Name),
                Consequences = consequences,
                Label = isLost && tenant is not null ? machine.Name : null,
                LabelError = labelError,
                Problem = problem is null ? null : ProblemTexts.Of(ui, problem),
                Button = ui["settings.remove"],
                Action = $"{Path}/{machine.Id}/remove",
                InsteadPath = isInUse ? $"/instances/{tenant!.InstanceId}" : null,
                Instead = isInUse ? ui.Format("own.instance", tenant!.InstanceId) : null,
                Back = Path,
                Command = $"dumont own-machine remove {machine.Id}" + (isLost && tenant is not null ? " force=true" : ""),
            },
            problem?.Kind.Status ?? (labelError is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity));
    }

    private static async Task<IResult> PageAsync(
        HttpContext context, Caller caller, LiveHub hub, OwnMachineAccess access, Outcome outcome, CancellationToken cancellationToken)
    {
        var ui = new Ui(Language.Of(context.Request));
        var page = (await hub.ShowAsync(new LiveKey(OwnMachinesView.ViewName, caller.UserId, "", ui.Language.Tag), cancellationToken))!;
        var problem = outcome.Problem;
        return Page.Show<OwnMachinesPage>(
            context,
            new
            {
                page.Content,
                page.Stream,
                PublicKey = (await access.EnsureKeyAsync(caller.UserId, cancellationToken)).PublicKey,
                outcome.Form,
                outcome.Seen,
                Errors = (IReadOnlyDictionary<string, string>)outcome.Errors.ToDictionary(error => error.Key, error => ProblemTexts.OfField(ui, error.Value)),
                ProblemTitle = problem is null ? null : ProblemTexts.TitleOf(ui, problem.Kind.Code),
                ProblemDetail = problem is null ? null : $"{ProblemTexts.DetailOf(problem, ui.Language)} {ProblemTexts.Of(problem.Kind, ui.Language).Hint}",
            },
            problem?.Kind.Status ?? (outcome.Errors.Count > 0 ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK));
    }

    /// <summary>How a try to join ended.</summary>
    private sealed record Outcome(OwnMachineForm Form)
    {
        public IReadOnlyDictionary<string, FieldError> Errors { get; init; } = new Dictionary<string, FieldError>();

        public Problem? Problem { get; init; }

        public string? Seen { get; init; }
    }
}
