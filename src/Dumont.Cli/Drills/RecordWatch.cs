using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Output;

namespace Dumont.Cli.Drills;

/// <summary>The server's record of the failover, while it is written.</summary>
internal sealed class RecordWatch(DrillServer server, DrillLog log, DrillResult result, TimeProvider time)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(60);

    /// <summary>The server's own record, until it is closed.</summary>
    public async Task FollowAsync(CancellationToken cancellationToken)
    {
        string? seen = null;
        while (true)
        {
            var id = result.FailoverId;
            if (id is null)
            {
                id = CellFormat.Field(await server.PairAsync(cancellationToken), "failover_id")?.ToString();
                result.FailoverId = id;
            }

            var failover = id is null ? null : await server.GetAsync($"/api/v1/standby/failover/status/{Uri.EscapeDataString(id)}", cancellationToken);
            var phase = failover is null ? null : DrillServer.Word(failover, "phase");
            if (phase is not null && phase != seen)
            {
                seen = phase;
                Note(failover!, phase);
            }

            if (phase == "failed")
            {
                result.Failures.Add(new($"the failover failed: {DrillServer.Word(failover, "error")}", $"o failover falhou: {DrillServer.Word(failover, "error")}"));
            }

            if (phase is "complete" or "failed" || (!result.Recovers && result.Switch is not null))
            {
                return;
            }

            await Task.Delay(PollInterval, time, cancellationToken);
        }
    }

    /// <summary>A phase was entered. Those before it that were too short to be seen have left their times.</summary>
    private void Note(JsonNode failover, string phase)
    {
        result.PhaseTimings = (failover["phase_timings_ms"] as JsonObject)?.DeepClone().AsObject() ?? [];
        if (result.Detection is null)
        {
            var confirmed = DateTimeOffset.Parse(DrillServer.Word(failover, "started_at"), CultureInfo.InvariantCulture);
            result.Detection = confirmed - result.FaultAt;
            log.Write(DrillLevel.Error, new(
                $"✗ The loss is confirmed {DrillServer.Seconds(result.Detection.Value)} after the fault ({DrillServer.Word(failover, "reason")})",
                $"✗ A perda é confirmada {DrillServer.Seconds(result.Detection.Value)} após a falha ({DrillServer.Word(failover, "reason")})"));
            log.Begin(DrillPhase.Failover);
        }

        if (result.Switch is null && Timing("gpu_lost") is { } switched)
        {
            result.Switch = switched;
            log.Write(DrillLevel.Success, new($"✓ Old GPU fenced, standby promoted, address switched in {DrillServer.Seconds(switched)}", $"✓ GPU antiga isolada, reserva promovida, endereço trocado em {DrillServer.Seconds(switched)}"));
        }

        switch (phase)
        {
            case "searching_gpu" or "provisioning" or "restoring":
                if (log.Durations().All(part => part.Phase != DrillPhase.Recovery))
                {
                    log.Begin(DrillPhase.Recovery);
                }

                log.Write(DrillLevel.Info, StepText(phase));
                break;
            case "complete":
                log.Write(DrillLevel.Success, new("✓ The new GPU writes; the lost machine is given back", "✓ A nova GPU escreve; a máquina perdida é devolvida"));
                break;
            default:
                break;
        }
    }

    private static Text StepText(string phase) => phase switch
    {
        "searching_gpu" => new("Searching a GPU like the lost one, never on its host", "Buscando uma GPU como a perdida, nunca no mesmo host"),
        "provisioning" => new("A GPU is rented, it boots and is prepared", "Uma GPU foi alugada, inicia e é preparada"),
        _ => new("The new GPU follows the standby until it has everything", "A nova GPU segue a reserva até ter tudo"),
    };

    private TimeSpan? Timing(string phase) =>
        CellFormat.NumberOf(result.PhaseTimings[phase]) is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null;
}
