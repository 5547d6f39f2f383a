using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class FailoverCommands
{
    public static readonly Text Summary = new("Switch to the standby and back", "Muda para a reserva e volta");

    private static readonly PositionalSpec Gpu = new("gpu_instance_id", new("the GPU instance, number or label", "a instância GPU, número ou rótulo"))
    {
        Kind = PositionalKind.Instance,
    };

    public static ResourceSpec Make() => new("failover", Summary,
    [
        new("simulate", ApiMethod.Post, "/api/v1/standby/failover/simulate/{gpu_instance_id}", new("Switch to the standby now, as if the GPU had failed", "Muda para a reserva agora, como se a GPU tivesse falhado"),
            ["failover simulate 17", "failover simulate train reason=drill --no-wait"])
        {
            Positionals = [Gpu],
            Keys =
            [
                new("reason", KeyType.Text, new("noted in the report", "anotado no relatório")) { Default = "requested", InQuery = true },
            ],
            NameField = "failover_id",
            Wait = new("/api/v1/standby/failover/status/{id}", "phase", ["complete", "completed"], ["failed"], TimeSpan.FromMinutes(20))
            {
                IdField = "failover_id",
                ShowsFinal = true,
            },
        },
        new("status", ApiMethod.Get, "/api/v1/standby/failover/status/{failover_id}", new("Show one failover", "Mostra um failover"),
            ["failover status fo-12", "failover status fo-12 --query phase_timings_ms"])
        {
            Positionals = [new("failover_id", new("its id", "o id"))],
            NameField = "failover_id",
        },
        new("active", ApiMethod.Get, "/api/v1/standby/failover/active", new("List failovers under way", "Lista failovers em andamento"),
            ["failover active", "failover active -o json"])
        {
            Rows = "failovers",
            NameField = "failover_id",
            Columns =
            [
                new("ID", "failover_id"),
                new("GPU", "gpu_instance_id"),
                new("PHASE", "phase", ColumnFormat.State),
                new("REASON", "reason"),
                new("STARTED", "started_at", ColumnFormat.Time),
            ],
        },
        new("report", ApiMethod.Get, "/api/v1/standby/failover/report", new("How failovers went", "Como foram os failovers"),
            ["failover report", "failover report days=7 -o json"])
        {
            Keys = [new("days", KeyType.Integer, new("the last so many", "os últimos tantos")) { Default = "30" }],
        },
    ]);
}
