using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Auth;

/// <summary>The API keys of a user. A new key is shown once, on the answer to its form, and kept nowhere.</summary>
internal static class ApiKeyPages
{
    private const string Path = "/settings/api-keys";

    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, CreateAsync);
        pages.MapPost(Path + "/{id:long}/revoke", RevokeAsync);
    }

    private static async Task<IResult> ShowAsync(HttpContext context, Caller caller, ApiKeyStore keys, CancellationToken cancellationToken) =>
        Page.Show<ApiKeysPage>(context, new { Keys = (await AuthEndpoints.ListApiKeysAsync(caller, keys, cancellationToken)).Value!.ApiKeys });

    private static async Task<IResult> CreateAsync(
        HttpContext context, Caller caller, ApiKeyStore keys, TimeProvider time, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var (name, ui) = (form["key_name"].ToString().Trim(), new Ui(Language.Of(context.Request)));
        var scopes = form["scopes"].OfType<string>().ToList();
        var days = form["expires_in_days"].ToString();
        var request = new CreateApiKeyRequest
        {
            Name = name,
            Scopes = scopes.Count == 0 ? null : scopes,
            ExpiresInDays = days switch { "30" => 30, "90" => 90, "365" => 365, _ => null },
        };
        var result = name.Length is > 0 and <= 100
            ? (await AuthEndpoints.CreateApiKeyAsync(request, caller, context, keys, time, cancellationToken)).Result
            : Problems.Field("key_name", "");
        var list = (await AuthEndpoints.ListApiKeysAsync(caller, keys, cancellationToken)).Value!.ApiKeys;
        return result is Problem problem
            ? Page.Show<ApiKeysPage>(
                context, new { Keys = list, Name = name, Error = problem.Fields is { } fields ? ProblemTexts.OfField(ui, fields[0]) : ProblemTexts.DetailOf(problem, ui.Language) }, problem.Kind.Status)
            : Page.Show<ApiKeysPage>(context, new { Keys = list, Secret = ((Microsoft.AspNetCore.Http.HttpResults.Created<CreatedApiKeyResponse>)result).Value!.Key });
    }

    private static async Task<IResult> RevokeAsync(
        long id, HttpContext context, Caller caller, ApiKeyStore keys, ApiKeyCache cache, CancellationToken cancellationToken) =>
        (await AuthEndpoints.RevokeApiKeyAsync(id, caller, keys, cache, cancellationToken)).Result is Problem problem
            ? problem
            : Page.GoTo(context, Path, new Ui(Language.Of(context.Request))["api_keys.revoked"]);
}
