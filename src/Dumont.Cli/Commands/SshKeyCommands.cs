using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class SshKeyCommands
{
    public static readonly Text Summary = new("Public keys that may log in to your instances", "Chaves públicas que podem entrar nas suas instâncias");

    public static ResourceSpec Make() => new("ssh-key", Summary,
    [
        new("list", ApiMethod.Get, "/api/v1/settings/ssh-keys", new("List your public keys", "Lista suas chaves públicas"),
            ["ssh-key list", "ssh-key list -o json"])
        {
            Rows = "ssh_keys",
            Columns =
            [
                new("ID", "id"),
                new("NAME", "name"),
                new("FINGERPRINT", "fingerprint"),
                new("CREATED", "created_at", ColumnFormat.Time),
            ],
        },
        new("create", ApiMethod.Post, "/api/v1/settings/ssh-keys", new("Add a public key", "Adiciona uma chave pública"),
            ["ssh-key create laptop public_key=@$HOME/.ssh/id_ed25519.pub", "ssh-key create ci public_key=\"ssh-ed25519 AAAA… ci\""])
        {
            Positionals = [new("name", new("whose key it is", "de quem é a chave"))],
            Keys = [new("public_key", KeyType.Text, new("one OpenSSH line", "uma linha OpenSSH")) { IsRequired = true }],
        },
        new("delete", ApiMethod.Delete, "/api/v1/settings/ssh-keys/{id}", new("Remove a public key", "Remove uma chave pública"),
            ["ssh-key delete 3", "ssh-key delete 3 -y"])
        {
            Positionals = [new("id", new("its id", "o id"))],
            Confirm = new("Remove SSH key {0}?", "Remover a chave SSH {0}?"),
        },
    ]);
}
