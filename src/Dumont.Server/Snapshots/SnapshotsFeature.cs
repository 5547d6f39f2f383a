using Dumont.Server.Agents;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Snapshots;

/// <summary>Snapshots of workspaces: taking, keeping, bringing back, and where they are.</summary>
internal static class SnapshotsFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddSnapshots(this IServiceCollection services)
    {
        services.AddOptions<SnapshotsOptions>().BindConfiguration("Snapshots").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<SnapshotStore>();
        services.AddSingleton<OperationStore>();
        services.AddSingleton<RepositoryStore>();
        services.AddSingleton<StorageSettingsStore>();
        services.AddSingleton<StoreFactory>();
        services.AddSingleton<StorageTest>();
        services.AddSingleton<IRepositoryOpener, RepositoryOpener>();
        services.AddSingleton<Repositories>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<RepositoryWork>(provider, TaskScheduler.Default));
        services.AddSingleton<MachineAccess>();
        services.AddSingleton<ObjectTransfer>();
        services.AddSingleton<OperationChanges>();
        services.AddSingleton<SnapshotMetrics>();
        services.AddSingleton<SnapshotService>();
        services.AddSingleton<SnapshotViews>();
        services.AddSingleton<RetentionStore>();
        services.AddSingleton<Retention>();
        services.AddSingleton<ScheduleStore>();
        services.AddSingleton<SnapshotEndpoints.Waiting>();
        services.AddSingleton<SnapshotPages.Services>();
        services.AddSingleton<ILiveView, SnapshotsView>();
        services.AddSingleton<IAgentWorkSource, SnapshotWork>();
        services.AddSingleton<IReconciler, OperationReconciler>();
        services.AddSingleton<IReconciler, ScheduleReconciler>();
        services.AddSingleton<IReconciler, CleanupReconciler>();
        services.AddSingleton<VerificationStore>();
        services.AddSingleton<VerificationViews>();
        services.AddSingleton<IReconciler, VerificationReconciler>();
        services.AddHostedService<VerificationStartup>();
    }

    /// <summary>Maps the feature's routes.</summary>
    public static void MapSnapshots(this IEndpointRouteBuilder routes)
    {
        routes.MapApi(SnapshotEndpoints.Map);
        routes.MapApi(RetentionEndpoints.Map);
        routes.MapApi(ScheduleEndpoints.Map);
        routes.MapApi(VerificationEndpoints.Map);
        routes.MapApi(SyncEndpoints.Map);
        routes.MapApi(StorageEndpoints.Map);
        routes.MapApi(AgentRepositoryEndpoints.Map);
        routes.MapPages(SnapshotPages.Map);
        routes.MapPages(RestorePreviewPages.Map);
        routes.MapPages(StoragePages.Map);
    }
}
