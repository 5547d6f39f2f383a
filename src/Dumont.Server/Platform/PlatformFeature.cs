using System.Reflection;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Dumont.Server.Platform.Web;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Platform;

/// <summary>What every feature stands on: options, store, keys, events, work queue, web pipeline.</summary>
internal static class PlatformFeature
{
    /// <summary>The version of this build, as shown to users.</summary>
    public static readonly string Version =
        typeof(PlatformFeature).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Registers the platform.</summary>
    public static void AddPlatform(this WebApplicationBuilder builder)
    {
        // Below every other source, so that an operator can override each.
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["Logging:LogLevel:Default"] = "Information",
                ["Logging:LogLevel:Microsoft"] = "Warning",
                ["Logging:LogLevel:System.Net.Http"] = "Warning",
                ["Logging:LogLevel:Dumont.Server.Auth.BearerAuthentication"] = "Warning",
                ["Logging:LogLevel:Dumont.Server.Auth.CookieAuthentication"] = "Warning",
                ["Logging:Console:FormatterName"] = "simple",
                ["Logging:Console:FormatterOptions:SingleLine"] = "true",
                ["Logging:Console:FormatterOptions:TimestampFormat"] = "yyyy-MM-ddTHH:mm:ss.fffZ ",
                ["Logging:Console:FormatterOptions:UseUtcTimestamp"] = "true",
            },
        });

        var services = builder.Services;
        services.AddOptions<ServerOptions>().BindConfiguration("Server").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<ServerOptions>, ServerOptionsCheck>();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(provider => MasterKey.OfDirectory(DataDirectory(provider)));
        services.AddSingleton<Database>(OpenDatabase);
        services.AddHostedService<SchemaStartup>();
        services.AddSingleton<WorkQueue>();
        services.AddSingleton<EventStore>();
        services.AddHostedService<ReconcileRunner>();
        services.AddWebPipeline();
    }

    private static Database OpenDatabase(IServiceProvider provider)
    {
        var text = provider.GetRequiredService<IOptions<ServerOptions>>().Value.Database;
        return text == "sqlite" ? SqliteDatabase.OfFile(Path.Combine(DataDirectory(provider), "dumont.db")) : new PostgresDatabase(text);
    }

    private static string DataDirectory(IServiceProvider provider)
    {
        var path = Path.GetFullPath(provider.GetRequiredService<IOptions<ServerOptions>>().Value.DataDirectory);
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    // Runs before any other hosted service is started.
    private sealed class SchemaStartup(Database database) : IHostedLifecycleService
    {
        public Task StartingAsync(CancellationToken cancellationToken) => Schema.EnsureAsync(database, cancellationToken);

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
