using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class MigrationCommands
{
    public static readonly Text Summary = new("Moves of instances to other machines", "Mudanças de instâncias para outras máquinas");

    private const string One = "/api/v1/migrations/{migration_id}";

    private const string EstimatePath = "/api/v1/instances/{instance_id}/migrate/estimate";

    private static readonly PositionalSpec Migration = new("migration_id", new("its number", "o número"));

    private static readonly Text EstimateSummary = new("What a move would take and cost; changes nothing", "O que uma mudança levaria e custaria; não muda nada");

    private static readonly KeySpec[] Keys =
    [
        new("target_type", KeyType.Choice, new("to a GPU or to a CPU machine", "para uma máquina com GPU ou só CPU")) { Values = ["gpu", "cpu"], IsRequired = true },
        new("gpu_name", KeyType.Text, new("GPU, any spelling: rtx4090", "GPU, qualquer grafia: rtx4090")) { Aliases = ["target_gpu"] },
        new("max_price", KeyType.Number, new("most you pay, $/h", "o máximo que paga, $/h")) { Default = "2" },
        new("region", KeyType.Choice, new("part of the world", "parte do mundo")) { Values = ["US", "EU", "ASIA"], Aliases = ["target_region"] },
        new("disk_size", KeyType.Number, new("disk, GB; the instance's own by default", "disco, GB; por padrão o da instância")),
        new("auto_destroy_source", KeyType.Boolean, new("give the old machine back; else it is stopped and its disk billed", "devolve a máquina antiga; senão ela para e o disco é cobrado"))
        {
            Default = "true",
        },
        new("target_offer_id", KeyType.Text, new("exactly this offer", "exatamente esta oferta")) { Aliases = ["offer_id"] },
        new("target_provider", KeyType.Choice, new("who rents it out; ssh: own machines", "quem aluga; ssh: máquinas próprias")) { Values = ["vast", "gcp", "ssh"] },
        new("strategy", KeyType.Choice, new("which of the offers that fit", "qual das ofertas que servem")) { Values = ["cheapest"], Default = "cheapest" },
    ];

    private static readonly Column[] Columns =
    [
        new("ID", "id"),
        new("STATUS", "status", ColumnFormat.State),
        new("FROM", "source.gpu_name"),
        new("TO", "target.gpu_name"),
        new("AT", "target.provider"),
        new("WHERE", "target.geolocation"),
        new("COPIED", "bytes_copied", ColumnFormat.Bytes),
        new("TOOK", "duration_seconds", ColumnFormat.Seconds),
        new("PAUSE MS", "write_pause_ms", ColumnFormat.Integer),
        new("KEPT", "source_kept", ColumnFormat.Boolean),
        new("STARTED", "started_at", ColumnFormat.Time) { IsWide = true },
        new("ERROR", "error") { IsWide = true },
    ];

    public static ResourceSpec Make() => new("migration", Summary, [Get(), Cancel(), ReleaseSource()]);

    /// <summary>Those that begin with an instance.</summary>
    public static IEnumerable<CommandSpec> OfInstance(PositionalSpec instance) =>
    [
        new("migrate", ApiMethod.Post, EstimatePath, EstimateSummary,
            ["instance migrate 17 estimate target_type=cpu", "instance migrate train estimate target_type=gpu gpu_name=rtx4090 region=EU"])
        {
            SubWord = "estimate",
            SubWordMayFollow = true,
            Positionals = [instance],
            Keys = Keys,
        },
        new("migrate", ApiMethod.Post, "/api/v1/instances/{instance_id}/migrate", new("Move to another machine; the address stays", "Muda para outra máquina; o endereço fica"),
            ["instance migrate 17 target_type=gpu gpu_name=rtx3090", "instance migrate train target_type=cpu auto_destroy_source=false --no-wait"])
        {
            Positionals = [instance],
            Keys = Keys,
            NameField = "migration_id",
            Wait = new("/api/v1/migrations/{id}", "status", ["complete"], ["failed", "cancelled"], TimeSpan.FromMinutes(60))
            {
                IdField = "migration_id",
                UpdatedFields = ["steps_completed"],
                FailureHint = "dumont migration get {id}",
            },
        },
        new("migrate-estimate", ApiMethod.Post, EstimatePath, EstimateSummary,
            ["instance migrate-estimate 17 target_type=cpu", "instance migrate-estimate train target_type=gpu gpu_name=a100 -o json"])
        {
            Positionals = [instance],
            Keys = Keys,
        },
        new("migrations", ApiMethod.Get, "/api/v1/instances/{instance_id}/migrations", new("List the moves of an instance", "Lista as mudanças de uma instância"),
            ["instance migrations 17", "instance migrations train -o wide"])
        {
            Positionals = [instance],
            Rows = "migrations",
            Columns = Columns,
        },
    ];

    private static CommandSpec Get() =>
        new("get", ApiMethod.Get, One, new("How far a move is, or how it ended", "Em que ponto está uma mudança, ou como terminou"),
            ["migration get 3", "migration get 3 --query phase_timings_ms"])
        {
            Aliases = ["show"],
            Positionals = [Migration],
        };

    private static CommandSpec Cancel() =>
        new("cancel", ApiMethod.Delete, One, new("Cancel a move, until it switches", "Cancela uma mudança, até ela trocar de máquina"),
            ["migration cancel 3", "migration cancel 3 --no-wait"])
        {
            Aliases = ["delete"],
            Positionals = [Migration],
            Wait = new(One.Replace("migration_id", "id", StringComparison.Ordinal), "status", ["cancelled"], ["complete", "failed"], TimeSpan.FromMinutes(2))
            {
                ShowsFinal = true,
                FailureHint = "dumont migration get {id}",
            },
        };

    private static CommandSpec ReleaseSource() =>
        new("release-source", ApiMethod.Post, One + "/release-source", new("Give back the machine that a move has kept", "Devolve a máquina que uma mudança manteve"),
            ["migration release-source 3", "migration release-source 3 -y"])
        {
            Positionals = [Migration],
            Confirm = new("Destroy the machine that migration {0} has kept, and its disk?", "Destruir a máquina que a mudança {0} manteve, e o disco dela?"),
        };
}
