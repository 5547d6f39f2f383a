using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class StandbyCommands
{
    public static readonly Text Summary = new("CPU machines that follow your GPUs", "Máquinas CPU que acompanham suas GPUs");

    private static readonly PositionalSpec Gpu = new("gpu_instance_id", new("the GPU instance, number or label", "a instância GPU, número ou rótulo"))
    {
        Kind = PositionalKind.Instance,
    };

    private static readonly Column[] AssociationColumns =
    [
        new("GPU", "gpu_instance_id"),
        new("STATE", "state", ColumnFormat.State),
        new("CPU", "cpu_standby.name"),
        new("ZONE", "cpu_standby.zone"),
        new("IP", "cpu_standby.ip"),
        new("SYNC", "sync_enabled", ColumnFormat.Boolean),
        new("SYNCS", "sync_count", ColumnFormat.Integer),
        new("RPO", "rpo_seconds", ColumnFormat.Seconds),
        new("GPU FAILED", "gpu_failed", ColumnFormat.Boolean),
        new("REASON", "failure_reason") { IsWide = true },
        new("CREATED", "created_at", ColumnFormat.Time) { IsWide = true },
    ];

    private static readonly KeySpec[] ConfigureKeys =
    [
        new("enabled", KeyType.Boolean, new("a standby for each new GPU", "uma reserva para cada GPU nova"))
        {
            Default = "true",
            Aliases = ["auto_standby_enabled", "auto_enabled"],
        },
        new("gcp_zone", KeyType.Text, new("where it runs", "onde roda")) { Default = "europe-west1-b" },
        new("gcp_machine_type", KeyType.Text, new("its size", "o tamanho")) { Default = "e2-medium", Aliases = ["cpu_machine_type"] },
        new("gcp_disk_size", KeyType.Integer, new("disk, GB", "disco, GB")) { Default = "100" },
        new("gcp_spot", KeyType.Boolean, new("spot price", "preço spot")) { Default = "true" },
        new("auto_failover", KeyType.Boolean, new("take over when the GPU fails", "assume quando a GPU falha")) { Default = "true" },
        new("auto_recovery", KeyType.Boolean, new("then find a new GPU", "depois procura uma GPU nova")) { Default = "true" },
    ];

    public static ResourceSpec Make() => new("standby", Summary,
    [
        new("status", ApiMethod.Get, "/api/v1/standby/status", new("Show configuration, pairs and orphans", "Mostra configuração, pares e órfãs"),
            ["standby status", "standby status --query configured"]),
        new("configure", ApiMethod.Post, "/api/v1/standby/configure", new("Switch the automatic standby on or off", "Liga ou desliga a reserva automática"),
            ["standby configure enabled=true gcp_zone=europe-west1-b", "standby configure --no-enabled"])
        {
            Keys = ConfigureKeys,
        },
        new("associations", ApiMethod.Get, "/api/v1/standby/associations", new("List GPUs and their standbys", "Lista GPUs e suas reservas"),
            ["standby associations", "standby associations -o json"])
        {
            Aliases = ["list"],
            Rows = "associations",
            Columns = AssociationColumns,
            NameField = "gpu_instance_id",
        },
        new("association", ApiMethod.Get, "/api/v1/standby/associations/{gpu_instance_id}", new("Show one pair", "Mostra um par"),
            ["standby association 17", "standby association get 17"])
        {
            Aliases = ["get"],
            Positionals = [Gpu],
        },
        new("association", ApiMethod.Get, "/api/v1/standby/associations/{gpu_instance_id}", new("Show one pair", "Mostra um par"),
            ["standby association get 17", "standby association get train -o yaml"])
        {
            SubWord = "get",
            Positionals = [Gpu],
        },
        new("association", ApiMethod.Delete, "/api/v1/standby/associations/{gpu_instance_id}", new("Destroy a standby", "Destrói uma reserva"),
            ["standby association delete 17", "standby association delete 17 -y"])
        {
            SubWord = "delete",
            Positionals = [Gpu],
            Confirm = new("Destroy the standby of instance {0}?", "Destruir a reserva da instância {0}?"),
        },
        new("delete", ApiMethod.Delete, "/api/v1/standby/associations/{gpu_instance_id}", new("Destroy a standby", "Destrói uma reserva"),
            ["standby delete 17", "standby delete train -y"])
        {
            Positionals = [Gpu],
            Confirm = new("Destroy the standby of instance {0}?", "Destruir a reserva da instância {0}?"),
        },
        new("sync-start", ApiMethod.Post, "/api/v1/standby/associations/{gpu_instance_id}/start-sync", new("Start copying to the standby", "Começa a copiar para a reserva"),
            ["standby sync-start 17", "standby sync-start train"])
        {
            Aliases = ["start-sync", "associations-start-sync"],
            Positionals = [Gpu],
        },
        new("sync-stop", ApiMethod.Post, "/api/v1/standby/associations/{gpu_instance_id}/stop-sync", new("Stop copying", "Para de copiar"),
            ["standby sync-stop 17", "standby sync-stop train"])
        {
            Aliases = ["stop-sync", "associations-stop-sync"],
            Positionals = [Gpu],
        },
        new("provision", ApiMethod.Post, "/api/v1/standby/provision/{gpu_instance_id}", new("Give a running GPU a standby", "Dá uma reserva a uma GPU em execução"),
            ["standby provision 17", "standby provision 17 label=train-standby"])
        {
            Positionals = [Gpu],
            Keys = [new("label", KeyType.Text, new("name of the machine", "nome da máquina")) { InQuery = true }],
        },
        new("pricing", ApiMethod.Get, "/api/v1/standby/pricing", new("What a standby costs", "Quanto custa uma reserva"),
            ["standby pricing", "standby pricing machine_type=e2-small disk_gb=50"])
        {
            Keys =
            [
                new("machine_type", KeyType.Text, new("its size", "o tamanho")) { Default = "e2-medium" },
                new("disk_gb", KeyType.Integer, new("disk, GB", "disco, GB")) { Default = "100" },
                new("spot", KeyType.Boolean, new("spot price", "preço spot")) { Default = "true" },
            ],
        },
    ]);
}
