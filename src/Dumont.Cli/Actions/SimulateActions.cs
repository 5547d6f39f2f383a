using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Drills;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Contracts;

namespace Dumont.Cli.Actions;

/// <summary><c>simulate failover</c>: rents a GPU with a standby at the local cloud, loses it, and gives everything back. All of it happens; the clouds' machines
/// alone are local.</summary>
internal static class SimulateActions
{
    private const int Files = 5;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SetupLimit = TimeSpan.FromMinutes(3);

    public static async Task<ExitCode> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var (log, style) = DrillActions.OpenLog(context);
        var fault = DrillFault.Of(context.Invocation.Members["fault"]?.ToString() ?? DrillFault.HostKilled);
        log.Headline(context.Say(new("FAILOVER SIMULATOR - CPU STANDBY", "SIMULADOR DE FAILOVER AUTOMÁTICO - CPU STANDBY")));
        log.Write(DrillLevel.Phase, new("Starting the simulation...", "Iniciando simulação..."));
        log.Begin(DrillPhase.Setup);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        await using var own = await FindRunningAsync(context, http, cancellationToken) is null ? await StartAsync(log, cancellationToken) : null;
        using var inner = own is null ? null : ContextOf(context, own);
        var user = inner ?? context;
        var cloud = await LocalCloud.FindAsync(
            http, own?.CloudUrl ?? context.Invocation.Members["local_cloud"]?.ToString(), context.Environment.Variables, cancellationToken);
        log.Write(DrillLevel.Info, new($"Server {user.Session.BaseUrl}, local cloud ready", $"Servidor {user.Session.BaseUrl}, nuvem local pronta"));

        var id = await RentAsync(user, log, cancellationToken);
        DrillResult result;
        try
        {
            await AwaitPairAsync(user, log, id, cancellationToken);
            result = await new FailoverDrill(user, log, id, fault, cloud, Files).RunAsync(cancellationToken);
            await FailoverReportFiles.WriteIfAskedAsync(context, user.Session, cancellationToken);
        }
        finally
        {
            await GiveBackAsync(user, log, cloud!, id);
        }

        DrillActions.Show(context, result, log, style);
        return result.Passed ? ExitCode.Ok : ExitCode.Failure;
    }

    /// <summary>The server that is logged in to and its local cloud, where both run already; else null.</summary>
    private static async Task<LocalCloud?> FindRunningAsync(CommandContext context, HttpClient http, CancellationToken cancellationToken)
    {
        if (await LocalCloud.FindAsync(http, context.Invocation.Members["local_cloud"]?.ToString(), context.Environment.Variables, cancellationToken) is not { } cloud)
        {
            return null;
        }

        try
        {
            await context.Session.SendAsync(ApiMethod.Get, "/api/v1/auth/me", null, cancellationToken);
            return cloud;
        }
        catch (Exception e) when (e is HttpRequestException or DumontApiException)
        {
            return null;
        }
    }

    private static async Task<OwnSystem> StartAsync(DrillLog log, CancellationToken cancellationToken)
    {
        log.Write(DrillLevel.Info, new("Starting a server and a local cloud for this run...", "Iniciando servidor e nuvem local para esta execução..."));
        return await OwnSystem.StartAsync(cancellationToken);
    }

    // Its own home: nothing of this run is left in the user's.
    private static CommandContext ContextOf(CommandContext context, OwnSystem own)
    {
        var variables = new Dictionary<string, string>(context.Environment.Variables)
        {
            ["HOME"] = own.Folder,
            ["DUMONT_BASE_URL"] = own.ServerUrl.AbsoluteUri,
            ["DUMONT_TOKEN"] = own.Token,
        };
        var environment = new CliEnvironment { Variables = variables, Time = context.Environment.Time };
        var options = GlobalOptions.Parse(["--quiet"], variables, out _, out _);
        return new CommandContext(environment, options, context.Invocation);
    }

    private static async Task<string> RentAsync(CommandContext user, DrillLog log, CancellationToken cancellationToken)
    {
        await Session.SshKey.EnsureRegisteredAsync(user, cancellationToken);
        log.Write(DrillLevel.Info, new("Renting a GPU (Vast.ai's wire)...", "Configurando GPU instance (Vast.ai)..."));
        var request = new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["disk_size"] = 20, ["label"] = "simulation", ["skip_standby"] = true };
        var created = await user.Session.SendAsync(ApiMethod.Post, "/api/v1/instances", request, cancellationToken, Guid.NewGuid().ToString("N"));
        var id = CellFormat.Field(created, "id")!.ToString();
        log.Write(DrillLevel.Info, $"  ✓ GPU Instance ID: {id}");
        log.Write(DrillLevel.Info, $"  ✓ GPU Model: {CellFormat.Field(created, "gpu_name")}");
        return id;
    }

    private static async Task AwaitPairAsync(CommandContext user, DrillLog log, string id, CancellationToken cancellationToken)
    {
        log.Write(DrillLevel.Info, new("Provisioning a CPU standby (Compute Engine's wire)...", "Provisionando CPU standby (GCP)..."));
        await user.Session.SendAsync(ApiMethod.Post, $"/api/v1/standby/provision/{id}", null, cancellationToken);
        var time = user.Environment.Time;
        var (began, seen) = (time.GetTimestamp(), "");
        while (true)
        {
            var instance = await user.Session.SendAsync(ApiMethod.Get, $"/api/v1/instances/{id}", null, cancellationToken);
            var pair = await user.Session.SendAsync(ApiMethod.Get, $"/api/v1/standby/associations/{id}", null, cancellationToken);
            var (status, state) = (CellFormat.Field(instance, "status")?.ToString(), CellFormat.Field(pair, "state")?.ToString());
            if ($"{status}/{state}" is var now && now != seen)
            {
                seen = now;
                log.Write(DrillLevel.Info, new($"  GPU {status}, standby {state}", $"  GPU {status}, reserva {state}"));
            }

            if (status == "running" && state == "ready" && CellFormat.NumberOf(CellFormat.Field(pair, "sync_count")) is > 0)
            {
                return;
            }

            if (status == "error" || time.GetElapsedTime(began) > SetupLimit)
            {
                throw new CliException(
                    ExitCode.Failure,
                    new($"the pair did not come up: GPU {status}, standby {state}", $"o par não subiu: GPU {status}, reserva {state}"),
                    $"dumont instance events {id}");
            }

            await Task.Delay(PollInterval, time, cancellationToken);
        }
    }

    // Also when the run was cut short: nothing may go on billing.
    private static async Task GiveBackAsync(CommandContext user, DrillLog log, LocalCloud cloud, string id)
    {
        await user.Session.SendAsync(ApiMethod.Delete, $"/api/v1/instances/{id}?destroy_standby=true", null, CancellationToken.None);
        var time = user.Environment.Time;
        var began = time.GetTimestamp();
        while ((await cloud.MachinesOfAsync(id, CancellationToken.None)).Count > 0)
        {
            if (time.GetElapsedTime(began) > SetupLimit)
            {
                log.Write(DrillLevel.Error, new("machines still bill; the server goes on giving them back", "máquinas ainda cobram; o servidor continua devolvendo"));
                return;
            }

            await Task.Delay(PollInterval, time, CancellationToken.None);
        }

        log.Write(DrillLevel.Info, new(
            string.Create(CultureInfo.InvariantCulture, $"Everything is given back, nothing bills ({time.GetElapsedTime(began).TotalSeconds:0.0} s)"),
            string.Create(CultureInfo.InvariantCulture, $"Tudo devolvido, nada cobra ({time.GetElapsedTime(began).TotalSeconds:0.0} s)")));
    }
}
