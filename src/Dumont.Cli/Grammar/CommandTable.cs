using Dumont.Cli.Commands;

namespace Dumont.Cli.Grammar;

/// <summary>Every command there is. A resource's commands are made when it is named, not at start.</summary>
internal static class CommandTable
{
    private static readonly (string Name, Text Summary, Func<ResourceSpec> Make)[] Entries =
    [
        ("auth", AuthCommands.Summary, AuthCommands.Make),
        ("setting", SettingCommands.Summary, SettingCommands.Make),
        ("api-key", ApiKeyCommands.Summary, ApiKeyCommands.Make),
        ("ssh-key", SshKeyCommands.Summary, SshKeyCommands.Make),
        ("own-machine", OwnMachineCommands.Summary, OwnMachineCommands.Make),
        ("balance", BalanceCommands.Summary, BalanceCommands.Make),
        ("instance", InstanceCommands.Summary, InstanceCommands.Make),
        ("ssh", SshCommands.Summary, SshCommands.Make),
        ("snapshot", SnapshotCommands.Summary, SnapshotCommands.Make),
        ("storage", StorageCommands.Summary, StorageCommands.Make),
        ("repo", RepoCommands.Summary, RepoCommands.Make),
        ("standby", StandbyCommands.Summary, StandbyCommands.Make),
        ("failover", FailoverCommands.Summary, FailoverCommands.Make),
        ("service", ServiceCommands.Summary, ServiceCommands.Make),
        ("hook", ServiceCommands.HookSummary, ServiceCommands.MakeHooks),
        ("migration", MigrationCommands.Summary, MigrationCommands.Make),
        ("drill", DrillCommands.Summary, DrillCommands.Make),
        ("simulate", DrillCommands.SimulateSummary, DrillCommands.MakeSimulate),
        ("test-failover-manual", DrillCommands.ManualSummary, DrillCommands.MakeManual),
        ("test-sync-real-data", DrillCommands.SyncSummary, DrillCommands.MakeSync),
        ("metrics", MetricsCommands.Summary, MetricsCommands.Make),
        ("agent", AgentCommands.Summary, AgentCommands.Make),
        ("host", HostCommands.Summary, HostCommands.Make),
        ("health", HealthCommands.Summary, HealthCommands.Make),
        ("doctor", DoctorCommands.Summary, DoctorCommands.Make),
        ("api", ApiCommands.Summary, ApiCommands.Make),
        ("completion", CompletionCommands.Summary, CompletionCommands.Make),
        ("version", VersionCommands.Summary, VersionCommands.Make),
    ];

    public static IEnumerable<(string Name, Text Summary)> Resources => Entries.Select(e => (e.Name, e.Summary));

    public static IEnumerable<ResourceSpec> All => Entries.Select(e => e.Make());

    /// <summary>Finds a resource by its name, in the singular or the plural.</summary>
    public static ResourceSpec? Find(string name)
    {
        foreach (var entry in Entries)
        {
            if (Singular(entry.Name).Equals(Singular(name), StringComparison.OrdinalIgnoreCase))
            {
                return entry.Make();
            }
        }

        return null;
    }

    private static ReadOnlySpan<char> Singular(ReadOnlySpan<char> name) => name.EndsWith("s") && name.Length > 1 ? name[..^1] : name;

    private static bool Equals(this ReadOnlySpan<char> a, ReadOnlySpan<char> b, StringComparison comparison) =>
        MemoryExtensions.Equals(a, b, comparison);
}
