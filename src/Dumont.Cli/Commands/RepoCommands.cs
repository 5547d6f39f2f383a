using Dumont.Cli.Actions.Repo;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class RepoCommands
{
    public static readonly Text Summary = new(
        "Snapshots in a repository of your own, without a server", "Snapshots em um repositório seu, sem servidor");

    private static readonly KeySpec[] Place =
    [
        new("repo", KeyType.Text, new("folder, or s3://bucket/prefix; else DUMONT_REPO", "pasta, ou s3://bucket/prefixo; senão DUMONT_REPO")) { Aliases = ["r"] },
        new("key_file", KeyType.Text, new("file that holds its key; else DUMONT_REPO_KEY_FILE", "arquivo com a chave; senão DUMONT_REPO_KEY_FILE")),
        new("password_file", KeyType.Text, new(
            "file that holds its password; else DUMONT_REPO_PASSWORD_FILE, DUMONT_REPO_PASSWORD, or asked for",
            "arquivo com a senha; senão DUMONT_REPO_PASSWORD_FILE, DUMONT_REPO_PASSWORD, ou perguntada")),
        new("endpoint", KeyType.Text, new("S3 service; else AWS_ENDPOINT_URL", "serviço S3; senão AWS_ENDPOINT_URL")),
        new("region", KeyType.Text, new("S3 region; else AWS_REGION", "região S3; senão AWS_REGION")),
    ];

    private static readonly KeySpec DryRun = new("dry_run", KeyType.Boolean, new("only say what would be done", "só diz o que seria feito"));

    private static readonly PositionalSpec Snapshot = new(
        "snapshot", new("its id, the beginning of it, its name, or latest", "o id, o começo dele, o nome, ou latest"));

    public static ResourceSpec Make() => new("repo", Summary, [.. Writing(), .. Reading(), .. Maintenance()]);

    private static CommandSpec Local(string action, Text summary, string[] examples, CommandHandler handler, params KeySpec[] keys) =>
        new(action, ApiMethod.Get, "", summary, examples) { Handler = handler, Keys = [.. Place, .. keys] };

    private static IEnumerable<CommandSpec> Writing() =>
    [
        Local("init", new("Make a repository", "Cria um repositório"),
            ["repo init --repo /mnt/backup --key-file ~/backup.key", "repo init --repo s3://bucket/work --password-file ~/pass"],
            RepoWriteActions.InitAsync,
            new KeySpec("no_encryption", KeyType.Boolean, new("keep everything readable for anyone", "deixa tudo legível para qualquer um"))),
        Local("snapshot", new("Keep a folder as it is now", "Guarda uma pasta como está agora"),
            ["repo snapshot /workspace --repo /mnt/backup", "repo snapshot . tag=before-training name=v1 --exclude '*.tmp'"],
            RepoWriteActions.SnapshotAsync,
            new KeySpec("name", KeyType.Text, new("a name of your own", "um nome seu")),
            new KeySpec("tag", KeyType.TextList, new("may be given again", "pode ser repetido")),
            new KeySpec("exclude", KeyType.TextList, new("leave out what matches; may be given again", "omite o que casar; pode ser repetido")),
            new KeySpec("exclude_file", KeyType.Text, new("file with a pattern a line", "arquivo com um padrão por linha")),
            new KeySpec("host", KeyType.Text, new("name of the computer in the snapshot", "nome do computador no snapshot")),
            new KeySpec("parent", KeyType.Text, new("snapshot to compare with", "snapshot com que comparar")),
            new KeySpec("force", KeyType.Boolean, new("read every file again", "lê todos os arquivos de novo")),
            new KeySpec("one_file_system", KeyType.Boolean, new("do not enter mounted file systems", "não entra em sistemas de arquivos montados")) { Aliases = ["x"] },
            new KeySpec("compression", KeyType.Choice, new("how hard to compress", "quanto comprimir")) { Values = ["none", "fast", "dense"], Default = "fast" },
            new KeySpec("workers", KeyType.Integer, new("threads", "threads")) { Default = "one a core" }) with
        {
            Aliases = ["backup"],
            Positionals = [new("path", new("the folder", "a pasta")) { Kind = PositionalKind.Verbatim }],
        },
        Local("forget", new("Remove snapshots; prune then gives back their space", "Remove snapshots; prune devolve o espaço"),
            ["repo forget 3f2a91c0", "repo forget keep_last=7 keep_daily=30 keep_monthly=12"],
            RepoMaintenanceActions.ForgetAsync,
            [.. KeepKeys(), DryRun]) with
        {
            Positionals = [Snapshot with { IsOptional = true, IsRest = true }],
        },
    ];

    private static KeySpec[] KeepKeys() =>
    [
        new("keep_last", KeyType.Integer, new("the newest so many", "os mais novos, tantos")),
        new("keep_hourly", KeyType.Integer, new("one an hour, for so many hours", "um por hora, de tantas horas")),
        new("keep_daily", KeyType.Integer, new("one a day", "um por dia")),
        new("keep_weekly", KeyType.Integer, new("one a week", "um por semana")),
        new("keep_monthly", KeyType.Integer, new("one a month", "um por mês")),
        new("keep_yearly", KeyType.Integer, new("one a year", "um por ano")),
        new("keep_tag", KeyType.TextList, new("all with this tag; keep-forever always stays", "todos com esta etiqueta; keep-forever sempre fica")),
        new("keep_within", KeyType.Text, new("all younger than this: 36h, 14d", "todos mais novos que isto: 36h, 14d")),
    ];

    private static IEnumerable<CommandSpec> Reading() =>
    [
        Local("ls", new("List the snapshots, or what is in one", "Lista os snapshots, ou o que há em um"),
            ["repo ls --repo /mnt/backup", "repo ls latest models/"],
            RepoReadActions.ListAsync) with
        {
            Aliases = ["list", "snapshots"],
            Positionals =
            [
                Snapshot with { IsOptional = true },
                new("path", new("only what is below it", "só o que há abaixo dele")) { IsOptional = true, Kind = PositionalKind.Verbatim },
            ],
        },
        Local("diff", new("Tell two snapshots apart", "Compara dois snapshots"), ["repo diff 3f2a91c0 latest", "repo diff v1 v2 -o json"],
            RepoReadActions.DiffAsync) with
        {
            Positionals = [Snapshot with { Name = "before" }, Snapshot with { Name = "after" }],
        },
        Local("stats", new("What the repository holds and takes", "O que o repositório guarda e ocupa"), ["repo stats --repo /mnt/backup", "repo stats -o json"],
            RepoReadActions.StatsAsync),
        Local("cat", new("Write one file of a snapshot to standard output", "Escreve um arquivo de um snapshot na saída padrão"),
            ["repo cat latest config.json", "repo cat v1 models/head.safetensors > head.safetensors"],
            RepoReadActions.CatAsync) with
        {
            Aliases = ["dump"],
            Positionals = [Snapshot, new("path", new("of the file in the snapshot", "do arquivo no snapshot")) { Kind = PositionalKind.Verbatim }],
        },
        Restore(),
    ];

    private static CommandSpec Restore() =>
        Local("restore", new("Bring a snapshot back into a folder", "Traz um snapshot de volta para uma pasta"),
            [
                "repo restore v1 --target /workspace --in-place --delete --repo /mnt/backup",
                "repo restore latest --target /workspace --lazy /models --lazy '*.py'",
            ],
            RepoRestoreActions.RestoreAsync,
            new KeySpec("target", KeyType.Text, new("the folder", "a pasta")) { Aliases = ["t"] },
            new KeySpec("include", KeyType.TextList, new("only what matches; may be given again", "só o que casar; pode ser repetido")) { Aliases = ["i"] },
            new KeySpec("exclude", KeyType.TextList, new("leave out what matches; may be given again", "omite o que casar; pode ser repetido")) { Aliases = ["e"] },
            new KeySpec("in_place", KeyType.Boolean, new("change a folder that is not empty; undone when it fails", "altera uma pasta que não está vazia; desfeito se falhar")),
            new KeySpec("delete", KeyType.Boolean, new("with --in-place: remove what the snapshot lacks", "com --in-place: remove o que o snapshot não tem")),
            new KeySpec("verify", KeyType.Boolean, new("read everything back before it is put in place", "relê tudo antes de pôr no lugar")),
            new KeySpec("lazy", KeyType.TextList, new("restore this first, usable at once; may be given again", "restaura isto primeiro, já utilizável; pode ser repetido")),
            new KeySpec("lazy_file", KeyType.Text, new("file with a pattern a line, restored first", "arquivo com um padrão por linha, restaurado primeiro")),
            new KeySpec("keep_partial", KeyType.Boolean, new("when it fails, keep what is done for the next try", "se falhar, guarda o que foi feito para a próxima tentativa")),
            new KeySpec("no_sync", KeyType.Boolean, new("do not wait for the disk", "não espera pelo disco")),
            new KeySpec("preserve_privileged", KeyType.Boolean, new("keep set-user-id and file capabilities", "mantém set-user-id e capacidades de arquivo")),
            new KeySpec("fifos", KeyType.Boolean, new("restore named pipes too", "restaura pipes nomeados também")),
            new KeySpec("workers", KeyType.Integer, new("threads", "threads")) { Default = "one a core" },
            DryRun) with
        {
            Positionals = [Snapshot],
        };

    private static IEnumerable<CommandSpec> Maintenance() =>
    [
        Local("export", new("Copy snapshots into a restic repository", "Copia snapshots para um repositório restic"),
            ["repo export --to-restic /mnt/restic", "repo export 3f2a91c0 --to-restic s3:https://host/bucket"],
            RepoExportActions.ExportAsync,
            new KeySpec("to_restic", KeyType.Text, new("repository as restic names it", "repositório como o restic o chama"))) with
        {
            Positionals = [Snapshot with { IsOptional = true, IsRest = true }],
        },
        Local("verify", new("Check that every snapshot can be restored", "Confere se todo snapshot pode ser restaurado"),
            ["repo verify --read-data --repo /mnt/backup", "repo verify --read-data-subset 3/30"],
            RepoMaintenanceActions.VerifyAsync,
            new KeySpec("read_data", KeyType.Boolean, new("read and check every byte", "lê e confere cada byte")),
            new KeySpec("read_data_subset", KeyType.Text, new(
                "read one part of so many (3/30), or a random share (2.5%, 500M)", "lê uma parte de tantas (3/30), ou uma fração aleatória (2.5%, 500M)"))) with
        {
            Aliases = ["check"],
        },
        Local("prune", new("Give back the space of what no snapshot needs", "Devolve o espaço do que nenhum snapshot usa"),
            ["repo prune --repo /mnt/backup", "repo prune --dry-run"],
            RepoMaintenanceActions.PruneAsync,
            new KeySpec("grace", KeyType.Text, new("how long unneeded packs stay for those who read them now", "quanto tempo packs sem uso ficam para quem os lê agora")) { Default = "24h" },
            new KeySpec("max_unused", KeyType.Number, new("percent of a pack that may be unused before it is rewritten", "porcentagem de um pack que pode ficar sem uso antes de ser reescrito")) { Default = "30" },
            DryRun),
        Local("key", new("List, add or remove passwords and key files", "Lista, inclui ou remove senhas e arquivos de chave"),
            ["repo key list", "repo key add new_key_file=~/second.key label=laptop"],
            RepoMaintenanceActions.KeyAsync,
            new KeySpec("new_key_file", KeyType.Text, new("key file to add; made when it is not there", "arquivo de chave a incluir; criado se não existir")),
            new KeySpec("new_password_file", KeyType.Text, new("file with the password to add", "arquivo com a senha a incluir")),
            new KeySpec("label", KeyType.Text, new("a name for the new key", "um nome para a chave nova"))) with
        {
            Positionals =
            [
                new("what", new("list, add or remove", "list, add ou remove")),
                new("id", new("of the key to remove", "da chave a remover")) { IsOptional = true },
            ],
        },
    ];
}
