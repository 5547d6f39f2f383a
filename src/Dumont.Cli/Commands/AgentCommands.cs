using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class AgentCommands
{
    public static readonly Text Summary = new("Agents on your machines", "Agentes nas suas máquinas");

    private static readonly Column[] Columns =
    [
        new("INSTANCE", "instance_id"),
        new("STATUS", "status", ColumnFormat.State),
        new("ROLE", "role"),
        new("GPU", "gpu_utilization", ColumnFormat.Percent),
        new("CPU", "cpu_percent", ColumnFormat.Percent),
        new("SYNC", "sync_state", ColumnFormat.State),
        new("RPO", "rpo_seconds", ColumnFormat.Seconds),
        new("LAST SEEN", "last_seen", ColumnFormat.Time),
        new("VERSION", "version") { IsWide = true },
        new("MESSAGE", "message") { IsWide = true },
    ];

    public static ResourceSpec Make() => new("agent", Summary,
    [
        new("status", ApiMethod.Get, "/api/v1/agent/status", new("Health of all agents", "Saúde de todos os agentes"),
            ["agent status", "agent status -o json"])
        {
            Rows = "agents",
            Columns = Columns,
            NameField = "instance_id",
        },
        new("instances", ApiMethod.Get, "/api/v1/agent/instances", new("What each agent reports", "O que cada agente informa"),
            ["agent instances", "agent instances -o ndjson"])
        {
            Aliases = ["list"],
            Rows = "",
            Columns = Columns,
            NameField = "instance_id",
        },
    ]);
}
