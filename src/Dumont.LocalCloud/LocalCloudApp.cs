using System.Net;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Control;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Gcp;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.S3;
using Dumont.LocalCloud.State;
using Dumont.LocalCloud.Vast;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Dumont.LocalCloud;

/// <summary>A running local cloud. Disposing it stops every machine in good order and keeps their disks.</summary>
internal sealed class LocalCloudApp : IAsyncDisposable
{
    // An address of no machine, to try ports on.
    private static readonly IPAddress Probe = IPAddress.Parse("127.15.1.1");

    private readonly WebApplication _app;

    private readonly FolderLock _lock;

    private readonly S3Server _s3;

    private LocalCloudApp(WebApplication app, S3Server s3, FolderLock folderLock, Uri baseAddress, AccountFile account) =>
        (_app, _s3, _lock, BaseAddress, Account) = (app, s3, folderLock, baseAddress, account);

    public Uri BaseAddress { get; }

    public AccountFile Account { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>Starts serving and takes up the machines of the data folder.</summary>
    /// <exception cref="MachineException">Machines cannot be made on this computer.</exception>
    public static async Task<LocalCloudApp> StartAsync(LocalCloudOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        options.DataFolder = Path.GetFullPath(options.DataFolder);
        var isolation = await Isolation.DetectAsync(cancellationToken);
        Directory.CreateDirectory(options.DataFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var folderLock = FolderLock.Take(options.DataFolder);
        var baseFolder = BaseImage.Ensure(options.DataFolder);
        var machinesFolder = Path.Combine(options.DataFolder, "machines");
        var account = new CurrentAccount(AccountFile.Ensure(options.DataFolder, options.VastApiKey, options.GcpSshPort, () => IsFree(isolation, 22) ? 22 : 2222));

        options.GcpMetadataPort ??= IsFree(isolation, 80) ? 80 : 8880;
        if (options.GcpMetadataPort < 1024 && !isolation.IsRoot)
        {
            throw new InvalidSettingException($"--gcp-metadata-port {options.GcpMetadataPort} needs root; without, it is 1024 or above");
        }


        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ApplicationName = typeof(LocalCloudApp).Assembly.GetName().Name });
        ConfigureLogging(builder.Logging, options.LogLevel);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, options.Port));
        var services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton(time);
        services.AddSingleton(account);
        services.AddSingleton(new AddressBook(options.DataFolder));
        services.AddSingleton(new FaultBook(options.Seed, time));
        services.AddSingleton(new DataDisks(options.DataFolder, machinesFolder, isolation));
        services.AddSingleton(new Sandbox(machinesFolder, baseFolder, isolation, time));
        services.AddSingleton(provider => new MachineSupervisor(
            provider.GetRequiredService<Sandbox>(), machinesFolder, time, provider.GetRequiredService<ILogger<MachineSupervisor>>()));
        // First in, last out: the life cycles end before their machines do.
        services.AddHostedService(provider => provider.GetRequiredService<MachineSupervisor>());
        services.AddBilling(options);
        services.AddVast(options);
        services.AddGcp(options);
        services.AddControl();

        var app = builder.Build();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseMiddleware<FaultMiddleware>();
        app.MapVast();
        app.MapGcp();
        app.MapControl();
        app.Services.GetRequiredService<MachineReunion>().Run();
        // First, so that a port that is taken ends the start before a machine has booted.
        var s3 = await S3Server.StartAsync(
            options.S3Port ?? (options.Port == 0 ? 0 : options.Port + 1), Path.Combine(options.DataFolder, "s3"), account.File.S3!,
            app.Services.GetRequiredService<FaultBook>(), time, options.LogLevel, cancellationToken);
        await app.StartAsync(cancellationToken);
        var address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        account.File = account.File.WriteFor(options.DataFolder, address, s3.Endpoint);
        return new LocalCloudApp(app, s3, folderLock, address, account.File);
    }

    public Task WaitForShutdownAsync(CancellationToken cancellationToken) => _app.WaitForShutdownAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _s3.DisposeAsync();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        _lock.Dispose();
    }

    // Low ports need root, and a server of this computer may hold one on every address.
    private static bool IsFree(Isolation isolation, int port) => isolation.IsRoot && AddressBook.IsFree(Probe, port);

    public static void ConfigureLogging(ILoggingBuilder logging, LogLevel level)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(level);
        // The one line on standard output says where the cloud listens; launchers read it.
        logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("System", LogLevel.Warning);
    }
}

/// <summary>Turns what a handler could not answer into an error in JSON.</summary>
internal sealed class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (BadRequestException e) when (!context.Response.HasStarted)
        {
            var unreadable = e is UnreadableBodyException && context.Request.Path.StartsWithSegments("/compute");
            await (unreadable
                ? GcpError.Unreadable(e.Message).ExecuteAsync(context)
                : AnswerAsync(context, StatusCodes.Status400BadRequest, "invalid_request", "invalid", e.Message));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to answer to.
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            LocalCloudLog.RequestFailed(logger, context.Request.Method, context.Request.Path, e);
            await AnswerAsync(context, StatusCodes.Status500InternalServerError, "internal_error", "backendError", "Internal server error");
        }
    }

    private static Task AnswerAsync(HttpContext context, int status, string error, string reason, string message)
    {
        IResult answer = context.Request.Path.StartsWithSegments("/compute")
            ? new GcpError(status, reason, message)
            : new JsonAnswer(new JsonObject { ["success"] = false, ["error"] = error, ["msg"] = message }, status);
        return answer.ExecuteAsync(context);
    }
}

internal static partial class LocalCloudLog
{
    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed")]
    public static partial void RequestFailed(ILogger logger, string method, PathString path, Exception exception);
}
