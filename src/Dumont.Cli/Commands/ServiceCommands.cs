using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class ServiceCommands
{
    public static readonly Text Summary = new("Commands kept running on whichever machine writes", "Comandos mantidos em execução na máquina que escreve");
    public static readonly Text HookSummary = new("Commands run once when a machine takes over", "Comandos rodados uma vez quando uma máquina assume");

    private const string Services = "/api/v1/instances/{instance_id}/services";
    private const string Hook = "/api/v1/instances/{instance_id}/hooks/{name}";

    private static readonly PositionalSpec Instance = new("instance_id", new("the instance, number or label", "a instância, número ou rótulo")) { Kind = PositionalKind.Instance };
    private static readonly PositionalSpec Name = new("name", new("name of the service", "nome do serviço"));
    private static readonly PositionalSpec HookName = new("name", new("on_failover or on_recovery", "on_failover ou on_recovery"));
    private static readonly KeySpec Command = new("command", KeyType.Text, new("for /bin/sh in /workspace", "para /bin/sh em /workspace")) { IsRequired = true };

    private static readonly Column[] Columns =
    [
        new("NAME", "name"),
        new("STATE", "state", ColumnFormat.State),
        new("SINCE", "since", ColumnFormat.Time),
        new("RESTARTS", "restarts", ColumnFormat.Integer),
        new("EXIT", "exit_code"),
        new("RUNS ON", "runs_on"),
        new("COMMAND", "command"),
    ];

    public static ResourceSpec Make() => new("service", Summary,
    [
        new("list", ApiMethod.Get, Services, new("List what runs by itself on an instance", "Lista o que roda sozinho numa instância"), ["service list 17", "service list train -o json"])
        {
            Positionals = [Instance],
            Rows = "services",
            Columns = Columns,
        },
        new("set", ApiMethod.Put, Services + "/{name}", new("Keep a command running", "Mantém um comando em execução"),
            ["service set 17 web command=\"python3 -m http.server 8000\"", "service set train trainer command=\"python train.py --resume\" runs_on=gpu"])
        {
            Positionals = [Instance, Name],
            Keys =
            [
                Command,
                new("runs_on", KeyType.Choice, new("any machine that writes, or only one with a GPU", "qualquer máquina que escreve, ou só uma com GPU")) { Values = ["any", "gpu"], Default = "any" },
            ],
            Rows = "services",
            Columns = Columns,
        },
        new("remove", ApiMethod.Delete, Services + "/{name}", new("End a service", "Encerra um serviço"), ["service remove 17 web", "service remove train trainer -q"])
        {
            Positionals = [Instance, Name],
            Rows = "services",
            Columns = Columns,
        },
    ]);

    public static ResourceSpec MakeHooks() => new("hook", HookSummary,
    [
        new("list", ApiMethod.Get, Services, new("Show the hooks of an instance and how the last one went", "Mostra os ganchos de uma instância e como foi o último"),
            ["hook list 17", "hook list train --query last_hook"])
        {
            Positionals = [Instance],
        },
        new("set", ApiMethod.Put, Hook, new("Run a command when a machine takes over", "Roda um comando quando uma máquina assume"),
            ["hook set 17 on_failover command=\"./tell-balancer.sh\"", "hook set train on_recovery command=\"python warm_up.py\" timeout_seconds=300"])
        {
            Positionals = [Instance, HookName],
            Keys = [Command, new("timeout_seconds", KeyType.Number, new("then it is ended; 1 to 3600", "então é encerrado; 1 a 3600")) { Default = "60" }],
        },
        new("remove", ApiMethod.Delete, Hook, new("Take a hook away", "Tira um gancho"), ["hook remove 17 on_failover", "hook remove train on_recovery -q"])
        {
            Positionals = [Instance, HookName],
        },
    ]);
}
