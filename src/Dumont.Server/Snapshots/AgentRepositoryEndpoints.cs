using System.Runtime.CompilerServices;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Platform.Web;
using Dumont.Snapshots;

namespace Dumont.Server.Snapshots;

/// <summary>Repositories as machines see them: our own objects, and restic's REST protocol, version 2
/// (https://restic.readthedocs.io/en/stable/REST_backend.html). Both only add.</summary>
internal static class AgentRepositoryEndpoints
{
    private const string ResticList = "application/vnd.x.restic.rest.v2";
    private const int ResticNameLength = 64;

    private static readonly string[] ResticTypes = ["data", "keys", "locks", "snapshots", "index"];

    /// <summary>Maps the routes. The machine's own token is checked inside; a user's token opens nothing here.</summary>
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/agent/repositories/{id:long}").AllowAnonymous().ExcludeFromDescription();
        group.MapGet("/objects", ListAsync);
        group.MapGet("/objects/{**name}", (long id, string name, HttpContext context) => ServeAsync(id, context, ResticlessName(name), GetAsync));
        group.MapPut("/objects/{**name}", (long id, string name, HttpContext context) => ServeAsync(id, context, ResticlessName(name), PutAsync));
        group.MapDelete("/objects/{**name}", (long id, string name, HttpContext context) => ServeAsync(id, context, ResticlessName(name), DeleteAsync));
        group.MapGet("/restic/{**path}", ResticGetAsync);
        group.MapPost("/restic/{**path}", (long id, string? path, HttpContext context) => ServeAsync(id, context, ResticName(path), PutAsync));
        group.MapDelete("/restic/{**path}", (long id, string? path, HttpContext context) => ServeAsync(id, context, ResticName(path), DeleteAsync));
    }

    private static async Task ListAsync(long id, HttpContext context, string? prefix)
    {
        await ServeAsync(id, context, "", async (_, store, _) =>
        {
            context.Response.ContentType = "application/json; charset=utf-8";
            await JsonSerializer.SerializeAsync(context.Response.Body, ItemsAsync(store, prefix ?? "", context.RequestAborted), AgentLinkJson.Default.Options, context.RequestAborted);
        });
    }

    private static async IAsyncEnumerable<AgentObject> ItemsAsync(
        IObjectStore store, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var each in store.ListAsync(prefix, cancellationToken))
        {
            yield return new AgentObject(each.Name, each.SizeBytes, each.ModifiedAt);
        }
    }

    private static Task ResticGetAsync(long id, string? path, HttpContext context)
    {
        var type = path?.TrimEnd('/') ?? "";
        return ResticTypes.Contains(type)
            ? ServeAsync(id, context, type, ResticListAsync)
            : ServeAsync(id, context, ResticName(path), GetAsync);
    }

    private static async Task ResticListAsync(HttpContext context, IObjectStore store, string type)
    {
        var items = new List<ResticItem>();
        await foreach (var each in store.ListAsync(type + "/", context.RequestAborted))
        {
            var name = each.Name[(each.Name.LastIndexOf('/') + 1)..];
            if (IsResticName(name))
            {
                items.Add(new ResticItem(name, each.SizeBytes));
            }
        }

        context.Response.ContentType = ResticList;
        await JsonSerializer.SerializeAsync(context.Response.Body, items, JsonSerializerOptions.Web, context.RequestAborted);
    }

    private static Task GetAsync(HttpContext context, IObjectStore store, string name) =>
        ObjectTransfer.GetAsync(context, store, name, WebPipeline.IsHead(context));

    private static async Task PutAsync(HttpContext context, IObjectStore store, string name)
    {
        var replaces = MachineAccess.IsLock(name) && context.Request.Query["mode"] == "overwrite";
        var transfer = context.RequestServices.GetRequiredService<ObjectTransfer>();
        var status = await transfer.PutAsync(context, store, name, replaces ? PutMode.Overwrite : PutMode.CreateNew);

        // restic knows nothing but 200 for a success.
        context.Response.StatusCode = status == StatusCodes.Status201Created && HttpMethods.IsPost(context.Request.Method) ? StatusCodes.Status200OK : status;
    }

    private static async Task DeleteAsync(HttpContext context, IObjectStore store, string name)
    {
        if (!MachineAccess.IsLock(name))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        await store.DeleteAsync(name, context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status200OK;
    }

    private static async Task ServeAsync(long id, HttpContext context, string? name, Func<HttpContext, IObjectStore, string, Task> serve)
    {
        var services = context.RequestServices;
        if (await services.GetRequiredService<MachineAccess>().FindAsync(context, id) is not { } repository)
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        if (name is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        try
        {
            await serve(context, services.GetRequiredService<Repositories>().OpenObjects(repository), name);
        }
        catch (ArgumentException) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
        }
        catch (ObjectStoreException failed) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = failed.Kind switch
            {
                ObjectStoreErrorKind.NotFound => StatusCodes.Status404NotFound,
                ObjectStoreErrorKind.Denied => StatusCodes.Status403Forbidden,
                ObjectStoreErrorKind.Full => StatusCodes.Status507InsufficientStorage,
                ObjectStoreErrorKind.Corrupt => StatusCodes.Status500InternalServerError,
                ObjectStoreErrorKind.Transient => StatusCodes.Status503ServiceUnavailable,
                ObjectStoreErrorKind.Protocol => StatusCodes.Status502BadGateway,
            };
        }
    }

    private static string? ResticlessName(string name) => name.Length == 0 ? null : name;

    // config, or TYPE/ID; data lies in folders named by the first two digits, as restic's own stores have it, so that restic on the server reads it too.
    private static string? ResticName(string? path) =>
        path?.Split('/') switch
        {
            ["config"] => "config",
            ["data", var name] when IsResticName(name) => $"data/{name[..2]}/{name}",
            [var type, var name] when ResticTypes.Contains(type) && IsResticName(name) => $"{type}/{name}",
            _ => null,
        };

    private static bool IsResticName(string name) => name.Length == ResticNameLength && name.All(char.IsAsciiHexDigitLower);

    private sealed record ResticItem(string Name, long Size);
}
