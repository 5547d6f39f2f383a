using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Migration;

/// <summary>Moving an instance: where to, what it would take, how far it is.</summary>
internal static class MigrationPages
{
    private const string Path = "/instances/{id}/migrate";

    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Path, (InstanceId id, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken) =>
            PageAsync(id, context, caller, services, new Outcome(), cancellationToken));
        pages.MapPost(Path, MoveAsync);
        pages.MapPost("/migrations/{number:long}/cancel", CancelAsync);
        pages.MapGet("/migrations/{number:long}/release-source", AskReleaseAsync);
        pages.MapPost("/migrations/{number:long}/release-source", ReleaseAsync);
    }

    private static async Task<IResult> MoveAsync(InstanceId id, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var form = new MigrateForm(
            sent["target_type"] == "cpu" ? "cpu" : "gpu", Text("gpu_name"), Text("max_price"), Text("region"), Text("disk_size"), Text("target_offer_id"), sent["keep_source"] == "true");
        if (sent["step"] == "move")
        {
            var (number, _, refused) = await services.Service.BeginAsync(caller.UserId, id, RequestOf(form), cancellationToken);
            return refused is null
                ? Page.GoTo(context, $"/instances/{id}/migrate", new Ui(Language.Of(context.Request)).Format("move.begun", number!.Value))
                : await PageAsync(id, context, caller, services, new Outcome { Form = form, Problem = refused }, cancellationToken);
        }

        var (estimate, problem) = await services.Service.EstimateAsync(caller.UserId, id, RequestOf(form), cancellationToken);
        return await PageAsync(id, context, caller, services, new Outcome { Form = form, Estimate = estimate, Problem = problem }, cancellationToken);

        string Text(string name) => sent[name].ToString().Trim();
    }

    private static async Task<IResult> CancelAsync(long number, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        if (await services.Views.FindAsync(caller.UserId, number, cancellationToken) is not { } migration)
        {
            return Problems.Unknown("migration", number);
        }

        var problem = await services.Service.CancelAsync(caller.UserId, number, cancellationToken);
        return problem is null ? Back(context, migration, "move.cancelled") : Page.GoTo(context, $"/instances/{migration.InstanceId}/migrate", problem);
    }

    private static async Task<IResult> AskReleaseAsync(long number, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        if (await services.Views.FindAsync(caller.UserId, number, cancellationToken) is not { SourceKept: true } migration)
        {
            return Problems.Unknown("migration", number);
        }

        var ui = new Ui(Language.Of(context.Request));
        return Page.Show<ConfirmPage>(
            context,
            new
            {
                Section = "instances",
                Title = ui["move.release"],
                Consequences = (IReadOnlyList<string>)[ui["move.release.what"]],
                Button = ui["move.release"],
                Action = $"/migrations/{number}/release-source",
                Back = $"/instances/{migration.InstanceId}/migrate",
                Command = $"dumont migration release-source {number}",
            });
    }

    private static async Task<IResult> ReleaseAsync(long number, HttpContext context, Caller caller, Services services, CancellationToken cancellationToken)
    {
        if (await services.Views.FindAsync(caller.UserId, number, cancellationToken) is not { } migration)
        {
            return Problems.Unknown("migration", number);
        }

        var problem = await services.Service.ReleaseSourceAsync(caller.UserId, number, cancellationToken);
        return problem is null ? Back(context, migration, "move.released") : Page.GoTo(context, $"/instances/{migration.InstanceId}/migrate", problem);
    }

    private static IResult Back(HttpContext context, MigrationResponse migration, string done) =>
        Page.GoTo(context, $"/instances/{migration.InstanceId}/migrate", new Ui(Language.Of(context.Request))[done]);

    private static async Task<IResult> PageAsync(
        InstanceId id, HttpContext context, Caller caller, Services services, Outcome outcome, CancellationToken cancellationToken)
    {
        var ui = new Ui(Language.Of(context.Request));
        if (await services.Instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is not { } instance
            || await services.Hub.ShowAsync(new LiveKey(MigrationsView.ViewName, caller.UserId, id.ToString(), ui.Language.Tag), cancellationToken) is not { } live)
        {
            return Problems.Unknown("instance", id);
        }

        var problem = outcome.Problem;
        return Page.Show<MigratePage>(
            context,
            new
            {
                live.Stream,
                Id = id,
                instance.Label,
                outcome.Form,
                outcome.Estimate,
                live.Content,
                // The rules' own words: those of other forms say what a number must be, not why this one will not do.
                Errors = (IReadOnlyDictionary<string, string>)(problem?.Fields?.ToDictionary(error => error.Field, error => ProblemTexts.MessageOf(error, ui.Language)) ?? []),
                Problem = problem is { Fields: null } ? ProblemTexts.Of(ui, problem) : null,
            },
            problem?.Kind.Status ?? StatusCodes.Status200OK);
    }

    // What is no number is sent as one that no rule takes, and is refused by its field.
    private static MigrateRequest RequestOf(MigrateForm form) =>
        new()
        {
            TargetType = form.TargetType,
            GpuName = form.GpuName.Length > 0 ? form.GpuName : null,
            MaxPrice = form.MaxPrice.Length == 0 ? null : decimal.TryParse(form.MaxPrice, NumberStyles.Number, CultureInfo.InvariantCulture, out var price) ? price : 0,
            Region = form.Region.Length > 0 ? form.Region : null,
            DiskSize = form.DiskSize.Length == 0 ? null : double.TryParse(form.DiskSize, NumberStyles.Number, CultureInfo.InvariantCulture, out var disk) ? disk : 0,
            TargetOfferId = form.OfferId.Length > 0 ? form.OfferId : null,
            AutoDestroySource = !form.KeepSource,
        };

    /// <summary>What the pages work with.</summary>
    internal sealed class Services(MigrationService service, MigrationViews views, InstanceStore instances, LiveHub hub)
    {
        public MigrationService Service => service;

        public MigrationViews Views => views;

        public InstanceStore Instances => instances;

        public LiveHub Hub => hub;
    }

    private sealed record Outcome
    {
        public MigrateForm Form { get; init; } = new("gpu", "", "", "", "", "", KeepSource: false);

        public MigrationEstimateResponse? Estimate { get; init; }

        public Problem? Problem { get; init; }
    }
}

/// <summary>The form as it was typed.</summary>
/// <param name="TargetType">gpu or cpu.</param>
/// <param name="GpuName">Empty for a CPU machine, or with an offer.</param>
/// <param name="MaxPrice">Empty for the default.</param>
/// <param name="Region">Empty for anywhere.</param>
/// <param name="DiskSize">Empty for the instance's own.</param>
/// <param name="OfferId">Empty for the cheapest.</param>
/// <param name="KeepSource">Stop the old machine rather than give it back.</param>
public sealed record MigrateForm(string TargetType, string GpuName, string MaxPrice, string Region, string DiskSize, string OfferId, bool KeepSource);
