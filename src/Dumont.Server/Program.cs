using Dumont.Server.Agents;
using Dumont.Server.Auth;
using Dumont.Server.Dashboard;
using Dumont.Server.Gateway;
using Dumont.Server.Health;
using Dumont.Server.Hosts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Market;
using Dumont.Server.Migration;
using Dumont.Server.Offers;
using Dumont.Server.OwnMachines;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Web;
using Dumont.Server.Recovery;
using Dumont.Server.Services;
using Dumont.Server.Settings;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;
using Dumont.Server.Telemetry;

namespace Dumont.Server;

/// <summary>The control plane.</summary>
internal static class Program
{
    /// <summary>Runs until it is told to stop.</summary>
    public static async Task Main(string[] args)
    {
        await using var app = Build(args);
        await app.RunAsync();
    }

    /// <summary>The composed server. <paramref name="adjust"/> comes after all registrations, so that tests can put fakes in their place.</summary>
    internal static WebApplication Build(string[] args, Action<WebApplicationBuilder>? adjust = null)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.AddPlatform();
        builder.Services.AddTelemetry();
        builder.Services.AddHealth();
        builder.Services.AddAuth();
        builder.Services.AddOwnMachines();
        builder.Services.AddSettings();
        builder.Services.AddHosts();
        builder.Services.AddOffers();
        builder.Services.AddMachines();
        builder.Services.AddAgents();
        builder.Services.AddInstances();
        builder.Services.AddGateway();
        builder.Services.AddStandby();
        builder.Services.AddMigration();
        builder.Services.AddInstanceServices();
        builder.Services.AddSnapshots();
        builder.Services.AddRecovery();
        builder.Services.AddMarket();
        builder.Services.AddDashboard();
        adjust?.Invoke(builder);

        var app = builder.Build();
        app.UseTelemetry();
        app.UseWebPipeline();
        app.MapHealth();
        app.MapAuth();
        app.MapOwnMachines();
        app.MapSettings();
        app.MapHosts();
        app.MapOffers();
        app.MapAgents();
        app.MapInstances();
        app.MapStandby();
        app.MapMigration();
        app.MapInstanceServices();
        app.MapSnapshots();
        app.MapRecovery();
        app.MapMarket();
        app.MapDashboard();
        return app;
    }
}
