using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Services;

/// <summary>HTTP of services and hooks.</summary>
internal static class ServiceEndpoints
{
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/instances/{id}").WithTags("services");
        group.MapGet("/services", GetAsync).RequireScope(Scopes.InstancesRead).Produces<InstanceServicesResponse>().WithSummary("What runs by itself on an instance");
        group.MapPut("/services/{name}", SetServiceAsync).RequireScope(Scopes.InstancesWrite).Produces<InstanceServicesResponse>()
            .WithSummary("Keep a command running on the machine that writes");
        group.MapDelete("/services/{name}", RemoveServiceAsync).RequireScope(Scopes.InstancesWrite).Produces<InstanceServicesResponse>().WithSummary("End a service");
        group.MapPut("/hooks/{name}", SetHookAsync).RequireScope(Scopes.InstancesWrite).Produces<InstanceServicesResponse>()
            .WithSummary("Run a command once whenever a machine takes over");
        group.MapDelete("/hooks/{name}", RemoveHookAsync).RequireScope(Scopes.InstancesWrite).Produces<InstanceServicesResponse>().WithSummary("Take a hook away");
    }

    private static async Task<IResult> GetAsync(InstanceId id, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken) =>
        await catalog.FindAsync(caller.UserId, id, cancellationToken) is { } found ? TypedResults.Ok(found) : Problems.Unknown("instance", id);

    internal static async Task<IResult> SetServiceAsync(
        InstanceId id, string name, SetServiceRequest request, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken)
    {
        var errors = new List<FieldError>();
        if (ServiceRules.ToService(name, request, errors) is not { } service)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        var tooMany = new Problem(Problems.Conflict, $"The instance has {ServiceRules.ServicesMax} services, as many as allowed. Remove one first.");
        return await ChangeAsync(id, before => ServiceRules.With(before, service), tooMany, caller, catalog, cancellationToken);
    }

    internal static Task<IResult> RemoveServiceAsync(InstanceId id, string name, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken) =>
        ChangeAsync(id, before => ServiceRules.Without(before, name), Problems.Unknown("service", name), caller, catalog, cancellationToken);

    internal static async Task<IResult> SetHookAsync(
        InstanceId id, string name, SetHookRequest request, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken)
    {
        var errors = new List<FieldError>();
        return ServiceRules.ToHook(name, request, errors) is { } hook
            ? await ChangeAsync(id, before => ServiceRules.With(before, name, hook), Problems.Unknown("hook", name), caller, catalog, cancellationToken)
            : new Problem(Problems.Validation, Problems.Validation.Title, errors);
    }

    internal static Task<IResult> RemoveHookAsync(InstanceId id, string name, Caller caller, ServiceCatalog catalog, CancellationToken cancellationToken) =>
        ChangeAsync(id, before => ServiceRules.With(before, name, null), Problems.Unknown("hook", name), caller, catalog, cancellationToken);

    private static async Task<IResult> ChangeAsync(
        InstanceId id,
        Func<DeclaredServices, DeclaredServices?> change,
        Problem otherwise,
        Caller caller,
        ServiceCatalog catalog,
        CancellationToken cancellationToken)
    {
        if (await catalog.FindAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        return await catalog.ChangeAsync(caller.UserId, id, change, cancellationToken) ? await GetAsync(id, caller, catalog, cancellationToken) : otherwise;
    }
}
