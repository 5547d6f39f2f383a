using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class SnapshotCommands
{
    public static readonly Text Summary = new("Snapshots of workspaces: create, list, restore, prune", "Snapshots de workspaces: criar, listar, restaurar, podar");

    /// <summary>Until a snapshot is durable.</summary>
    public static readonly WaitSpec UntilKept = new(
        "/api/v1/snapshots/{id}", "status", ["completed", "partial"], ["failed"], TimeSpan.FromHours(6))
    { IdField = "id", ShowsFinal = true, FailureHint = "dumont snapshot get {id}" };

    private const string All = "/api/v1/snapshots";
    private const string One = All + "/{snapshot_id}";
    private const string Schedule = "/api/v1/instances/{instance_id}/snapshot-schedule";

    private static readonly WaitSpec UntilDone = new(
        All + "/operations/{id}", "status", ["done"], ["failed", "cancelled"], TimeSpan.FromHours(6))
    { IdField = "operation_id", ShowsFinal = true, FailureHint = "dumont snapshot operation {id}" };

    private static readonly PositionalSpec Snapshot = new("snapshot_id", new("from: dumont snapshot list", "de: dumont snapshot list"));

    private static readonly PositionalSpec Instance = new("instance_id", new("its number or its label", "o número ou o rótulo"))
    {
        Kind = PositionalKind.Instance,
    };

    private static readonly PositionalSpec Operation = new("operation_id", new("its number", "o número dela"));

    private static readonly KeySpec OfInstance = new("instance_id", KeyType.Integer, new("of this instance only", "só desta instância"));

    private static readonly Column[] Columns =
    [
        new("ID", "id"),
        new("NAME", "name"),
        new("INSTANCE", "instance_id"),
        new("STATUS", "status", ColumnFormat.State),
        new("SIZE", "size_bytes", ColumnFormat.Bytes),
        new("SENT", "data_added", ColumnFormat.Bytes),
        new("CREATED", "created_at", ColumnFormat.Time),
        new("TYPE", "type"),
        new("TAGS", "tags"),
        new("RATIO", "ratio", ColumnFormat.Decimal) { IsWide = true },
        new("ENGINE", "engine") { IsWide = true },
        new("FOREVER", "keep_forever", ColumnFormat.Boolean) { IsWide = true },
        new("SECONDS", "duration_seconds", ColumnFormat.Seconds) { IsWide = true },
    ];

    public static ResourceSpec Make() => new("snapshot", Summary,
    [
        Create(), List(), Get(), Restore(), Delete(), Prune(), KeepForever(), Cleanup(), CleanupMetrics(), Retention(), SetRetention(), Verify(), Verification(), SetVerification(),
        ShowSchedule(), SetSchedule(), RemoveSchedule(), Operations(), ShowOperation(), Cancel(),
    ]);

    private static CommandSpec Create() =>
        new("create", ApiMethod.Post, All + "?wait=false", new("Take a snapshot and wait for it", "Tira um snapshot e espera por ele"),
            ["snapshot create backup-v1 17", "snapshot create nightly train type=full tags=before-tuning"])
        {
            Positionals = [new("name", new("a name of your own", "um nome seu")), Instance],
            Keys =
            [
                new("type", KeyType.Choice, new("full reads every file again", "full lê todos os arquivos de novo")) { Values = ["incremental", "full"], Default = "incremental" },
                new("source_path", KeyType.Text, new("directory in /workspace", "pasta em /workspace")) { Default = "/workspace" },
                new("tags", KeyType.TextList, new("words of your own; repeat for more", "palavras suas; repita para mais")) { Aliases = ["tag"] },
            ],
            Wait = UntilKept,
        };

    private static CommandSpec List() =>
        new("list", ApiMethod.Get, All, new("List your snapshots", "Lista seus snapshots"), ["snapshot list", "snapshot list instance_id=17 tag=nightly"])
        {
            Aliases = ["ls"],
            Keys =
            [
                OfInstance,
                new("tag", KeyType.Text, new("only those that bear it", "só os que a têm")),
                new("limit", KeyType.Integer, new("at most so many, up to 1000", "no máximo tantos, até 1000")),
                new("offset", KeyType.Integer, new("skip so many", "pula tantos")),
            ],
            Rows = "snapshots",
            Columns = Columns,
        };

    private static CommandSpec Get() =>
        new("get", ApiMethod.Get, One, new("Show one snapshot", "Mostra um snapshot"), ["snapshot get snap-12", "snapshot get snap-12 -o json"])
        {
            Aliases = ["show"],
            Positionals = [Snapshot],
        };

    private static CommandSpec Restore() =>
        new("restore", ApiMethod.Post, All + "/restore?wait=false",
            new("Bring a snapshot back, into an instance or a new one", "Traz um snapshot de volta, em uma instância ou em uma nova"),
            ["snapshot restore snap-12 gpu_name=rtx4090", "snapshot restore snap-12 instance_id=17 include=model target_path=/workspace/old delete=true dry_run=true"])
        {
            Positionals = [Snapshot],
            Keys =
            [
                new("gpu_name", KeyType.Text, new("rent a new instance with this GPU", "aluga uma nova instância com esta GPU")),
                new("instance_id", KeyType.Integer, new("into this instance; else the one it was taken of", "nesta instância; senão, naquela de onde veio")),
                new("target_path", KeyType.Text, new("/ for where it was, or a directory in /workspace", "/ para onde estava, ou uma pasta em /workspace")) { Default = "/" },
                new("include", KeyType.TextList, new("only these paths; repeat for more", "só estes caminhos; repita para mais")) { Aliases = ["paths", "path"] },
                new("verify", KeyType.Boolean, new("read what was written once more", "relê o que foi escrito")) { Default = "false" },
                new("delete", KeyType.Boolean, new("remove what the snapshot lacks", "remove o que o snapshot não tem")) { Default = "false" },
                new("dry_run", KeyType.Boolean, new("only say what delete would remove", "só diz o que delete removeria")) { Default = "false" },
                new("max_price", KeyType.Number, new("most you pay for a new instance, $/h", "o máximo que paga por uma nova instância, $/h")),
                new("region", KeyType.Choice, new("of the new instance", "da nova instância")) { Values = ["US", "EU", "ASIA"] },
                new("disk_size", KeyType.Number, new("disk of the new instance, GB", "disco da nova instância, GB")),
                new("label", KeyType.Text, new("label of the new instance", "rótulo da nova instância")),
            ],
            Wait = UntilDone,
        };

    private static CommandSpec Delete() =>
        new("delete", ApiMethod.Delete, One, new("Delete a snapshot", "Exclui um snapshot"), ["snapshot delete snap-12", "snapshot delete snap-12 -y"])
        {
            Aliases = ["rm"],
            Positionals = [Snapshot],
            Confirm = new("Delete snapshot {0}?", "Excluir o snapshot {0}?"),
        };

    private static CommandSpec Prune() =>
        new("prune", ApiMethod.Post, All + "/prune?wait=false",
            new("Delete all but the newest and give the space back", "Exclui todos menos os mais novos e devolve o espaço"),
            ["snapshot prune keep_last=5 -y", "snapshot prune keep_last=1 instance_id=17"])
        {
            Keys =
            [
                new("keep_last", KeyType.Integer, new("so many of each instance stay", "tantos de cada instância ficam")) { Default = "10" },
                OfInstance,
            ],
            Confirm = new("Delete all but the newest snapshots?", "Excluir todos os snapshots menos os mais novos?"),
            Wait = UntilDone with { ShowsFinal = false, UpdatedFields = ["bytes_freed"] },
        };

    private static CommandSpec KeepForever() =>
        new("keep-forever", ApiMethod.Post, One + "/keep-forever", new("Keep one whatever the rules say", "Guarda um, digam o que digam as regras"),
            ["snapshot keep-forever snap-12", "snapshot keep-forever snap-12 keep_forever=false"])
        {
            Positionals = [Snapshot],
            Keys = [new("keep_forever", KeyType.Boolean, new("false takes it back", "false desfaz")) { Default = "true" }],
        };

    private static CommandSpec Cleanup() =>
        new("cleanup", ApiMethod.Post, All + "/cleanup?wait=false", new("Delete what the retention rules do not keep", "Exclui o que as regras de retenção não guardam"),
            ["snapshot cleanup dry_run=true", "snapshot cleanup -y"])
        {
            Keys = [new("dry_run", KeyType.Boolean, new("only say what would go", "só diz o que sairia")) { Default = "false" }, OfInstance],
            Wait = UntilDone with { ShowsFinal = false, UpdatedFields = ["bytes_freed"] },
        };

    private static CommandSpec CleanupMetrics() =>
        new("cleanup-metrics", ApiMethod.Get, All + "/cleanup/metrics", new("What cleanups did", "O que as limpezas fizeram"),
            ["snapshot cleanup-metrics", "snapshot cleanup-metrics days=7"])
        {
            Keys = [new("days", KeyType.Integer, new("over so many days", "em tantos dias")) { Default = "30" }],
        };

    private static CommandSpec Retention() =>
        new("retention", ApiMethod.Get, All + "/retention-policy", new("Which snapshots are kept", "Quais snapshots são guardados"),
            ["snapshot retention", "snapshot retention instance_id=17"])
        {
            Keys = [OfInstance],
        };

    private static CommandSpec SetRetention() =>
        new("retention", ApiMethod.Put, All + "/retention-policy", new("Say which snapshots are kept", "Diz quais snapshots são guardados"),
            ["snapshot retention set retention_days=30 keep_daily=7", "snapshot retention set cleanup_enabled=true instance_id=17"])
        {
            SubWord = "set",
            Keys =
            [
                new("retention_days", KeyType.Integer, new("kept so long; 0: no rule", "guardados por tanto tempo; 0: sem regra")),
                new("min_snapshots_to_keep", KeyType.Integer, new("so many always stay", "tantos sempre ficam")) { Aliases = ["keep_last"] },
                new("max_snapshots_per_instance", KeyType.Integer, new("beyond so many the oldest go", "além de tantos, saem os mais antigos")),
                new("keep_hourly", KeyType.Integer, new("one of each of so many hours", "um de cada uma de tantas horas")),
                new("keep_daily", KeyType.Integer, new("one of each of so many days", "um de cada um de tantos dias")),
                new("keep_weekly", KeyType.Integer, new("one of each of so many weeks", "um de cada uma de tantas semanas")),
                new("keep_monthly", KeyType.Integer, new("one of each of so many months", "um de cada um de tantos meses")),
                new("keep_yearly", KeyType.Integer, new("one of each of so many years", "um de cada um de tantos anos")),
                new("keep_tags", KeyType.TextList, new("those that bear one of these", "os que têm uma destas")),
                new("cleanup_enabled", KeyType.Boolean, new("clean up by itself, once an hour", "limpa sozinho, uma vez por hora")),
                OfInstance,
            ],
        };

    private static CommandSpec Verify() =>
        new("verify", ApiMethod.Post, All + "/verify?wait=false", new("Read your repository for damage", "Procura danos no seu repositório"),
            ["snapshot verify", "snapshot verify read_data=true"])
        {
            Keys = [new("read_data", KeyType.Boolean, new("every byte, not only the structure", "cada byte, não só a estrutura")) { Default = "false", InQuery = true }],
            Wait = UntilDone,
        };

    private static CommandSpec Verification() =>
        new("verification", ApiMethod.Get, All + "/verification", new("What the daily checks have found", "O que as verificações diárias encontraram"),
            ["snapshot verification", "snapshot verification -o json"])
        {
            Rows = "repositories",
            Columns =
            [
                new("ID", "repository_id"), new("STATUS", "status"), new("CHECKED", "last_verified_at", ColumnFormat.Time),
                new("READ", "share_read", ColumnFormat.Fraction), new("ALL READ", "all_read_at", ColumnFormat.Time), new("DAMAGE", "damage"),
                new("AFFECTED", "affected_ids"), new("REMEDY", "remedy") { IsWide = true }, new("PLACE", "location") { IsWide = true },
            ],
        };

    private static CommandSpec SetVerification() =>
        new("verification", ApiMethod.Put, All + "/verification", new("Say how often every byte is read", "Diz com que frequência cada byte é lido"),
            ["snapshot verification set days=30", "snapshot verification set days=0"])
        {
            SubWord = "set",
            Keys = [new("days", KeyType.Integer, new("in so many days, up to 180; 0: nothing is checked by itself", "em tantos dias, até 180; 0: nada é verificado sozinho"))],
        };

    private static CommandSpec ShowSchedule() =>
        new("schedule", ApiMethod.Get, Schedule, new("When snapshots are taken by themselves", "Quando snapshots são tirados sozinhos"),
            ["snapshot schedule 17", "snapshot schedule train -o json"])
        {
            Positionals = [Instance],
        };

    private static CommandSpec SetSchedule() =>
        new("schedule", ApiMethod.Put, Schedule, new("Take snapshots by a schedule", "Tira snapshots em horários marcados"),
            ["snapshot schedule set 17 every_minutes=60", "snapshot schedule set train daily_at=03:30"])
        {
            SubWord = "set",
            Positionals = [Instance],
            Keys =
            [
                new("every_minutes", KeyType.Integer, new("every so many minutes, 5 or more", "a cada tantos minutos, 5 ou mais")),
                new("daily_at", KeyType.Text, new("or each day at this time, UTC", "ou todo dia a esta hora, UTC")),
                new("enabled", KeyType.Boolean, new("off without being forgotten", "desligado sem ser esquecido")) { Default = "true" },
            ],
        };

    private static CommandSpec RemoveSchedule() =>
        new("schedule", ApiMethod.Delete, Schedule, new("Take no more by themselves", "Não tira mais sozinho"),
            ["snapshot schedule remove 17", "snapshot schedule remove train"])
        {
            SubWord = "remove",
            Positionals = [Instance],
        };

    private static CommandSpec Operations() =>
        new("operations", ApiMethod.Get, All + "/operations", new("Your last operations", "Suas últimas operações"), ["snapshot operations", "snapshot operations -o json"])
        {
            Rows = "operations",
            NameField = "operation_id",
            Columns =
            [
                new("ID", "operation_id"),
                new("KIND", "kind"),
                new("STATUS", "status", ColumnFormat.State),
                new("SNAPSHOT", "snapshot_id"),
                new("INSTANCE", "instance_id"),
                new("CREATED", "created_at", ColumnFormat.Time),
                new("ERROR", "error"),
            ],
        };

    private static CommandSpec ShowOperation() =>
        new("operation", ApiMethod.Get, All + "/operations/{operation_id}", new("Show one operation", "Mostra uma operação"),
            ["snapshot operation 31", "snapshot operation 31 --query progress"])
        {
            Positionals = [Operation],
        };

    private static CommandSpec Cancel() =>
        new("cancel", ApiMethod.Post, All + "/operations/{operation_id}/cancel", new("End an operation", "Encerra uma operação"),
            ["snapshot cancel 31", "snapshot cancel 31 -q"])
        {
            Positionals = [Operation],
        };
}
