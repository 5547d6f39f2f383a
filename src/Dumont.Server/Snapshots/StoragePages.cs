using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>Where snapshots go, with a button that tries it.</summary>
internal static class StoragePages
{
    private const string Path = "/settings/storage";

    /// <summary>Maps the page.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, SetAsync);
    }

    private static async Task<IResult> ShowAsync(
        HttpContext context, Caller caller, StorageSettingsStore store, IOptions<SnapshotsOptions> options, CancellationToken cancellationToken) =>
        PageOf(context, (await StorageEndpoints.GetAsync(caller, store, options, cancellationToken)).Settings, problem: null, detail: null);

    private static async Task<IResult> SetAsync(
        HttpContext context,
        Caller caller,
        StorageSettingsStore store,
        StorageTest test,
        IOptions<SnapshotsOptions> options,
        CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var request = new UpdateStorageRequest
        {
            PrimaryProvider = sent["primary_provider"],
            Engine = sent["engine"],
            Endpoint = Text("endpoint"),
            Region = Text("region"),
            Bucket = Text("bucket"),
            AccessKey = Text("access_key"),
            SecretKey = Text("secret_key"),
        };
        var ui = new Ui(Language.Of(context.Request));
        if (await StorageEndpoints.SetAsync(request, caller, store, cancellationToken) is Problem problem)
        {
            var typed = new StorageView(
                request.PrimaryProvider ?? "", request.Engine ?? "", request.Endpoint ?? "", request.Region ?? "", request.Bucket ?? "", "", request.AccessKey, null, "");
            return PageOf(context, typed, problem, detail: null);
        }

        if (sent["test"] != "true")
        {
            return Page.GoTo(context, Path, ui["settings.saved"]);
        }

        var kept = (await StorageEndpoints.GetAsync(caller, store, options, cancellationToken)).Settings;
        return await StorageEndpoints.TestAsync(request: null, caller, store, test, cancellationToken) switch
        {
            Ok<StorageTestResponse> { Value.Success: true } => Page.GoTo(context, Path, ui["storage.tested"]),
            Ok<StorageTestResponse> { Value: { } failed } => PageOf(context, kept, problem: null, failed.Message),
            Problem refused => PageOf(context, kept, refused, detail: null),
            var other => other,
        };

        // An address that is left empty follows from the region.
        string? Text(string field) => sent[field].ToString().Trim() is { Length: > 0 } text ? text : field == "endpoint" ? null : "";
    }

    private static IResult PageOf(HttpContext context, StorageView settings, Problem? problem, string? detail)
    {
        var ui = new Ui(Language.Of(context.Request));
        return Page.Show<StorageSettingsPage>(
            context,
            new
            {
                Settings = settings,
                Errors = (IReadOnlyDictionary<string, string>)(problem?.Fields?.DistinctBy(error => error.Field)
                    .ToDictionary(error => error.Field, error => ProblemTexts.OfField(ui, error)) ?? []),
                Problem = detail is not null ? ui["storage.test.failed"] : problem is { Fields: null } ? ProblemTexts.Of(ui, problem) : null,
                Detail = detail,
            },
            problem?.Kind.Status ?? StatusCodes.Status200OK);
    }
}
