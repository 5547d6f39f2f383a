using Dumont.Cli.Actions;
using Dumont.Cli.Drills;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

/// <summary><c>drill</c>, <c>simulate</c>, and the two tests that the failover guide names.</summary>
internal static class DrillCommands
{
    public static readonly Text Summary = new("Lose the GPU of an instance on purpose and watch", "Perde a GPU de uma instância de propósito e observa");

    public static readonly Text SimulateSummary = new("Show a failover from beginning to end on the local cloud", "Mostra um failover do início ao fim na nuvem local");

    public static readonly Text ManualSummary = new("A drill with the arguments of the failover guide", "Um exercício com os argumentos do guia de failover");

    public static readonly Text SyncSummary = new("Write real data for a while and measure how far the standby is behind", "Escreve dados reais por um tempo e mede o atraso da reserva");

    private static readonly KeySpec Fault = new("fault", KeyType.Choice, new("what befalls it; without a local cloud only requested", "o que acontece; sem nuvem local só requested"))
    {
        Values = DrillFault.Names,
        Default = DrillFault.HostKilled,
    };

    private static readonly KeySpec Cloud = new("local_cloud", KeyType.Text, new("control URL of the local cloud; also DUMONT_LOCALCLOUD_URL", "URL de controle da nuvem local; também DUMONT_LOCALCLOUD_URL"))
    {
        Default = "http://127.0.0.1:8780",
    };

    private static readonly KeySpec Report = new("report", KeyType.Boolean, new("write FAILOVER_PERFORMANCE_REPORT.md and .html here", "escreve FAILOVER_PERFORMANCE_REPORT.md e .html aqui"))
    {
        Default = "false",
    };

    public static ResourceSpec Make() => new("drill", Summary,
    [
        new("", ApiMethod.Post, "", Summary, ["drill train", "drill 17 fault=cut --json"])
        {
            Positionals = [new("instance_id", new("the instance, number or label", "a instância, número ou rótulo")) { Kind = PositionalKind.Instance }],
            Keys = [Fault, Cloud, Report],
            NameField = "failover_id",
            Handler = DrillActions.RunAsync,
        },
    ]);

    public static ResourceSpec MakeSimulate() => new("simulate", SimulateSummary,
    [
        new("failover", ApiMethod.Post, "", SimulateSummary, ["simulate failover", "simulate failover fault=frozen --quiet"])
        {
            Keys = [Fault, Cloud, Report],
            NameField = "failover_id",
            Handler = SimulateActions.RunAsync,
        },
    ]);

    public static ResourceSpec MakeManual() => new("test-failover-manual", ManualSummary,
    [
        new("", ApiMethod.Post, "", ManualSummary,
            ["test-failover-manual --gpu-instance-id 17 --cpu-standby-ip 35.204.123.45", "test-failover-manual gpu_instance_id=17 fault=requested"])
        {
            Keys =
            [
                new("gpu_instance_id", KeyType.Integer, new("the instance", "a instância")) { IsRequired = true },
                new("cpu_standby_ip", KeyType.Text, new("refuse unless this is its standby", "recusa se esta não for a reserva")),
                Fault,
                Cloud,
                Report,
            ],
            NameField = "failover_id",
            Handler = DrillActions.RunManuallyAsync,
        },
    ]);

    public static ResourceSpec MakeSync() => new("test-sync-real-data", SyncSummary,
    [
        new("", ApiMethod.Post, "", SyncSummary,
            ["test-sync-real-data --workspace-size 10GB --duration 3600", "test-sync-real-data gpu_instance_id=17 workspace_size=200MB duration=30"])
        {
            Keys =
            [
                new("workspace_size", KeyType.Text, new("how much is written first: 500MB, 10GB", "quanto se escreve primeiro: 500MB, 10GB")) { Default = "1GB" },
                new("duration", KeyType.Integer, new("seconds of changes after that", "segundos de mudanças depois")) { Default = "60" },
                new("gpu_instance_id", KeyType.Integer, new("the instance; default: the only one that runs with a standby", "a instância; padrão: a única que roda com reserva")),
            ],
            Handler = SyncTrialActions.RunAsync,
        },
    ]);
}
