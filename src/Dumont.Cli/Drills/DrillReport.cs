using System.Globalization;
using Dumont.Cli.Output;

namespace Dumont.Cli.Drills;

/// <summary>The end of a drill: how long each part took, what was counted, and what to change. Every figure was measured in this run.</summary>
internal sealed class DrillReport(TextWriter output, Style style, Language language)
{
    private const int Width = 90;
    private const int NameWidth = 32;

    /// <summary>Detection with the default profile; a slower one can be set faster.</summary>
    private static readonly TimeSpan SlowDetection = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan SlowSwitch = TimeSpan.FromMilliseconds(300);

    public void Write(DrillResult result, DrillLog log)
    {
        var rule = new string('=', Width);
        var title = Say(new("FAILOVER REPORT", "RELATÓRIO DE FAILOVER"));
        output.WriteLine($"\n{rule}\n{new string(' ', (Width - title.Length) / 2)}{title}\n{rule}\n");
        WriteDurations(log);
        WriteCounts(result);
        WriteFigures(result);
        foreach (var advice in Advice(result))
        {
            output.WriteLine($"  → {Say(advice)}");
        }

        output.WriteLine();
        output.WriteLine(result.Passed
            ? style.Green(Say(new("PASSED", "APROVADO")))
            : style.Red(Say(new("FAILED: ", "REPROVADO: ")) + string.Join("; ", result.Failures.Select(Say))));
        output.Flush();
    }

    // "Duração" stands in both languages: scripts look for it.
    private void WriteDurations(DrillLog log)
    {
        output.WriteLine(style.Bold(Say(new("Duration (Duração) of each phase", "Duração de cada fase"))));
        var total = TimeSpan.Zero;
        foreach (var (phase, duration) in log.Durations())
        {
            total += duration;
            Row($"{Say(new("PHASE", "FASE"))} {(int)phase} ({Say(DrillLog.NameOf(phase))})", duration);
        }

        output.WriteLine(new string('─', NameWidth + 12));
        Row("TOTAL", total);
        output.WriteLine();
    }

    private void WriteCounts(DrillResult result)
    {
        output.WriteLine(style.Bold(Say(new("Synchronisation", "Sincronização"))));
        Row(Say(new("rounds", "sincronizações")), string.Create(CultureInfo.InvariantCulture, $"{result.SyncRounds} {Say(new("in", "em"))} {result.SyncSeconds:0.0} s"));
        Row(Say(new("files on the standby in time", "arquivos na reserva a tempo")), Share(result.FilesSynced, result.FilesWritten));
        output.WriteLine();
        output.WriteLine(style.Bold("Health checks"));
        Row(Say(new("total (ok, failed)", "total (OK, FAIL)")), string.Create(
            CultureInfo.InvariantCulture, $"{result.HealthChecksGood + result.HealthChecksFailed} ({result.HealthChecksGood} OK, {result.HealthChecksFailed} FAIL)"));
        output.WriteLine();
    }

    private void WriteFigures(DrillResult result)
    {
        output.WriteLine(style.Bold("Failover"));
        Row(Say(new("fault → confirmed", "falha → confirmada")), result.Detection);
        Row(Say(new("confirmed → address switched", "confirmada → endereço trocado")), result.Switch);
        Row(Say(new("fault → first SSH greeting", "falha → primeiro SSH")), result.Banner);
        Row(Say(new("fault → first answer", "falha → primeira resposta")), result.Answer);
        Row(Say(new("fault → back on a GPU", "falha → de volta a uma GPU")), result.Recovery);
        Row("RPO", result.Rpo);
        Row(Say(new("files on the standby", "arquivos na reserva")), result.Fault.IsLoss ? Share(result.FilesOnStandby, result.FilesWritten) : CellFormat.Absent);
        Row(Say(new("files on the new GPU", "arquivos na nova GPU")), result is { Recovers: true, Fault.IsLoss: true } ? Share(result.FilesOnNewGpu, result.FilesWritten) : CellFormat.Absent);
        output.WriteLine();
        output.WriteLine(style.Bold(Say(new("Recommendations", "Recomendações"))));
    }

    private static IEnumerable<Text> Advice(DrillResult result)
    {
        var any = false;
        if (result.Detection > SlowDetection && result.Fault.NeedsCloud)
        {
            any = true;
            yield return new("detection is slow: a shorter Standby:HeartbeatInterval finds losses sooner", "a detecção é lenta: um Standby:HeartbeatInterval menor acha perdas antes");
        }

        if (result.Switch > SlowSwitch)
        {
            any = true;
            yield return new("the switch took more than 300 ms: look at the load of the server and of the standby", "a troca levou mais de 300 ms: veja a carga do servidor e da reserva");
        }

        if (result.Rpo > TimeSpan.FromSeconds(1))
        {
            any = true;
            yield return new("the standby was more than a second behind: look at the network and at what is written", "a reserva estava mais de um segundo atrás: veja a rede e o que se escreve");
        }

        var longest = result.PhaseTimings
            .Select(phase => (phase.Key, Time: CellFormat.NumberOf(phase.Value) ?? 0))
            .OrderByDescending(phase => phase.Time)
            .FirstOrDefault();
        if (longest.Key is not null)
        {
            any = true;
            yield return new(
                string.Create(CultureInfo.InvariantCulture, $"most of the recovery went into {longest.Key}: {longest.Time / 1000:0.00} s"),
                string.Create(CultureInfo.InvariantCulture, $"a maior parte da recuperação foi {longest.Key}: {longest.Time / 1000:0.00} s"));
        }

        if (!any)
        {
            yield return new("nothing to change", "nada a mudar");
        }
    }

    private void Row(string name, TimeSpan? time) =>
        Row(name, time is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known.TotalSeconds:0.00}s") : CellFormat.Absent);

    private void Row(string name, string value) => output.WriteLine($"  {(name + ":").PadRight(NameWidth)} {value}");

    private static string Share(int part, int whole) =>
        whole == 0 ? CellFormat.Absent : string.Create(CultureInfo.InvariantCulture, $"{part}/{whole} ({100.0 * part / whole:0} %)");

    private string Say(Text text) => text.In(language);
}
