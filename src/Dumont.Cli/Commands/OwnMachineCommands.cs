using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class OwnMachineCommands
{
    public static readonly Text Summary = new("Machines of your own, rented at no price", "Máquinas próprias, alugadas sem custo");

    private const string One = "/api/v1/own-machines/{id}";

    private static readonly PositionalSpec Machine = new("id", new("its number", "o número dela"));

    private static readonly Column[] Columns =
    [
        new("ID", "id"),
        new("NAME", "name"),
        new("STATE", "state", ColumnFormat.State),
        new("FREE", "is_free", ColumnFormat.Boolean),
        new("INSTANCE", "instance_id"),
        new("GPU", "gpu_name"),
        new("N", "num_gpus", ColumnFormat.Integer),
        new("CPU", "cpu_cores", ColumnFormat.Integer),
        new("RAM", "cpu_ram", ColumnFormat.Gigabytes),
        new("DISK", "disk_space", ColumnFormat.Gigabytes),
        new("USES", "uses"),
        new("OFFER", "offer_id"),
        new("HOST", "host") { IsWide = true },
        new("CHECKED", "checked_at", ColumnFormat.Time) { IsWide = true },
        new("DETAIL", "detail") { IsWide = true },
    ];

    public static ResourceSpec Make() => new("own-machine", Summary,
    [
        new("list", ApiMethod.Get, "/api/v1/own-machines", new("List your own machines", "Lista suas máquinas próprias"),
            ["own-machine list", "own-machine list -o wide"])
        {
            Rows = "own_machines",
            Columns = Columns,
        },
        new("get", ApiMethod.Get, One, new("Show one", "Mostra uma"), ["own-machine get 3", "own-machine get 3 -o json"])
        {
            Aliases = ["show"],
            Positionals = [Machine],
        },
        new("key", ApiMethod.Get, "/api/v1/own-machines/key",
            new("The public key to put into authorized_keys there", "A chave pública a pôr em authorized_keys lá"),
            ["own-machine key", "own-machine key -o json"]),
        new("add", ApiMethod.Post, "/api/v1/own-machines",
            new("Join a machine; first without, then with its fingerprint", "Inclui uma máquina; primeiro sem, depois com a impressão digital"),
            [
                "own-machine add tower.lan name=tower",
                "own-machine add 192.168.1.20 user=ana host_key_fingerprint=SHA256:uNiVztksCsDhcc0u9e8BrrQXVUpKZIDTMczCvj3tD2s",
            ])
        {
            Aliases = ["join"],
            Positionals = [new("host", new("host name or address", "nome ou endereço"))],
            Keys =
            [
                new("name", KeyType.Text, new("a name of your own", "um nome seu")),
                new("port", KeyType.Integer, new("port of its sshd", "porta do sshd dela")) { Default = "22" },
                new("user", KeyType.Text, new("root, or a user with passwordless sudo", "root, ou um usuário com sudo sem senha")) { Default = "root" },
                new("host_key_fingerprint", KeyType.Text, new("the one that you have compared", "a que você conferiu")) { Aliases = ["fingerprint"] },
                new("private_key", KeyType.Text, new("key that is let in: @file; else your machine key", "chave aceita lá: @arquivo; senão, sua chave de máquinas")),
                new("folder", KeyType.Text, new("where instances lie on it", "onde ficam as instâncias nela")) { Default = "/var/lib/dumont-own" },
                new("instance_port", KeyType.Integer, new("port for the instance's own sshd", "porta para o sshd da instância")) { Default = "22022" },
                new("uses", KeyType.Choice, new("what it may serve as", "para que pode servir")) { Values = ["gpu", "standby", "both"] },
                new("location", KeyType.Text, new("where it stands: \"Lisbon, PT\"", "onde fica: \"Lisbon, PT\"")),
            ],
        },
        new("check", ApiMethod.Post, One + "/check", new("Measure it now", "Mede agora"), ["own-machine check 3", "own-machine check 3 -o json"])
        {
            Positionals = [Machine],
        },
        new("remove", ApiMethod.Delete, One, new("Remove it; it must be free", "Remove; precisa estar livre"),
            ["own-machine remove 3", "own-machine remove 3 force=true -y"])
        {
            Aliases = ["delete"],
            Positionals = [Machine],
            Keys =
            [
                new("force", KeyType.Boolean, new("even in use, when it will never answer again", "mesmo em uso, quando nunca mais vai responder"))
                {
                    Default = "false",
                    InQuery = true,
                },
            ],
            Confirm = new("Remove own machine {0}?", "Remover a máquina própria {0}?"),
        },
    ]);
}
