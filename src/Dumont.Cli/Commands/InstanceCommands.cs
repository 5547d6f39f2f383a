using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class InstanceCommands
{
    public static readonly Text Summary = new("Rent GPUs: offers, create, pause, resume, delete", "Aluga GPUs: ofertas, criar, pausar, retomar, excluir");

    private const string One = "/api/v1/instances/{instance_id}";

    // A machine that is gone or broken will not come up any more.
    private static readonly string[] DeadStates = ["error", "failed", "terminated", "deleted", "destroyed"];

    private static readonly PositionalSpec Instance = new("instance_id", new("its number or its label", "o número ou o rótulo"))
    {
        Kind = PositionalKind.Instance,
    };

    private static readonly KeySpec GpuName = new("gpu_name", KeyType.Text, new("GPU, any spelling: rtx4090, \"RTX 4090\"", "GPU, qualquer grafia: rtx4090, \"RTX 4090\""));

    private static readonly KeySpec MaxPrice = new("max_price", KeyType.Number, new("most you pay, $/h", "o máximo que paga, $/h"));

    private static readonly KeySpec Region = new("region", KeyType.Choice, new("part of the world", "parte do mundo")) { Values = ["US", "EU", "ASIA"] };

    private static readonly KeySpec[] MachineKeys =
    [
        new("label", KeyType.Text, new("a name of your own", "um nome seu")) { Aliases = ["name"] },
        new("disk_size", KeyType.Number, new("disk, GB, 10 or more", "disco, GB, 10 ou mais")) { Default = "100", Aliases = ["disk_space", "disk"] },
        new("image", KeyType.Text, new("container image", "imagem de contêiner")),
        new("ports", KeyType.IntegerList, new("ports to open; repeat for more", "portas a abrir; repita para mais")) { Aliases = ["port"] },
        new("onstart_cmd", KeyType.Text, new("command run at each start", "comando executado a cada início")) { Aliases = ["onstart"] },
        new("skip_standby", KeyType.Boolean, new("no CPU standby for this one", "sem CPU de reserva para esta")) { Default = "false" },
        new("env", KeyType.TextMap, new("environment variables: env.TOKEN=abc", "variáveis de ambiente: env.TOKEN=abc")),
        new("bid_price", KeyType.Number, new("bid, $/h, for an interruptible machine", "lance, $/h, para uma máquina interruptível")),
    ];

    // A minus before the word turns it round.
    private static readonly string[] OfferOrders =
        ["dph_total", "price", "gpu_ram", "reliability", "num_gpus", "cpu_cores", "cpu_ram", "disk_space", "inet_down", "inet_up", "dlperf", "total_flops"];

    private static readonly Column[] OfferColumns =
    [
        new("ID", "id"),
        new("GPU", "gpu_name"),
        new("N", "num_gpus", ColumnFormat.Integer),
        new("VRAM", "gpu_ram", ColumnFormat.Gigabytes),
        new("$/H", "dph_total", ColumnFormat.UsdPerHour),
        new("CPU", "cpu_cores", ColumnFormat.Integer),
        new("RAM", "cpu_ram", ColumnFormat.Gigabytes),
        new("DISK", "disk_space", ColumnFormat.Gigabytes),
        new("REL", "reliability", ColumnFormat.Fraction),
        new("WHERE", "geolocation"),
        new("DOWN", "inet_down", ColumnFormat.Megabits),
        new("UP", "inet_up", ColumnFormat.Megabits) { IsWide = true },
        new("CUDA", "cuda_version") { IsWide = true },
        new("VERIFIED", "verified", ColumnFormat.Boolean) { IsWide = true },
        new("MACHINE", "machine_id") { IsWide = true },
    ];

    private static readonly Column[] InstanceColumns =
    [
        new("ID", "id"),
        new("LABEL", "label"),
        new("STATUS", "status", ColumnFormat.State),
        new("GPU", "gpu_name"),
        new("N", "num_gpus", ColumnFormat.Integer),
        new("$/H", "total_dph", ColumnFormat.UsdPerHour),
        new("SSH", "ssh_host"),
        new("PORT", "ssh_port"),
        new("STANDBY", "cpu_standby.state", ColumnFormat.State),
        new("WHERE", "geolocation"),
        new("PROVIDER", "provider") { IsWide = true },
        new("IMAGE", "image") { IsWide = true },
        new("UTIL", "gpu_util", ColumnFormat.Percent) { IsWide = true },
        new("CREATED", "created_at", ColumnFormat.Time) { IsWide = true },
    ];

    private static readonly WaitSpec UntilRunning = new(
        "/api/v1/instances/{id}", "status", ["running"], DeadStates, TimeSpan.FromMinutes(15))
    { IdField = "id", ShowsFinal = true };

    public static ResourceSpec Make() => new("instance", Summary, [Offers(), Create(), Wizard(), List(), Get(), Pause(), Resume(), Recover(), Delete(), Events(), Sync(), SyncStatus(), .. MigrationCommands.OfInstance(Instance)]);

    private static CommandSpec Offers() =>
        new("offers", ApiMethod.Get, "/api/v1/instances/offers", new("Search GPUs for rent", "Procura GPUs para alugar"),
            ["instance offers gpu_name=rtx4090 max_price=0.50", "instance offers 'gpu_ram>=48' 'dph_total<=0.5' region=EU order_by=price"])
        {
            Aliases = ["offer", "search"],
            AcceptsFilters = true,
            Keys =
            [
                GpuName,
                new("num_gpus", KeyType.Integer, new("GPUs in the machine", "GPUs na máquina")) { Default = "1" },
                new("min_price", KeyType.Number, new("least $/h", "mínimo $/h")),
                MaxPrice with { Default = "10" },
                new("min_gpu_ram", KeyType.Number, new("GPU memory, GB", "memória de GPU, GB")),
                new("max_gpu_ram", KeyType.Number, new("GPU memory, GB", "memória de GPU, GB")),
                new("min_cpu_cores", KeyType.Number, new("CPU cores", "núcleos de CPU")),
                new("min_cpu_ram", KeyType.Number, new("memory, GB", "memória, GB")),
                new("min_disk", KeyType.Number, new("disk, GB", "disco, GB")) { Default = "50" },
                new("min_inet_down", KeyType.Number, new("download, Mbit/s", "download, Mbit/s")) { Default = "100" },
                new("min_inet_up", KeyType.Number, new("upload, Mbit/s", "upload, Mbit/s")),
                new("min_reliability", KeyType.Number, new("0 to 1", "0 a 1")),
                Region,
                new("machine_type", KeyType.Choice, new("on-demand or interruptible", "on-demand ou interruptible"))
                {
                    Values = ["on-demand", "interruptible", "bid"],
                },
                new("verified_only", KeyType.Boolean, new("verified hosts only", "só hosts verificados")) { Aliases = ["verified"] },
                new("static_ip", KeyType.Boolean, new("static address only", "só endereço fixo")),
                new("cuda_version", KeyType.Text, new("CUDA version", "versão de CUDA")),
                new("order_by", KeyType.Choice, new("what to sort by", "critério de ordem"))
                {
                    Values = [.. OfferOrders, .. OfferOrders.Select(order => "-" + order)],
                },
                new("limit", KeyType.Integer, new("at most so many, up to 100", "no máximo tantas, até 100")) { Default = "50" },
                new("offset", KeyType.Integer, new("skip so many", "pula tantas")),
                new("include_blacklisted", KeyType.Boolean, new("also hosts on the blacklist", "também hosts na lista negra")) { Default = "false" },
            ],
            Rows = "offers",
            Columns = OfferColumns,
        };

    private static CommandSpec Create() =>
        new("create", ApiMethod.Post, "/api/v1/instances", new("Rent an offer and wait until it runs", "Aluga uma oferta e espera até rodar"),
            ["instance create offer_id=1234 label=train disk_size=100", "instance create offer_id=1234 --no-wait -o name"])
        {
            Keys = [new("offer_id", KeyType.Integer, new("from: dumont instance offers", "de: dumont instance offers")) { IsRequired = true }, .. MachineKeys],
            Wait = UntilRunning,
            Handler = InstanceActions.CreateAsync,
        };

    private static CommandSpec Wizard() =>
        new("create", ApiMethod.Post, "/api/v1/instances", new("Rent the best offer for what you need", "Aluga a melhor oferta para o que precisa"),
            ["instance create wizard gpu_name=rtx4090", "instance create wizard gpu_name=a100 max_price=1.50 region=EU"])
        {
            SubWord = "wizard",
            Keys =
            [
                GpuName,
                new("num_gpus", KeyType.Integer, new("GPUs in the machine", "GPUs na máquina")) { Default = "1" },
                MaxPrice,
                Region,
                .. MachineKeys,
            ],
            FixedBody = [("use_wizard", true)],
            Wait = UntilRunning,
            Handler = InstanceActions.CreateAsync,
        };

    private static CommandSpec List() =>
        new("list", ApiMethod.Get, "/api/v1/instances", new("List your instances", "Lista suas instâncias"),
            ["instance list", "instance list status=running -o name"])
        {
            Aliases = ["ls"],
            Keys = [new("status", KeyType.Text, new("only those in this state", "só as que estão neste estado"))],
            Rows = "instances",
            Columns = InstanceColumns,
            TotalField = "total_dph",
        };

    private static CommandSpec Get() =>
        new("get", ApiMethod.Get, One, new("Show one instance", "Mostra uma instância"),
            ["instance get 17", "instance get train --query ssh_host"])
        {
            Aliases = ["show"],
            Positionals = [Instance],
        };

    private static CommandSpec Pause() =>
        new("pause", ApiMethod.Post, One + "/pause", new("Stop paying for the GPU, keep the disk; a snapshot under way ends first", "Para de pagar a GPU, mantém o disco; um snapshot em andamento termina antes"),
            ["instance pause 17", "instance pause train --no-wait"])
        {
            Aliases = ["stop"],
            Positionals = [Instance],
            Wait = new("/api/v1/instances/{id}", "status", ["paused", "stopped"], DeadStates, TimeSpan.FromMinutes(5)),
        };

    private static CommandSpec Resume() =>
        new("resume", ApiMethod.Post, One + "/resume", new("Start a paused instance", "Inicia uma instância pausada"),
            ["instance resume 17", "instance resume train --timeout 2m"])
        {
            Aliases = ["start"],
            Positionals = [Instance],
            Wait = new("/api/v1/instances/{id}", "status", ["running"], DeadStates, TimeSpan.FromMinutes(10)),
        };

    private static CommandSpec Recover() =>
        new("recover", ApiMethod.Post, One + "/recover",
            new("Bring an instance whose machine is lost back from a snapshot, on a new machine", "Recupera de um snapshot, em outra máquina, uma instância que perdeu a sua"),
            ["instance recover 17", "instance recover train snapshot=snap-12 max_price=0.80 gpu_name=rtx3090 region=EU"])
        {
            Positionals = [Instance],
            Keys =
            [
                new("snapshot_id", KeyType.Text, new("which one; the newest whole one otherwise", "qual; senão, o mais novo que está inteiro")) { Aliases = ["snapshot"] },
                MaxPrice,
                GpuName with { Aliases = ["gpu"] },
                Region,
                new("reason", KeyType.Text, new("noted in the report", "anotado no relatório")) { Default = "requested" },
            ],
            Wait = new("/api/v1/standby/failover/status/{id}", "phase", ["complete"], ["failed"], TimeSpan.FromMinutes(30))
            {
                IdField = "failover_id",
                ShowsFinal = true,
                FailureHint = "dumont failover get {id}",
            },
        };

    private static CommandSpec Delete() =>
        new("delete", ApiMethod.Delete, One, new("Destroy an instance and its disk", "Destrói uma instância e seu disco"),
            ["instance delete 17 -y", "instance delete 17 reason=gpu_failure destroy_standby=false"])
        {
            Aliases = ["destroy", "rm"],
            Positionals = [Instance],
            Keys =
            [
                new("reason", KeyType.Choice, new("why; all but user_request keep the standby", "motivo; todos menos user_request mantêm a reserva"))
                {
                    Values = ["user_request", "gpu_failure", "spot_interruption"],
                    Default = "user_request",
                },
                new("destroy_standby", KeyType.Boolean, new("also its CPU standby", "também sua CPU de reserva")) { Default = "true" },
            ],
            Confirm = new("Destroy instance {0} and everything on its disk?", "Destruir a instância {0} e tudo no disco dela?"),
            Wait = new("/api/v1/instances/{id}", "status", [], [], TimeSpan.FromMinutes(5)),
        };

    private static CommandSpec Sync() =>
        new("sync", ApiMethod.Post, One + "/sync?wait=false", new("Keep the changes since the last sync", "Guarda as mudanças desde a última sincronização"),
            ["instance sync 17", "instance sync train force=true"])
        {
            Positionals = [Instance],
            Keys =
            [
                new("force", KeyType.Boolean, new("even right after the last one", "mesmo logo após a última")) { Default = "false", InQuery = true },
                new("source_path", KeyType.Text, new("directory in /workspace", "pasta em /workspace")) { Default = "/workspace", InQuery = true },
            ],
            Wait = SnapshotCommands.UntilKept with { IdField = "snapshot_id" },
        };

    private static CommandSpec SyncStatus() =>
        new("sync-status", ApiMethod.Get, One + "/sync/status", new("Where its syncs are", "Como estão suas sincronizações"),
            ["instance sync-status 17", "instance sync-status train --query last_sync"])
        {
            Positionals = [Instance],
        };

    private static CommandSpec Events() =>
        new("events", ApiMethod.Get, One + "/events", new("What happened to an instance", "O que aconteceu com uma instância"),
            ["instance events 17", "instance events train limit=5 -o ndjson"])
        {
            Aliases = ["history"],
            Positionals = [Instance],
            Keys = [new("limit", KeyType.Integer, new("the last so many", "os últimos tantos"))],
            Rows = "events",
            Columns =
            [
                new("TIME", "at", ColumnFormat.Time),
                new("EVENT", "type"),
                new("MESSAGE", "message"),
            ],
        };
}
