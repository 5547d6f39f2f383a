using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class SettingCommands
{
    public static readonly Text Summary = new("Your settings and provider keys", "Suas configurações e chaves de provedores");

    private static readonly KeySpec[] Keys =
    [
        new("vast_api_key", KeyType.Text, new("key of your Vast.ai account", "chave da sua conta Vast.ai")),
        new("gcp_credentials", KeyType.Text, new("service-account key of Google Cloud: =@key.json", "chave de conta de serviço do Google Cloud: =@key.json")),
        new("settings", KeyType.Object, new("members by dots: settings.auto_hibernate=true", "membros por pontos: settings.auto_hibernate=true")),
    ];

    public static ResourceSpec Make() => new("setting", Summary,
    [
        new("list", ApiMethod.Get, "/api/v1/settings", new("Show all settings", "Mostra todas as configurações"),
            ["setting list", "setting list -o json"]),
        new("get", ApiMethod.Get, "/api/v1/settings", new("Show one setting", "Mostra uma configuração"),
            ["setting get auto_hibernate", "setting get vast_api_key"])
        {
            Positionals = [new("key", new("its name, members by dots", "o nome, membros por pontos"))],
            Handler = SettingActions.GetAsync,
        },
        new("update", ApiMethod.Put, "/api/v1/settings", new("Change settings", "Muda configurações"),
            ["setting update auto_hibernate=true", "setting update vast_api_key=@key.txt default_gpu=\"RTX 4090\""])
        {
            Aliases = ["set"],
            Keys = Keys,
            AcceptsOtherKeys = true,
        },
    ]);
}
