namespace Dumont.Cli.Drills;

/// <summary>One way in which a machine can be lost, or only seem to be.</summary>
/// <param name="Name">As it is given on the command line.</param>
/// <param name="IsLoss">Whether the standby must take over; else it must not.</param>
/// <param name="Text">What happens, for people.</param>
internal sealed record DrillFault(string Name, bool IsLoss, Text Text)
{
    /// <summary>The server is asked for a failover: no machine is harmed.</summary>
    public const string Requested = "requested";

    public const string HostKilled = "host-killed";
    public const string Frozen = "frozen";
    public const string Cut = "cut";
    public const string ProviderLies = "provider-lies";
    public const string SshDead = "ssh-dead";
    public const string Vanished = "vanished";
    public const string AgentFrozen = "agent-frozen";
    public const string Hiccup = "hiccup";
    public const string ProviderSlanders = "provider-slanders";

    public static readonly DrillFault[] All =
    [
        new(HostKilled, true, new("the host of the GPU loses its power", "o host da GPU perde a energia")),
        new(Frozen, true, new("the whole machine stands still (SIGSTOP), its connections stay open", "a máquina inteira congela (SIGSTOP), as conexões ficam abertas")),
        new(Cut, true, new("the network of the machine is cut, its programs run on", "a rede da máquina é cortada, os programas continuam")),
        new(ProviderLies, true, new("the host dies and the provider says RUNNING", "o host morre e o provedor diz RUNNING")),
        new(SshDead, true, new("sshd ends and the agent stands still", "o sshd termina e o agente congela")),
        new(Vanished, true, new("the machine and its disk are gone without a word", "a máquina e o disco somem sem aviso")),
        new(Requested, true, new("the server is asked to switch", "o servidor é solicitado a trocar")) { NeedsCloud = false },
        new(AgentFrozen, false, new("the agent alone stands still, sshd answers", "só o agente congela, o sshd responde")),
        new(Hiccup, false, new("the machine stands still for less than the threshold", "a máquina congela por menos que o limite")),
        new(ProviderSlanders, false, new("the provider says that a living machine is offline", "o provedor diz que uma máquina viva está offline")),
    ];

    public static string[] Names { get; } = [.. All.Select(fault => fault.Name)];

    /// <summary>Only where the local cloud can be reached.</summary>
    public bool NeedsCloud { get; init; } = true;

    /// <summary>The user's programs run on where nobody hears of them, until that machine is fenced.</summary>
    public bool ProgramsRunOn => Name is Cut or SshDead;

    public static DrillFault Of(string name) => All.First(fault => fault.Name == name);
}
