namespace Dumont.LocalCloud.Machines;

/// <summary>What a provider wants of a machine. Boots are numbered: a higher number asks for a restart.</summary>
internal abstract record MachineWish
{
    private MachineWish() { }

    public sealed record Running(MachineSpec Spec, int Boot, bool FreshDisk = false) : MachineWish;

    /// <summary>Ended in good order, disk kept.</summary>
    public sealed record Stopped : MachineWish;

    /// <summary>Ended at once, disk kept.</summary>
    public sealed record Dead : MachineWish;

    /// <summary>Ended at once, files deleted.</summary>
    public sealed record Removed : MachineWish;
}

/// <summary>What is known of a machine's processes.</summary>
internal abstract record MachineState
{
    private MachineState() { }

    public sealed record Down : MachineState;

    /// <summary>On its way from one of the others to what is wished.</summary>
    public sealed record Changing : MachineState;

    public sealed record Up(int Boot) : MachineState;

    public sealed record Failed(int Boot, string Reason) : MachineState;

    public sealed record Gone : MachineState;
}
