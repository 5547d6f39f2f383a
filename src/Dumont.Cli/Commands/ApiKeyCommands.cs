using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class ApiKeyCommands
{
    public static readonly Text Summary = new("Keys for programs that call the API", "Chaves para programas que usam a API");

    public static ResourceSpec Make() => new("api-key", Summary,
    [
        new("list", ApiMethod.Get, "/api/v1/auth/api-keys", new("List your API keys", "Lista suas chaves de API"),
            ["api-key list", "api-key list -o json"])
        {
            Rows = "api_keys",
            Columns =
            [
                new("ID", "id"),
                new("NAME", "name"),
                new("PREFIX", "prefix"),
                new("CREATED", "created_at", ColumnFormat.Time),
                new("EXPIRES", "expires_at", ColumnFormat.Time),
                new("LAST USED", "last_used_at", ColumnFormat.Time),
            ],
        },
        new("create", ApiMethod.Post, "/api/v1/auth/api-keys", new("Make an API key; it is shown once", "Cria uma chave de API; é mostrada uma vez"),
            ["api-key create ci", "api-key create ci --query key"])
        {
            Positionals = [new("name", new("what it is for", "para que serve"))],
            Keys =
            [
                new("scopes", KeyType.TextList, new("what it may do; repeat for more; all when left out", "o que pode fazer; repita para mais; tudo se omitido")) { Aliases = ["scope"] },
                new("expires_in_days", KeyType.Integer, new("1 to 365; never when left out", "1 a 365; nunca se omitido")),
            ],
        },
        new("delete", ApiMethod.Delete, "/api/v1/auth/api-keys/{id}", new("Revoke an API key", "Revoga uma chave de API"),
            ["api-key delete 3", "api-key delete 3 -y"])
        {
            Positionals = [new("id", new("its id", "o id"))],
            Confirm = new("Revoke API key {0}?", "Revogar a chave de API {0}?"),
        },
    ]);
}
