using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;
using Dumont.Server.Recovery;
using Dumont.Server.Standby;

namespace Dumont.Server.Dashboard;

/// <summary>What can be done with an instance. Each action is the API's own; what costs or destroys is asked first, on a page that lists what follows.</summary>
internal static class InstanceActionPages
{
    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        var one = pages.MapGroup("/instances/{id}");
        one.MapPost("/pause", PauseAsync);
        one.MapPost("/resume", ResumeAsync);
        one.MapGet("/failover", AskFailoverAsync);
        one.MapPost("/failover", FailoverAsync);
        one.MapGet("/recover", AskRecoverAsync);
        one.MapPost("/recover", RecoverAsync);
        one.MapGet("/standby-on", AskStandbyOnAsync);
        one.MapPost("/standby-on", StandbyOnAsync);
        one.MapGet("/standby-off", AskStandbyOffAsync);
        one.MapPost("/standby-off", StandbyOffAsync);
        one.MapGet("/delete", AskDeleteAsync);
        one.MapPost("/delete", DeleteAsync);
    }

    private static async Task<IResult> PauseAsync(
        InstanceId id, HttpContext context, Caller caller, InstancesEndpoints.Actions actions, CancellationToken cancellationToken) =>
        Back(context, id, "done.pause", await actions.RunAsync(caller, id, InstanceDesired.Paused, InstanceStatus.Paused, TimeSpan.Zero, cancellationToken));

    private static async Task<IResult> ResumeAsync(
        InstanceId id, HttpContext context, Caller caller, InstancesEndpoints.Actions actions, CancellationToken cancellationToken) =>
        Back(context, id, "done.resume", await actions.RunAsync(caller, id, InstanceDesired.Running, InstanceStatus.Running, TimeSpan.Zero, cancellationToken));

    private static Task<IResult> AskFailoverAsync(
        InstanceId id, HttpContext context, Caller caller, InstanceReader reader, CancellationToken cancellationToken) =>
        AskAsync(id, context, caller, reader, (model, ui) => Page.Show<ConfirmPage>(context, new
        {
            Section = "instances",
            Title = ui.Format("failover.ask", model.Instance.Label),
            Consequences = (List<string>)
            [
                ui["failover.ask.standby"],
                ui.Format("failover.ask.rpo", model.Pair?.RpoSeconds is { } rpo ? ui.Duration(TimeSpan.FromSeconds(Math.Round(rpo, 1))) : ui["unknown"]),
                ui.Format("failover.ask.gpu", ui.PerHour(model.Instance.DphTotal)),
                ui["failover.ask.lost"],
            ],
            Button = ui["action.failover"],
            Action = $"/instances/{id}/failover",
            Back = $"/instances/{id}",
            Command = $"dumont failover simulate {id}",
        }), cancellationToken);

    private static async Task<IResult> FailoverAsync(
        InstanceId id, HttpContext context, Caller caller, FailoverService service, CancellationToken cancellationToken) =>
        Back(context, id, "done.failover", await FailoverEndpoints.StartAsync(id, caller, service, reason: null, cancellationToken));

    private static Task<IResult> AskRecoverAsync(
        InstanceId id, HttpContext context, Caller caller, InstanceReader reader, CancellationToken cancellationToken) =>
        AskAsync(id, context, caller, reader, (model, ui) => Page.Show<ConfirmPage>(context, new
        {
            Section = "instances",
            Title = ui.Format("recovery.ask", model.Instance.Label),
            Consequences = (List<string>)
            [
                model.Cold is { SnapshotId: { } snapshot, ExpectedRpoSeconds: { } age }
                    ? ui.Format("recovery.ask.snapshot", snapshot, ui.Duration(TimeSpan.FromSeconds(age)))
                    : ui["recovery.behind.none"],
                ui.Format("recovery.ask.gpu", ui.PerHour(model.Instance.DphTotal)),
                ui["recovery.ask.lost"],
            ],
            Button = ui["action.recover"],
            Action = $"/instances/{id}/recover",
            Back = $"/instances/{id}",
            Command = $"dumont instance recover {id}",
        }), cancellationToken);

    private static async Task<IResult> RecoverAsync(
        InstanceId id, HttpContext context, Caller caller, RecoveryService service, CancellationToken cancellationToken) =>
        Back(context, id, "done.recover", await RecoveryEndpoints.RecoverAsync(id, request: null, caller, service, cancellationToken));

    private static Task<IResult> AskStandbyOnAsync(
        InstanceId id, HttpContext context, Caller caller, InstanceReader reader, Quotes quotes, CancellationToken cancellationToken) =>
        AskAsync(id, context, caller, reader, async (model, ui) =>
        {
            var price = await quotes.FindStandbyAsync(caller.UserId, model.Instance.DiskSpace, cancellationToken);
            return Page.Show<ConfirmPage>(context, new
            {
                Section = "instances",
                Title = ui.Format("standby.ask_on", model.Instance.Label),
                Consequences = (List<string>)
                [
                    ui["standby.ask_on.what"],
                    price is { } known ? ui.Format("standby.ask_on.cost", ui.PerHour(known), ui.Language.UsdCents(known * 720)) : ui["standby.ask_on.no_price"],
                ],
                UsdPerHour = price ?? 0,
                Button = ui["action.standby_on"],
                Action = $"/instances/{id}/standby-on",
                Back = $"/instances/{id}",
                Command = $"dumont standby provision {id}",
            });
        }, cancellationToken);

    private static async Task<IResult> StandbyOnAsync(
        InstanceId id,
        HttpContext context,
        Caller caller,
        Database database,
        InstanceStore instances,
        AssociationStore associations,
        StandbyViews views,
        AutoStandby autoStandby,
        WorkQueue queue,
        CancellationToken cancellationToken) =>
        Back(
            context,
            id,
            "done.standby_on",
            await StandbyEndpoints.ProvisionAsync(id, caller, database, instances, associations, views, autoStandby, queue, cancellationToken));

    private static Task<IResult> AskStandbyOffAsync(
        InstanceId id, HttpContext context, Caller caller, InstanceReader reader, CancellationToken cancellationToken) =>
        AskAsync(id, context, caller, reader, (model, ui) => Page.Show<ConfirmPage>(context, new
        {
            Section = "instances",
            Title = ui.Format("standby.ask_off", model.Instance.Label),
            Consequences = (List<string>)[ui["standby.ask_off.what"], ui["standby.ask_off.risk"]],
            UsdPerHour = -(model.Pair?.CpuStandby.DphTotal ?? 0),
            Button = ui["action.standby_off"],
            Action = $"/instances/{id}/standby-off",
            Back = $"/instances/{id}",
            Command = $"dumont standby delete {id}",
        }), cancellationToken);

    private static async Task<IResult> StandbyOffAsync(
        InstanceId id, HttpContext context, Caller caller, AssociationStore associations, WorkQueue queue, CancellationToken cancellationToken) =>
        Back(context, id, "done.standby_off", await StandbyEndpoints.ReleaseAsync(id, caller, associations, queue, cancellationToken));

    private static Task<IResult> AskDeleteAsync(
        InstanceId id, HttpContext context, Caller caller, InstanceReader reader, CancellationToken cancellationToken) =>
        AskAsync(id, context, caller, reader, (model, ui) => DeletePage(context, model, ui, labelError: null), cancellationToken);

    private static async Task<IResult> DeleteAsync(
        InstanceId id, HttpContext context, Caller caller, InstanceReader reader, InstanceService service, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var ui = new Ui(Language.Of(context.Request));
        if (await reader.FindAsync(caller.UserId, id, ui, cancellationToken) is not { } model)
        {
            return Problems.Unknown("instance", id);
        }

        if (HoldsWork(model) && form["label"].ToString().Trim() != model.Instance.Label.Trim())
        {
            return DeletePage(context, model, ui, ui["confirm.type.error"]);
        }

        var destroyStandby = form["keep_standby"] != "true";
        return await service.DeleteAsync(caller.UserId, id, DeleteReason.UserRequest, destroyStandby, cancellationToken)
            ? Page.GoTo(context, "/instances", ui.Format("done.delete", model.Instance.Label))
            : Problems.Unknown("instance", id);
    }

    private static IResult DeletePage(HttpContext context, InstanceModel model, Ui ui, string? labelError)
    {
        var (instance, consequences) = (model.Instance, new List<string>());
        consequences.Add(HoldsWork(model)
            ? ui.Format("delete.disk", ui.Language.Number(instance.DiskSpace))
            : ui["delete.nothing"]);
        consequences.Add(ui.Format("delete.machine", instance.GpuName ?? "", instance.Geolocation ?? ""));
        if (model.Pair is { } pair)
        {
            consequences.Add(ui.Format("delete.standby", pair.CpuStandby.Name ?? ui["none"]));
            if (pair.RpoSeconds is > 0 and { } rpo)
            {
                consequences.Add(ui.Format("delete.unsent", ui.Duration(TimeSpan.FromSeconds(Math.Round(rpo, 1)))));
            }
        }

        return Page.Show<ConfirmPage>(
            context,
            new
            {
                Section = "instances",
                Title = ui.Format("delete.ask", instance.Label),
                Consequences = consequences,
                Choices = model.Pair is null ? (List<(string, string)>)[] : [("keep_standby", ui["delete.keep_standby"])],
                Label = HoldsWork(model) ? instance.Label : null,
                LabelError = labelError,
                UsdPerHour = -Costs.RunningUsdPerHour(instance),
                Button = ui["action.delete"],
                Action = $"/instances/{instance.Id}/delete",
                Back = $"/instances/{instance.Id}",
                Command = $"dumont instance delete {instance.Id}",
            },
            labelError is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);
    }

    // What never ran has nothing on its disk.
    private static bool HoldsWork(InstanceModel model) => model.Instance.StartDate is not null;

    private static Task<IResult> AskAsync(
        InstanceId id, HttpContext context, Caller caller, InstanceReader reader, Func<InstanceModel, Ui, IResult> show, CancellationToken cancellationToken) =>
        AskAsync(id, context, caller, reader, (model, ui) => Task.FromResult(show(model, ui)), cancellationToken);

    private static async Task<IResult> AskAsync(
        InstanceId id, HttpContext context, Caller caller, InstanceReader reader, Func<InstanceModel, Ui, Task<IResult>> show, CancellationToken cancellationToken)
    {
        var ui = new Ui(Language.Of(context.Request));
        return await reader.FindAsync(caller.UserId, id, ui, cancellationToken) is { } model ? await show(model, ui) : Problems.Unknown("instance", id);
    }

    private static IResult Back(HttpContext context, InstanceId id, string done, IResult result) =>
        result is Problem problem
            ? Page.GoTo(context, $"/instances/{id}", problem)
            : Page.GoTo(context, $"/instances/{id}", new Ui(Language.Of(context.Request))[done]);
}
