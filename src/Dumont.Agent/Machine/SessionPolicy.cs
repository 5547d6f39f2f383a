namespace Dumont.Agent.Machine;

/// <summary>Which processes belong to the user and which keep the machine reachable. Pure.</summary>
internal static class SessionPolicy
{
    // Units that carry the machine itself. Container runtimes and a user's own units are not among them: they may write to the workspace.
    private static readonly string[] MachineUnits =
        ["systemd-", "dbus", "ssh", "google-", "cloud-", "getty@", "serial-getty@", "polkit", "rsyslog", "chrony", "unattended-", "networkd-", "NetworkManager"];

    /// <summary>Open SSH logins of users: sessions in which something runs that is neither our sync nor the server's own work. A session in
    /// which nothing runs is a connection that the server keeps open to be quick.</summary>
    public static int CountSessions(IReadOnlyList<ProcessFact> processes)
    {
        var children = processes.ToLookup(process => process.ParentId);
        return processes.Count(process => IsSession(process) && IsUserSession(process, children));
    }

    /// <summary>Every process that has to end so that nothing writes to the workspace any more. Spared are: the first process, the agent with
    /// its ancestors and children, kernel threads, the machine's own services, <c>sshd</c> and those of its sessions that carry the sync or
    /// the server.</summary>
    /// <param name="processes">All processes.</param>
    /// <param name="self">The agent's id.</param>
    public static IReadOnlyList<int> UserProcesses(IReadOnlyList<ProcessFact> processes, int self)
    {
        var byId = processes.ToDictionary(process => process.Id);
        var children = processes.ToLookup(process => process.ParentId);
        var spared = new HashSet<int> { 1 };
        for (var id = self; id > 0 && spared.Add(id) && byId.TryGetValue(id, out var process);)
        {
            id = process.ParentId;
        }

        SpareTree(self, children, spared);
        foreach (var process in processes)
        {
            if (process.IsKernel || process.IsForeign || IsMachineService(process))
            {
                spared.Add(process.Id);
            }
            else if (process.IsManaged)
            {
                SpareTree(process.Id, children, spared);
            }
            else if (IsSession(process))
            {
                if (!IsUserSession(process, children))
                {
                    SpareTree(process.Id, children, spared);
                }
            }
            else if (IsSshServer(process))
            {
                spared.Add(process.Id);
            }
        }

        return [.. processes.Select(process => process.Id).Where(id => !spared.Contains(id))];
    }

    // sshd, and since 9.8 sshd-session and sshd-auth.
    private static bool IsSshServer(ProcessFact process) => process.Name is "sshd" or "sshd-session" or "sshd-auth";

    // "sshd: root@pts/0" or "sshd: root@notty": one authenticated connection. "sshd: root [priv]" is its other half, "[listener]" the server.
    private static bool IsSession(ProcessFact process) =>
        IsSshServer(process) && process.Arguments is [var title, ..] && title.StartsWith("sshd", StringComparison.Ordinal) &&
        title.IndexOf(": ", StringComparison.Ordinal) is > 0 and var colon && title.IndexOf('@', colon) > 0 && !title.Contains('[', StringComparison.Ordinal);

    private static bool IsUserSession(ProcessFact session, ILookup<int, ProcessFact> children)
    {
        var pending = new Stack<ProcessFact>(children[session.Id]);
        while (pending.TryPop(out var process))
        {
            if (process.IsManaged || IsSink(process))
            {
                continue;
            }

            // A shell that only carries one of ours, as "sh -c dumont-agent sink" does, is no user's.
            if (children[process.Id].All(child => !child.IsManaged && !IsSink(child)))
            {
                return true;
            }

            foreach (var child in children[process.Id])
            {
                pending.Push(child);
            }
        }

        return false;
    }

    private static bool IsSink(ProcessFact process) =>
        process.Arguments is [var program, "sink", ..] && Path.GetFileName(program) == "dumont-agent";

    private static bool IsMachineService(ProcessFact process) =>
        process.SystemUnit is { } unit && MachineUnits.Any(prefix => unit.StartsWith(prefix, StringComparison.Ordinal));

    private static void SpareTree(int top, ILookup<int, ProcessFact> children, HashSet<int> spared)
    {
        var pending = new Stack<int>();
        pending.Push(top);
        var seen = new HashSet<int>();
        while (pending.TryPop(out var id))
        {
            if (!seen.Add(id))
            {
                continue;
            }

            spared.Add(id);
            foreach (var child in children[id])
            {
                pending.Push(child.Id);
            }
        }
    }
}
