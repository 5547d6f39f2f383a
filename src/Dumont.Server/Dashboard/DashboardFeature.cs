using Dumont.Server.Instances;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Dashboard;

/// <summary>The pages that join several features: home, instances, one instance, a new instance. It decides nothing; it shows and passes on.</summary>
internal static class DashboardFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddDashboard(this IServiceCollection services)
    {
        services.AddSingleton<InstanceReader>();
        services.AddSingleton<Quotes>();
        services.AddSingleton<ILiveView, HomeView>();
        services.AddSingleton<ILiveView, InstancesView>();
        services.AddSingleton<ILiveView, InstanceView>();
        services.AddHostedService<InstanceSignals>();
    }

    /// <summary>Maps the pages.</summary>
    public static void MapDashboard(this IEndpointRouteBuilder routes) =>
        routes.MapPages(pages =>
        {
            DashboardPages.Map(pages);
            InstanceActionPages.Map(pages);
            NewInstancePages.Map(pages);
        });

    // What the reconcilers have looked at again may look different on a page.
    private sealed class InstanceSignals(InstanceChanges changes, LiveHub hub) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            changes.Changed += hub.Mark;
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            changes.Changed -= hub.Mark;
            return Task.CompletedTask;
        }
    }
}
