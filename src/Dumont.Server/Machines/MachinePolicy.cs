using System.Diagnostics;
using Dumont.Providers;

namespace Dumont.Server.Machines;

/// <summary>The one next step for a machine.</summary>
internal enum MachineStep
{
    /// <summary>Nothing to do until woken.</summary>
    Rest,

    /// <summary>Record that the provider is about to be asked, then ask.</summary>
    Ask,

    /// <summary>Find out by the tag whether an earlier create call had an effect.</summary>
    ResolveTag,

    /// <summary>Look whether it boots, and whether its sshd answers.</summary>
    ObserveBoot,

    /// <summary>Install keys and agent.</summary>
    Prepare,

    /// <summary>See whether the provider still says what we think.</summary>
    Watch,

    /// <summary>Ask the provider to stop it.</summary>
    Stop,

    /// <summary>Look whether it has stopped.</summary>
    ObserveStop,

    /// <summary>Ask the provider to start it.</summary>
    Start,

    /// <summary>Begin to give it back.</summary>
    Release,

    /// <summary>Destroy, and collect the proof that it is gone.</summary>
    ProveGone,

    /// <summary>It never cost anything: close the record.</summary>
    Close,

    /// <summary>It took too long.</summary>
    GiveUpBoot,
}

/// <summary>Decisions about one machine. Pure.</summary>
internal static class MachinePolicy
{
    /// <summary>What to do now.</summary>
    public static MachineStep Decide(Machine machine, DateTimeOffset now, MachinesOptions options) =>
        machine.Phase switch
        {
            MachinePhase.Gone or MachinePhase.Failed => MachineStep.Rest,
            MachinePhase.Releasing => MachineStep.ProveGone,
            MachinePhase.Asking => MachineStep.ResolveTag,
            MachinePhase.Intended => machine.Desired == MachineDesired.Gone ? MachineStep.Close : MachineStep.Ask,
            _ when machine.Desired == MachineDesired.Gone => MachineStep.Release,
            _ when machine.Document.Failure is not null => Retry(machine),
            MachinePhase.Booting or MachinePhase.Starting or MachinePhase.Preparing
                when now - machine.Document.PhaseSince >= options.BootTimeout => MachineStep.GiveUpBoot,
            MachinePhase.Booting or MachinePhase.Starting => MachineStep.ObserveBoot,
            MachinePhase.Preparing => MachineStep.Prepare,
            MachinePhase.Ready => machine.Desired == MachineDesired.Stopped ? MachineStep.Stop : MachineStep.Watch,
            MachinePhase.Stopping => MachineStep.ObserveStop,
            MachinePhase.Stopped => machine.Desired == MachineDesired.Running ? MachineStep.Start : MachineStep.Watch,
            _ => throw new UnreachableException(),
        };

    /// <summary>A machine that failed and may hold work is left as it is, until it is to be stopped: that is how another start begins.</summary>
    private static MachineStep Retry(Machine machine) =>
        !machine.MayHoldWork ? MachineStep.Release
            : machine.Desired != MachineDesired.Stopped ? MachineStep.Rest
            : machine.Phase == MachinePhase.Stopping ? MachineStep.ObserveStop
            : MachineStep.Stop;

    /// <summary>What a reading is worth. An id that a machine of another tag bears now is no longer ours. Other credentials than those under which the
    /// machine was last seen may be another account's, where its absence says nothing.</summary>
    public static MachineReading Judge(Machine machine, MachineReading reading, string accountMark)
    {
        if (reading is MachineReading.Present(var present) && present.Tag != machine.Tag)
        {
            reading = new MachineReading.Absent("The id belongs to another machine now.");
        }

        return reading is MachineReading.Absent && IsOtherAccount(machine, accountMark)
            ? new MachineReading.Unknown(ProviderErrorKind.Credentials, "The credentials are not those under which the machine was rented.")
            : reading;
    }

    /// <summary>Whether the account may be another one than that of the machine.</summary>
    public static bool IsOtherAccount(Machine machine, string accountMark) => machine.Document.AccountMark is { } mark && mark != accountMark;

    /// <summary>Credentials that show the machine are its account's, old or new.</summary>
    public static Machine Adopt(Machine machine, MachineReading reading, string accountMark) =>
        reading is MachineReading.Present ? machine with { Document = machine.Document with { AccountMark = accountMark } } : machine;

    /// <summary>What a create call's result means. A refusal is checked against the tag before it is believed.</summary>
    public static Machine AfterCreate(Machine machine, CreateResult result, DateTimeOffset now) =>
        result switch
        {
            CreateResult.Created(var id) => (machine with { ProviderMachineId = id }).Enter(MachinePhase.Booting, now),
            CreateResult.LeftMachine(var id, var reason) =>
                (machine with { ProviderMachineId = id }).Fail(MachineFailure.Rejected, reason).Enter(MachinePhase.Releasing, now),
            CreateResult.OfferGone => machine.Fail(MachineFailure.OfferGone, "The offer is taken or has expired."),
            CreateResult.InsufficientCredit => machine.Fail(MachineFailure.InsufficientCredit, "The provider account has not enough credit."),
            CreateResult.Rejected(_, var reason) => machine.Fail(MachineFailure.Rejected, reason),
            _ => machine,
        };

    /// <summary>What a listing says about an intent whose create call may have had an effect.</summary>
    public static Machine AfterTagLookup(Machine machine, ProviderMachine? found, DateTimeOffset now, MachinesOptions options)
    {
        if (found is not null)
        {
            machine = machine with { ProviderMachineId = found.Id };
            if (machine.IsSpent)
            {
                return machine.Enter(MachinePhase.Releasing, now);
            }

            return found.State is ProviderMachineState.Stopped or ProviderMachineState.Interrupted or ProviderMachineState.Failed
                ? machine.Fail(MachineFailure.Rejected, found.StatusMessage ?? "The provider left a machine that does not start.").Enter(MachinePhase.Releasing, now)
                : machine.Enter(MachinePhase.Booting, now);
        }

        machine = CountAbsence(machine, now);
        if (machine.Document.Failure is not null)
        {
            return machine.Enter(MachinePhase.Failed, now);
        }

        return IsAbsent(machine, now, options.CreateAbsenceProof)
            ? machine.Fail(MachineFailure.Abandoned, "The provider never confirmed the machine.").Enter(MachinePhase.Failed, now)
            : machine;
    }

    /// <summary>What a reading says about a machine that boots.</summary>
    public static Machine AfterBootReading(Machine machine, MachineReading reading, DateTimeOffset now, MachinesOptions options)
    {
        switch (reading)
        {
            case MachineReading.Present(var present):
                machine = Note(machine, present);
                return present.State switch
                {
                    ProviderMachineState.Failed => machine.Fail(MachineFailure.Lost, present.StatusMessage ?? "The machine does not start."),
                    ProviderMachineState.Offline => machine.Fail(MachineFailure.Lost, "The host went offline."),
                    ProviderMachineState.Interrupted when machine.Phase == MachinePhase.Booting =>
                        machine.Fail(MachineFailure.Lost, "The machine was taken back while it booted."),
                    _ => machine,
                };
            case MachineReading.Absent(var proof):
                machine = CountAbsence(machine, now);
                return IsAbsent(machine, now, machine.MayHoldWork ? options.AbsenceProof : options.CreateAbsenceProof)
                    ? machine.Fail(MachineFailure.Lost, proof).Enter(MachinePhase.Releasing, now)
                    : machine;
            default:
                return machine;
        }
    }

    /// <summary>What a reading says about a machine that should just go on.</summary>
    public static Machine AfterWatchReading(Machine machine, MachineReading reading, DateTimeOffset now, MachinesOptions options)
    {
        switch (reading)
        {
            case MachineReading.Present(var present):
                machine = Note(machine, present);
                return (machine.Phase, present.State, machine.Role) switch
                {
                    // A spot standby that was taken back is simply started again; its disk is kept.
                    (MachinePhase.Ready, ProviderMachineState.Stopped or ProviderMachineState.Interrupted, MachineRole.Standby) =>
                        machine.Enter(MachinePhase.Stopped, now),
                    // A start whose answer was lost had its effect. Wanted stopped by now, it is stopped as any other, or it would run, and be paid for, unseen.
                    (MachinePhase.Stopped, ProviderMachineState.Running, _) => machine.Enter(MachinePhase.Starting, now),
                    (MachinePhase.Ready, ProviderMachineState.Failed, _) =>
                        machine.Fail(MachineFailure.Lost, present.StatusMessage ?? "The machine failed."),
                    _ => machine,
                };
            case MachineReading.Absent(var proof):
                machine = CountAbsence(machine, now);
                return IsAbsent(machine, now, options.AbsenceProof)
                    ? machine.Fail(MachineFailure.Lost, proof).Enter(MachinePhase.Releasing, now)
                    : machine;
            default:
                return machine;
        }
    }

    /// <summary>What a reading says about a machine that was asked to stop. On a dead host nothing runs either. A stop ends a failure: the next start tells.</summary>
    public static Machine AfterStopReading(Machine machine, MachineReading reading, DateTimeOffset now, MachinesOptions options) =>
        reading switch
        {
            MachineReading.Present(var present) when present.State is ProviderMachineState.Stopped or ProviderMachineState.Interrupted or ProviderMachineState.Failed
                or ProviderMachineState.Offline =>
                (machine with { Document = machine.Document with { Failure = null, FailureReason = null } }).Enter(MachinePhase.Stopped, now),
            MachineReading.Absent => AfterWatchReading(machine, reading, now, options),
            _ => machine,
        };

    /// <summary>What a reading says about a machine that is being given back. Unknown proves nothing.</summary>
    public static Machine AfterReleaseReading(Machine machine, MachineReading reading, DateTimeOffset now, MachinesOptions options)
    {
        switch (reading)
        {
            case MachineReading.Absent:
                machine = CountAbsence(machine, now);
                return IsAbsent(machine, now, options.AbsenceProof) ? machine.Enter(MachinePhase.Gone, now) : machine;
            case MachineReading.Present(var present):
                return Note(machine, present);
            default:
                return machine;
        }
    }

    /// <summary>What a change says about the host: it served (true), it failed us (false), or nothing (null).</summary>
    public static bool? VerdictOnHost(Machine before, Machine after) =>
        (before.Document, after.Document) switch
        {
            ({ ReadyAt: null }, { ReadyAt: not null }) => true,
            ({ Failure: null }, { Failure: MachineFailure.BootTimeout or MachineFailure.PrepareFailed or MachineFailure.Lost }) => false,
            _ => null,
        };

    private static Machine Note(Machine machine, ProviderMachine present) =>
        machine with
        {
            Document = machine.Document with
            {
                ProviderState = present.State,
                StatusMessage = present.StatusMessage,
                SshHost = present.SshHost ?? machine.Document.SshHost,
                SshPort = present.SshPort ?? machine.Document.SshPort,
                PublicIp = present.PublicIp ?? machine.Document.PublicIp,
                UsdPerHour = present.UsdPerHour ?? machine.Document.UsdPerHour,
                AbsentSince = null,
                AbsentReadings = 0,
            },
        };

    private static Machine CountAbsence(Machine machine, DateTimeOffset now) =>
        machine with
        {
            Document = machine.Document with { AbsentSince = machine.Document.AbsentSince ?? now, AbsentReadings = machine.Document.AbsentReadings + 1 },
        };

    private static bool IsAbsent(Machine machine, DateTimeOffset now, TimeSpan apart) =>
        machine.Document.AbsentReadings >= 2 && now - machine.Document.AbsentSince >= apart;
}
