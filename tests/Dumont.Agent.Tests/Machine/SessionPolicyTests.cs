using Dumont.Agent.Machine;

namespace Dumont.Agent.Tests.Machine;

public sealed class SessionPolicyTests
{
    private const int Self = 50;

    // A machine as it is: sshd, the agent with its ssh and nvidia-smi, a server's connection, a sync connection, three users.
    private static readonly ProcessFact[] Machine =
    [
        Process(1, 0, "sh", "/sbin/init"),
        Process(2, 1, "sleep", "sleep", "1000"),
        Process(3, 0, "kthreadd", "") with { IsKernel = true },
        Process(4, 3, "kworker/0:0", "") with { IsKernel = true },
        Process(10, 1, "sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"),
        Process(40, 1, "sh", "sh", "-c", "while :; do dumont-agent run; done"),
        Process(Self, 40, "dumont-agent", "/opt/dumont/dumont-agent", "run"),
        Process(51, Self, "ssh", "ssh", "-F", "none"),
        Process(60, 10, "sshd", "sshd: root@notty"),
        Process(70, 10, "sshd", "sshd: root@notty"),
        Process(71, 70, "sh", "sh", "-c", "/opt/dumont/dumont-agent sink"),
        Process(72, 71, "dumont-agent", "/opt/dumont/dumont-agent", "sink"),
        Process(80, 10, "sshd", "sshd: root@notty"),
        Process(81, 80, "bash", "bash", "-c", "nvidia-smi") with { IsManaged = true },
        Process(82, 81, "nvidia-smi", "nvidia-smi"),
        Process(90, 10, "sshd", "sshd: root@pts/0"),
        Process(91, 90, "bash", "-bash"),
        Process(92, 91, "python3", "python3", "train.py"),
        Process(100, 10, "sshd", "sshd: root@notty"),
        Process(101, 100, "node", "node", ".vscode-server"),
        Process(110, 10, "sshd", "sshd: ana [priv]"),
        Process(111, 110, "sshd", "sshd: ana@pts/1"),
        Process(112, 111, "bash", "-bash"),
        Process(120, 1, "jupyter-lab", "jupyter-lab"),
        Process(130, 1, "dockerd", "dockerd") with { SystemUnit = "docker.service" },
        Process(131, 1, "systemd-journal", "systemd-journald") with { SystemUnit = "systemd-journald.service" },
        Process(140, 0, "postgres", "postgres") with { IsForeign = true },
    ];

    [Fact]
    public void CountSessions_SyncServerAndIdleConnections_AreNotCounted() => Assert.Equal(3, SessionPolicy.CountSessions(Machine));

    [Fact]
    public void CountSessions_NewerSshServer_IsUnderstood() => Assert.Equal(
        1,
        SessionPolicy.CountSessions([Process(5, 1, "sshd-session", "sshd-session: root@pts/0"), Process(6, 5, "bash", "-bash")]));

    [Fact]
    public void UserProcesses_WholeMachine_SparesWhatKeepsItReachable() =>
        Assert.Equal([2, 90, 91, 92, 100, 101, 111, 112, 120, 130], SessionPolicy.UserProcesses(Machine, Self).Order());

    [Fact]
    public void UserProcesses_ParentsInACircle_Ends()
    {
        ProcessFact[] processes = [Process(5, 6, "a", "a"), Process(6, 5, "b", "b"), Process(Self, 5, "dumont-agent", "dumont-agent", "run")];

        Assert.Empty(SessionPolicy.UserProcesses(processes, Self));
    }

    [Theory]
    [InlineData("12 (bash) S 11 12 12 0 -1 4194304 5", "bash", 'S', 11, 4194304u)]
    [InlineData("12 (a) b (c) Z 7 1 1 0 -1 2129984 0", "a) b (c", 'Z', 7, 2129984u)]
    public void ParseStat_AnyName_FindsTheParent(string stat, string name, char state, int parent, uint flags) =>
        Assert.Equal((name, state, parent, flags), ProcessTable.ParseStat(stat));

    [Theory]
    [InlineData("0::/system.slice/ssh.service\n", "ssh.service")]
    [InlineData("1:name=systemd:/system.slice/docker.service\n0::/system.slice/docker.service", "docker.service")]
    [InlineData("0::/user.slice/user-0.slice/session-1.scope", null)]
    [InlineData("", null)]
    public void UnitOf_Cgroup_IsTheUnit(string cgroup, string? unit) => Assert.Equal(unit, ProcessTable.UnitOf(cgroup));

    private static ProcessFact Process(int id, int parent, string name, params string[] arguments) =>
        new(id, parent, name, arguments, IsKernel: false, IsForeign: false, IsManaged: false, SystemUnit: null);
}
