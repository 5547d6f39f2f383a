using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class HostCommands
{
    public static readonly Text Summary = new("Hosts that are not rented", "Hosts que não são alugados");

    private static readonly PositionalSpec Machine = new("machine_id", new("the provider's number of the host", "o número do host no provedor"));

    public static ResourceSpec Make() => new("host", Summary,
    [
        new("blacklist", ApiMethod.Get, "/api/v1/hosts/blacklist", new("List hosts on the blacklist", "Lista hosts na lista negra"),
            ["hosts blacklist", "hosts blacklist -o json"])
        {
            Rows = "blacklist",
            NameField = "machine_id",
            Columns =
            [
                new("MACHINE", "machine_id"),
                new("REASON", "reason"),
                new("ADDED", "added_at", ColumnFormat.Time),
                new("EXPIRES", "expires_at", ColumnFormat.Time),
            ],
        },
        new("blacklist", ApiMethod.Post, "/api/v1/hosts/blacklist", new("Never rent this host", "Nunca alugar este host"),
            ["hosts blacklist add machine_id=4411 reason=\"drops SSH\"", "hosts blacklist add machine_id=4411 reason=slow duration_hours=24"])
        {
            SubWord = "add",
            Keys =
            [
                new("machine_id", KeyType.Integer, Machine.Help) { IsRequired = true },
                new("reason", KeyType.Text, new("why", "por quê")) { IsRequired = true },
                new("provider", KeyType.Text, new("whose host it is", "de quem é o host")) { Default = "vast" },
                new("duration_hours", KeyType.Integer, new("for so long; for ever when left out", "por quanto tempo; para sempre se omitido")),
            ],
        },
        new("blacklist", ApiMethod.Delete, "/api/v1/hosts/blacklist/{machine_id}", new("Rent this host again", "Voltar a alugar este host"),
            ["hosts blacklist remove 4411", "hosts blacklist remove 4411 -q"])
        {
            SubWord = "remove",
            Positionals = [Machine],
        },
    ]);
}
