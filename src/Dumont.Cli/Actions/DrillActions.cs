using Dumont.Cli.Drills;
using Dumont.Cli.Output;

namespace Dumont.Cli.Actions;

/// <summary>Drills on an instance that is there.</summary>
internal static class DrillActions
{
    private const int Files = 3;

    public static async Task<ExitCode> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        await CommandRunner.ResolveLabelsAsync(context, cancellationToken);
        return await DrillAsync(context, context.Invocation.Positionals["instance_id"], cancellationToken);
    }

    /// <summary>The same under the name and with the arguments of the failover guide; the standby must be the one that was meant.</summary>
    public static async Task<ExitCode> RunManuallyAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var id = context.Invocation.Members["gpu_instance_id"]!.ToString();
        if (context.Invocation.Members["cpu_standby_ip"]?.ToString() is { } wanted)
        {
            var pair = await context.Session.SendAsync(Grammar.ApiMethod.Get, $"/api/v1/standby/associations/{id}", null, cancellationToken);
            var ip = CellFormat.Field(pair, "cpu_standby.ip")?.ToString();
            if (ip != wanted)
            {
                throw new CliException(
                    ExitCode.Conflict,
                    new($"cpu_standby_ip: the standby of instance {id} is {ip ?? "not there yet"}, not {wanted}", $"cpu_standby_ip: a reserva da instância {id} é {ip ?? "inexistente"}, não {wanted}"),
                    new("look with: dumont standby associations", "veja com: dumont standby associations"));
            }
        }

        return await DrillAsync(context, id, cancellationToken);
    }

    private static async Task<ExitCode> DrillAsync(CommandContext context, string id, CancellationToken cancellationToken)
    {
        var members = context.Invocation.Members;
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        var cloud = await LocalCloud.FindAsync(http, members["local_cloud"]?.ToString(), context.Environment.Variables, cancellationToken);
        var given = members["fault"]?.ToString();
        var fault = DrillFault.Of(given ?? (cloud is null ? DrillFault.Requested : DrillFault.HostKilled));
        if (fault.IsLoss)
        {
            context.Confirm(new(
                $"Drill '{fault.Name}' on instance {id}: its GPU machine is replaced by another one. Go on?",
                $"Exercício '{fault.Name}' na instância {id}: a máquina GPU será trocada por outra. Continuar?"));
        }

        var (log, style) = OpenLog(context);
        log.Begin(DrillPhase.Setup);
        var result = await new FailoverDrill(context, log, id, fault, cloud, Files).RunAsync(cancellationToken);
        Show(context, result, log, style);
        await FailoverReportFiles.WriteIfAskedAsync(context, context.Session, cancellationToken);
        return result.Passed ? ExitCode.Ok : ExitCode.Failure;
    }

    /// <summary>A log that people follow, unless they asked for data or for the end only.</summary>
    internal static (DrillLog Log, Style Style) OpenLog(CommandContext context)
    {
        var style = Style.For(context.Environment, context.Options, context.Environment.OutputIsTerminal);
        var live = context.Output.IsForPeople && !context.Options.Quiet ? context.Environment.Out : null;
        return (new DrillLog(live, style, context.Options.Language, context.Environment.Time), style);
    }

    internal static void Show(CommandContext context, DrillResult result, DrillLog log, Style style)
    {
        if (context.Output.IsForPeople)
        {
            new DrillReport(context.Environment.Out, style, context.Options.Language).Write(result, log);
        }
        else
        {
            context.Output.Write(result.ToJson(log), context.Command);
        }
    }
}
