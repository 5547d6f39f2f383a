using Dumont.Server.Platform.Events;

namespace Dumont.Server.OwnMachines;

/// <summary>What can happen to an own machine.</summary>
internal static class OwnMachineEvents
{
    public static NewEvent Joined(long id, string name) => new("own_machine.joined", new { ownMachineId = id, name });

    public static NewEvent Removed(long id, string name) => new("own_machine.removed", new { ownMachineId = id, name });

    /// <summary>What a check says of it is another thing than before.</summary>
    public static NewEvent Entered(long id, string name, OwnMachineState state, string? detail) => state switch
    {
        OwnMachineState.Ready => new("own_machine.back", new { ownMachineId = id, name }),
        OwnMachineState.Unreachable => new("own_machine.lost", new { ownMachineId = id, name, detail }),
        OwnMachineState.HostKeyChanged => new("own_machine.host_key_changed", new { ownMachineId = id, name }),
        OwnMachineState.Unusable => new("own_machine.unusable", new { ownMachineId = id, name, detail }),
    };

    /// <summary>A machine of ours is no longer on it.</summary>
    public static NewEvent Released(long id, string name, string tag) => new("own_machine.released", new { ownMachineId = id, name, tag });

    /// <summary>A machine of ours is on it.</summary>
    public static NewEvent Claimed(long id, string name, string tag) => new("own_machine.claimed", new { ownMachineId = id, name, tag });
}
