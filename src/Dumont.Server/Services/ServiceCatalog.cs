using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;

namespace Dumont.Server.Services;

/// <summary>What runs by itself on an instance: as it is declared, and as its machine tells.</summary>
internal sealed class ServiceCatalog(InstanceStore instances, ServiceStore store, AgentHub hub, WorkQueue queue)
{
    /// <summary>What an instance has; null when the user has none of that id.</summary>
    public async Task<InstanceServicesResponse?> FindAsync(UserId user, InstanceId id, CancellationToken cancellationToken) =>
        await instances.FindOfUserAsync(user, id, cancellationToken) is { } instance
            ? ToResponse(instance, await store.GetAsync(id, cancellationToken), instance.WriterMachineId is { } writer ? hub.Find(writer) : null)
            : null;

    /// <summary>Changes what is declared; false when <paramref name="change"/> finds nothing to change.</summary>
    public async Task<bool> ChangeAsync(UserId user, InstanceId id, Func<DeclaredServices, DeclaredServices?> change, CancellationToken cancellationToken)
    {
        var isChanged = await store.ChangeAsync(user, id, change, cancellationToken);
        queue.Pulse();
        return isChanged;
    }

    private static InstanceServicesResponse ToResponse(Instance instance, DeclaredServices declared, AgentSighting? sighting)
    {
        var report = sighting is { Connected: true } ? sighting.Report : null;
        return new InstanceServicesResponse(
            instance.Id,
            [.. declared.Services.Select(service => ToResponse(service, report))],
            ToResponse(declared.OnFailover),
            ToResponse(declared.OnRecovery),
            report?.Hook is { } hook ? new HookRunResponse(hook.Name, hook.Number, InstanceViews.Word(hook.State), hook.ExitCode, Math.Round(hook.Seconds, 1)) : null);
    }

    private static ServiceResponse ToResponse(DeclaredService service, AgentReport? report)
    {
        var told = report?.Services?.FirstOrDefault(each => each.Name == service.Name);
        return new ServiceResponse
        {
            Name = service.Name,
            Command = service.Command,
            RunsOn = InstanceViews.Word(service.RunsOn),
            State = report is null ? "unknown" : InstanceViews.Word(told?.State ?? AgentServiceState.Waiting),
            Restarts = told?.Restarts ?? 0,
            ExitCode = told?.ExitCode,
            Since = told?.Since,
        };
    }

    private static HookResponse? ToResponse(DeclaredHook? hook) => hook is null ? null : new HookResponse(hook.Command, hook.Timeout.TotalSeconds);
}
