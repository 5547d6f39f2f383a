using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Offers;

namespace Dumont.Server.Tests.Spine;

/// <summary>Records for tests of decisions; each test changes with <c>with</c> what it is about.</summary>
internal static class Samples
{
    public static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    public static readonly InstanceId Id = new(5);

    public static readonly MachineSpec Spec = new("image", 100, null, new Dictionary<string, string>(), [], null);

    public static Machine Machine(
        MachinePhase phase = MachinePhase.Ready,
        MachineDesired desired = MachineDesired.Running,
        long id = 1,
        MachineRole role = MachineRole.Gpu,
        MachineFailure? failure = null,
        bool used = false) =>
        new(
            new MachineId(id),
            Id,
            new UserId(1),
            role,
            id,
            $"dumont/server/5/{id}",
            role == MachineRole.Gpu ? "vast" : "gcp",
            0,
            phase is MachinePhase.Intended or MachinePhase.Asking ? null : $"p-{id}",
            desired,
            phase,
            1,
            Now,
            new MachineDocument
            {
                Offer = OfferSamples.Rtx4090(id),
                Spec = Spec,
                PhaseSince = Now,
                Failure = failure,
                FailureReason = failure?.ToString(),
                ReadyAt = used ? Now : null,
                SshHost = $"host-{id}",
                SshPort = 22,
            });

    public static Instance Instance(
        InstanceStatus status = InstanceStatus.Running,
        InstanceDesired desired = InstanceDesired.Running,
        long generation = 1,
        long? writer = 1) =>
        new(
            Id,
            new UserId(1),
            "label",
            desired,
            status,
            generation,
            writer is { } id && generation > 0 ? new MachineId(id) : null,
            22001,
            1,
            Now,
            new InstanceDocument { WantedOffer = OfferSamples.Rtx4090(1), Spec = Spec, CreateBefore = Now + TimeSpan.FromMinutes(15), StatusSince = Now });

    public static Association Association(long? standby = 2, AssociationDocument? document = null, bool released = false, string? requested = null) =>
        new(
            Id,
            new UserId(1),
            standby is { } id ? new MachineId(id) : null,
            SyncEnabled: true,
            released,
            requested,
            1,
            Now,
            document ?? new AssociationDocument { State = AssociationState.Ready, SyncCountNow = 3 });

    public static Observed Observed(Machine machine, AgentReport? report, TimeSpan silence) =>
        new(machine, report is null ? null : new AgentSighting(report, Now - silence, Connected: true), silence);

    public static ProviderMachine Present(ProviderMachineState state, string id = "p-1") =>
        new() { Id = id, State = state, SshHost = "host", SshPort = 22, PublicIp = "192.0.2.1", UsdPerHour = 0.5m, StatusMessage = "as told" };
}
