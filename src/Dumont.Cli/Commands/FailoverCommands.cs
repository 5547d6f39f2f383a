using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class FailoverCommands
{
    public static readonly Text Summary = new("Switch to the standby and back", "Muda para a reserva e volta");

    private static readonly PositionalSpec Gpu = new("gpu_instance_id", new("the GPU instance, number or label", "a instância GPU, número ou rótulo"))
    {
        Kind = PositionalKind.Instance,
    };

    private static readonly KeySpec[] SettingKeys =
    [
        new("strategy", KeyType.Choice, new("what stands ready", "o que fica de prontidão"))
        {
            Values = ["cpu_standby", "warm_pool", "both", "regional_volume", "all", "disabled"],
            Aliases = ["default_strategy"],
        },
        new("auto_failover", KeyType.Boolean, new("switch without being asked", "muda sem perguntar")) { Aliases = ["auto_failover_enabled"] },
        new("auto_recovery", KeyType.Boolean, new("then find a new GPU", "depois procura uma GPU nova")),
        new("health_check_interval", KeyType.Number, new("seconds between heartbeats, 0.1 to 60", "segundos entre sinais de vida, 0.1 a 60")),
        new("failover_threshold", KeyType.Integer, new("heartbeats that may be missing, 2 to 100", "sinais que podem faltar, 2 a 100")),
        new("acknowledge", KeyType.Choice, new("when a flush returns: async, or sync with the standby", "quando um flush retorna: async, ou sync com a reserva"))
        {
            Values = ["async", "sync"],
        },
        new("sync_excludes", KeyType.TextList, new("pattern of what is not synced; one empty for none", "padrão do que não é sincronizado; um vazio para nenhum")),
        new("sync_bandwidth_limit", KeyType.Integer, new("Mbit/s that the sync may send, 1 to 100000; 0 for all", "Mbit/s que a sincronização pode enviar, 1 a 100000; 0 para tudo")),
    ];

    private static readonly Column[] StrategyColumns =
    [
        new("ID", "id"),
        new("SUPPORTED", "supported", ColumnFormat.Boolean),
        new("NAME", "name"),
        new("RECOVERY", "recovery_time") { IsWide = true },
        new("COST", "cost") { IsWide = true },
        new("DESCRIPTION", "description") { IsWide = true },
    ];

    private static readonly Column[] MachineColumns =
    [
        new("ID", "machine_id"),
        new("LABEL", "label"),
        new("STRATEGY", "strategy"),
        new("AUTO", "auto_failover", ColumnFormat.Boolean),
        new("RECOVERY", "auto_recovery", ColumnFormat.Boolean),
        new("DETECTION", "detection_seconds", ColumnFormat.Seconds),
        new("GLOBAL", "use_global", ColumnFormat.Boolean),
    ];

    public static ResourceSpec Make() => new("failover", Summary,
    [
        .. OfSettings(),
        .. OfOneInstance(),
        .. OfFailovers(),
    ]);

    private static CommandSpec[] OfSettings() =>
    [
        new("strategies", ApiMethod.Get, "/api/v1/failover/strategies", new("Ways of being ready for a lost GPU", "Formas de se preparar para perder uma GPU"),
            ["failover strategies", "failover strategies -o wide"])
        {
            Rows = "strategies",
            Columns = StrategyColumns,
        },
        new("settings", ApiMethod.Get, "/api/v1/failover/settings/global", new("Show the settings for all instances", "Mostra as configurações de todas as instâncias"),
            ["failover settings", "failover settings --query health_check_interval"]),
        new("settings", ApiMethod.Put, "/api/v1/failover/settings/global", new("Change the settings for all instances", "Muda as configurações de todas as instâncias"),
            ["failover settings set health_check_interval=0.2 failover_threshold=3", "failover settings set strategy=cpu_standby auto_recovery=false"])
        {
            SubWord = "set",
            Keys = SettingKeys,
        },
        new("settings", ApiMethod.Get, "/api/v1/failover/settings/machines", new("List the settings of each instance", "Lista as configurações de cada instância"),
            ["failover settings machines", "failover settings machines -o json"])
        {
            SubWord = "machines",
            Rows = "machines",
            Columns = MachineColumns,
            NameField = "machine_id",
        },
        new("settings", ApiMethod.Get, "/api/v1/failover/settings/machines/{gpu_instance_id}", new("Show the settings of one instance", "Mostra as configurações de uma instância"),
            ["failover settings machine 17", "failover settings machine train -o yaml"])
        {
            SubWord = "machine",
            Positionals = [Gpu],
            NameField = "machine_id",
        },
        new("settings", ApiMethod.Put, "/api/v1/failover/settings/machines/{gpu_instance_id}", new("Give an instance settings of its own", "Dá configurações próprias a uma instância"),
            ["failover settings set-machine 17 health_check_interval=0.2", "failover settings set-machine train sync_excludes=cache sync_excludes=*.tmp sync_bandwidth_limit=50"])
        {
            SubWord = "set-machine",
            Positionals = [Gpu],
            Keys = SettingKeys,
            NameField = "machine_id",
        },
        new("settings", ApiMethod.Post, "/api/v1/failover/settings/machines/{gpu_instance_id}/use-global", new("Have an instance follow the settings for all", "Faz uma instância seguir as configurações de todas"),
            ["failover settings use-global 17", "failover settings use-global train"])
        {
            SubWord = "use-global",
            Positionals = [Gpu],
        },
        new("settings", ApiMethod.Post, "/api/v1/failover/settings/machines/{gpu_instance_id}/enable-cpu-standby", new("Give an instance a standby that takes over", "Dá a uma instância uma reserva que assume"),
            ["failover settings enable-cpu-standby 17", "failover settings enable-cpu-standby train"])
        {
            SubWord = "enable-cpu-standby",
            Positionals = [Gpu],
        },
        new("settings", ApiMethod.Post, "/api/v1/failover/settings/machines/{gpu_instance_id}/disable-failover", new("Have nothing happen when the GPU is lost", "Não faz nada quando a GPU se perde"),
            ["failover settings disable-failover 17", "failover settings disable-failover train"])
        {
            SubWord = "disable-failover",
            Positionals = [Gpu],
        },
    ];

    private static CommandSpec[] OfOneInstance() =>
    [
        new("readiness", ApiMethod.Get, "/api/v1/failover/readiness/{gpu_instance_id}", new("Whether something can take over now", "Se algo pode assumir agora"),
            ["failover readiness 17", "failover readiness train --query overall_ready"])
        {
            Positionals = [Gpu],
            NameField = "machine_id",
        },
        new("status", ApiMethod.Get, "/api/v1/failover/status/{gpu_instance_id}", new("How an instance stands, and what to do", "Como está uma instância, e o que fazer"),
            ["failover status 17", "failover status train --query recommended_action"])
        {
            Positionals = [Gpu],
            NameField = "machine_id",
        },
        new("test", ApiMethod.Post, "/api/v1/failover/test/{gpu_instance_id}", new("Say what a failover would do; dry_run=false does it", "Diz o que um failover faria; dry_run=false faz"),
            ["failover test 17", "failover test train dry_run=false"])
        {
            Positionals = [Gpu],
            Keys =
            [
                new("dry_run", KeyType.Boolean, new("change nothing", "não muda nada")) { Default = "true", InQuery = true },
                new("strategy", KeyType.Choice, new("use it whatever the settings say", "usa-a, digam o que disserem as configurações")) { Values = ["cpu_standby"], InQuery = true },
            ],
            NameField = "failover_id",
        },
        new("execute", ApiMethod.Post, "/api/v1/failover/execute", new("Switch to the standby now and say how that went", "Muda para a reserva agora e diz como foi"),
            ["failover execute 17", "failover execute train reason=maintenance force_strategy=cpu_standby"])
        {
            Positionals = [new("machine_id", Gpu.Help) { Kind = PositionalKind.Instance }],
            Keys =
            [
                new("force_strategy", KeyType.Choice, new("use it whatever the settings say", "usa-a, digam o que disserem as configurações")) { Values = ["cpu_standby"] },
                new("reason", KeyType.Text, new("noted in the report", "anotado no relatório")) { Default = "requested" },
            ],
            NameField = "failover_id",
        },
    ];

    private static CommandSpec[] OfFailovers() =>
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
        new("get", ApiMethod.Get, "/api/v1/standby/failover/status/{failover_id}", new("Show one failover", "Mostra um failover"),
            ["failover get fo-12", "failover get fo-12 --query phase_timings_ms"])
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
    ];
}
