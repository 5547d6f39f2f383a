using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Machines;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Machines;

public sealed class MachinePolicyTests
{
    private static readonly MachinesOptions Options = new();

    private static readonly MachinePhase[] Phases = Enum.GetValues<MachinePhase>();

    /// <summary>Steps that may lead to the end of a machine at the provider.</summary>
    private static readonly MachineStep[] Destructive = [MachineStep.Release, MachineStep.ProveGone];

    [Theory]
    // phase, desired running, stopped, gone
    [InlineData("Intended", "Ask", "Ask", "Close")]
    [InlineData("Asking", "ResolveTag", "ResolveTag", "ResolveTag")]
    [InlineData("Booting", "ObserveBoot", "ObserveBoot", "Release")]
    [InlineData("Preparing", "Prepare", "Prepare", "Release")]
    [InlineData("Ready", "Watch", "Stop", "Release")]
    [InlineData("Stopping", "ObserveStop", "ObserveStop", "Release")]
    [InlineData("Stopped", "Start", "Watch", "Release")]
    [InlineData("Starting", "ObserveBoot", "ObserveBoot", "Release")]
    [InlineData("Releasing", "ProveGone", "ProveGone", "ProveGone")]
    [InlineData("Failed", "Rest", "Rest", "Rest")]
    [InlineData("Gone", "Rest", "Rest", "Rest")]
    public void Decide_PhaseAndDesired_GivesTheStep(string phase, string running, string stopped, string gone)
    {
        string Step(MachineDesired desired) => MachinePolicy.Decide(Machine(Enum.Parse<MachinePhase>(phase), desired), Now, Options).ToString();

        Assert.Equal((running, stopped, gone), (Step(MachineDesired.Running), Step(MachineDesired.Stopped), Step(MachineDesired.Gone)));
    }

    [Theory]
    [InlineData("Booting")]
    [InlineData("Preparing")]
    [InlineData("Starting")]
    public void Decide_BootTakesTooLong_GivesUpAtTheLimitNotBefore(string phase)
    {
        var machine = Machine(Enum.Parse<MachinePhase>(phase));

        Assert.NotEqual(MachineStep.GiveUpBoot, MachinePolicy.Decide(machine, Now + Options.BootTimeout - TimeSpan.FromTicks(1), Options));
        Assert.Equal(MachineStep.GiveUpBoot, MachinePolicy.Decide(machine, Now + Options.BootTimeout, Options));
    }

    [Fact]
    public void Decide_FailedBeforeUse_IsReleased_FailedAfterUse_IsKeptUntilToldToGo()
    {
        foreach (var phase in new[] { MachinePhase.Booting, MachinePhase.Preparing, MachinePhase.Ready, MachinePhase.Starting, MachinePhase.Stopped })
        {
            Assert.Equal(MachineStep.Release, MachinePolicy.Decide(Machine(phase, failure: MachineFailure.Lost), Now, Options));
            Assert.Equal(MachineStep.Rest, MachinePolicy.Decide(Machine(phase, failure: MachineFailure.BootTimeout, used: true), Now, Options));
            Assert.Equal(
                MachineStep.Release,
                MachinePolicy.Decide(Machine(phase, MachineDesired.Gone, failure: MachineFailure.BootTimeout, used: true), Now, Options));
        }
    }

    [Fact]
    public void AfterReading_Unknown_ChangesNothing_InAnyState()
    {
        var unknown = new MachineReading.Unknown(ProviderErrorKind.Transient, "no answer");
        foreach (var machine in AllMachines())
        {
            foreach (var now in new[] { Now, Now + TimeSpan.FromDays(1) })
            {
                Assert.Equal(machine, MachinePolicy.AfterBootReading(machine, unknown, now, Options));
                Assert.Equal(machine, MachinePolicy.AfterWatchReading(machine, unknown, now, Options));
                Assert.Equal(machine, MachinePolicy.AfterReleaseReading(machine, unknown, now, Options));
            }
        }
    }

    [Fact]
    public void AfterCreate_Unknown_ChangesNothing()
    {
        var asking = Machine(MachinePhase.Asking);

        Assert.Equal(asking, MachinePolicy.AfterCreate(asking, new CreateResult.Unknown("no answer"), Now));
    }

    [Fact]
    public void AfterReading_OneAbsence_EndsNothing_InAnyState()
    {
        var absent = new MachineReading.Absent("404");
        foreach (var machine in AllMachines())
        {
            foreach (var after in new[]
            {
                MachinePolicy.AfterBootReading(machine, absent, Now + TimeSpan.FromDays(1), Options),
                MachinePolicy.AfterWatchReading(machine, absent, Now + TimeSpan.FromDays(1), Options),
                MachinePolicy.AfterReleaseReading(machine, absent, Now + TimeSpan.FromDays(1), Options),
            })
            {
                Assert.Equal(machine.Phase, after.Phase);
                Assert.Equal(machine.Document.Failure, after.Document.Failure);
            }
        }
    }

    [Fact]
    public void AfterReading_NothingButProofOrAFinalWord_LeadsToADestructiveStep()
    {
        MachineReading[] readings =
        [
            new MachineReading.Unknown(ProviderErrorKind.RateLimited, "429"),
            new MachineReading.Absent("404"),
            .. new[]
            {
                ProviderMachineState.Provisioning, ProviderMachineState.Loading, ProviderMachineState.Running, ProviderMachineState.Stopping,
                ProviderMachineState.Stopped,
            }.Select(state => new MachineReading.Present(Present(state))),
        ];
        foreach (var machine in AllMachines().Where(machine => !Destructive.Contains(MachinePolicy.Decide(machine, Now, Options))))
        {
            foreach (var reading in readings)
            {
                foreach (var after in new[]
                {
                    MachinePolicy.AfterBootReading(machine, reading, Now, Options), MachinePolicy.AfterWatchReading(machine, reading, Now, Options),
                })
                {
                    Assert.DoesNotContain(MachinePolicy.Decide(after, Now, Options), Destructive);
                }
            }
        }
    }

    [Fact]
    public void AfterReleaseReading_TwoAbsencesFarEnoughApart_IsGone()
    {
        var absent = new MachineReading.Absent("404");
        var first = MachinePolicy.AfterReleaseReading(Machine(MachinePhase.Releasing), absent, Now, Options);
        var tooEarly = MachinePolicy.AfterReleaseReading(first, absent, Now + Options.AbsenceProof - TimeSpan.FromTicks(1), Options);
        var proven = MachinePolicy.AfterReleaseReading(first, absent, Now + Options.AbsenceProof, Options);

        Assert.Equal(MachinePhase.Releasing, tooEarly.Phase);
        Assert.Equal(MachinePhase.Gone, proven.Phase);
    }

    [Fact]
    public void AfterReleaseReading_SeenAgainInBetween_BeginsAnew()
    {
        var absent = new MachineReading.Absent("404");
        var machine = MachinePolicy.AfterReleaseReading(Machine(MachinePhase.Releasing), absent, Now, Options);
        machine = MachinePolicy.AfterReleaseReading(machine, new MachineReading.Present(Present(ProviderMachineState.Stopping)), Now, Options);
        machine = MachinePolicy.AfterReleaseReading(machine, absent, Now + Options.AbsenceProof, Options);

        Assert.Equal(MachinePhase.Releasing, machine.Phase);
    }

    [Fact]
    public void AfterCreate_EveryResult_IsRecorded()
    {
        var asking = Machine(MachinePhase.Asking);
        (MachinePhase Phase, MachineFailure? Failure, string? Id) After(CreateResult result)
        {
            var after = MachinePolicy.AfterCreate(asking, result, Now);
            return (after.Phase, after.Document.Failure, after.ProviderMachineId);
        }

        Assert.Equal((MachinePhase.Booting, null, "7"), After(new CreateResult.Created("7")));
        Assert.Equal((MachinePhase.Releasing, MachineFailure.Rejected, "7"), After(new CreateResult.LeftMachine("7", "no image")));

        // A refusal is believed only after a look at the tag: the phase stays.
        Assert.Equal((MachinePhase.Asking, MachineFailure.OfferGone, null), After(new CreateResult.OfferGone()));
        Assert.Equal((MachinePhase.Asking, MachineFailure.InsufficientCredit, null), After(new CreateResult.InsufficientCredit()));
        Assert.Equal((MachinePhase.Asking, MachineFailure.Rejected, null), After(new CreateResult.Rejected(ProviderErrorKind.Invalid, "no")));
    }

    [Theory]
    [InlineData("Provisioning", "Booting")]
    [InlineData("Loading", "Booting")]
    [InlineData("Running", "Booting")]
    [InlineData("Stopping", "Booting")]
    [InlineData("Offline", "Booting")]
    [InlineData("Stopped", "Releasing")]
    [InlineData("Interrupted", "Releasing")]
    [InlineData("Failed", "Releasing")]
    public void AfterTagLookup_Found_IsAdopted(string state, string phase)
    {
        var after = MachinePolicy.AfterTagLookup(Machine(MachinePhase.Asking), Present(Enum.Parse<ProviderMachineState>(state), "7"), Now, Options);

        Assert.Equal(("7", phase), (after.ProviderMachineId, after.Phase.ToString()));
    }

    [Fact]
    public void AfterTagLookup_FoundThoughRefusedOrUnwanted_IsReleased()
    {
        var found = Present(ProviderMachineState.Running, "7");
        var refused = MachinePolicy.AfterTagLookup(Machine(MachinePhase.Asking, failure: MachineFailure.OfferGone), found, Now, Options);
        var unwanted = MachinePolicy.AfterTagLookup(Machine(MachinePhase.Asking, MachineDesired.Gone), found, Now, Options);

        Assert.Equal((MachinePhase.Releasing, "7"), (refused.Phase, refused.ProviderMachineId));
        Assert.Equal((MachinePhase.Releasing, "7"), (unwanted.Phase, unwanted.ProviderMachineId));
    }

    [Fact]
    public void AfterTagLookup_NotFound_RefusalFailsAtOnce_LostAnswerOnlyAfterTwoLooks()
    {
        Assert.Equal(
            MachinePhase.Failed,
            MachinePolicy.AfterTagLookup(Machine(MachinePhase.Asking, failure: MachineFailure.OfferGone), null, Now, Options).Phase);

        var first = MachinePolicy.AfterTagLookup(Machine(MachinePhase.Asking), null, Now, Options);
        Assert.Equal(MachinePhase.Asking, first.Phase);
        Assert.Equal(MachinePhase.Asking, MachinePolicy.AfterTagLookup(first, null, Now + TimeSpan.FromSeconds(1), Options).Phase);

        var second = MachinePolicy.AfterTagLookup(first, null, Now + Options.CreateAbsenceProof, Options);
        Assert.Equal((MachinePhase.Failed, MachineFailure.Abandoned), (second.Phase, second.Document.Failure));
    }

    [Theory]
    // phase, what the provider says, failure
    [InlineData("Booting", "Loading", null)]
    [InlineData("Booting", "Running", null)]
    [InlineData("Booting", "Failed", "Lost")]
    [InlineData("Booting", "Offline", "Lost")]
    [InlineData("Booting", "Interrupted", "Lost")]
    [InlineData("Starting", "Interrupted", null)]
    [InlineData("Starting", "Stopped", null)]
    [InlineData("Starting", "Offline", "Lost")]
    public void AfterBootReading_Present_TellsWhatItMeans(string phase, string state, string? failure)
    {
        var reading = new MachineReading.Present(Present(Enum.Parse<ProviderMachineState>(state)));
        var after = MachinePolicy.AfterBootReading(Machine(Enum.Parse<MachinePhase>(phase)), reading, Now, Options);

        Assert.Equal(failure, after.Document.Failure?.ToString());
        Assert.Equal(("host", 22, "192.0.2.1", 0.5m), (after.Document.SshHost, after.Document.SshPort, after.Document.PublicIp, after.Document.UsdPerHour));
    }

    [Theory]
    [InlineData("Gpu", "Ready", "Stopped", "Ready", null)]
    [InlineData("Gpu", "Ready", "Interrupted", "Ready", null)]
    [InlineData("Gpu", "Ready", "Offline", "Ready", null)]
    [InlineData("Gpu", "Ready", "Failed", "Ready", "Lost")]
    [InlineData("Gpu", "Stopped", "Failed", "Stopped", null)]
    [InlineData("Gpu", "Stopped", "Loading", "Stopped", null)]
    [InlineData("Gpu", "Stopped", "Running", "Starting", null)]
    [InlineData("Standby", "Stopped", "Running", "Starting", null)]
    [InlineData("Standby", "Ready", "Stopped", "Stopped", null)]
    [InlineData("Standby", "Ready", "Interrupted", "Stopped", null)]
    [InlineData("Standby", "Ready", "Failed", "Ready", "Lost")]
    public void AfterWatchReading_Present_TellsWhatItMeans(string role, string phase, string state, string afterPhase, string? failure)
    {
        var reading = new MachineReading.Present(Present(Enum.Parse<ProviderMachineState>(state)));
        var machine = Machine(Enum.Parse<MachinePhase>(phase), role: Enum.Parse<MachineRole>(role), used: true);
        var after = MachinePolicy.AfterWatchReading(machine, reading, Now, Options);

        Assert.Equal((afterPhase, failure), (after.Phase.ToString(), after.Document.Failure?.ToString()));
    }

    [Fact]
    public void AfterWatchReading_ProvenAbsent_IsLostAndLetGo()
    {
        var absent = new MachineReading.Absent("404");
        var machine = MachinePolicy.AfterWatchReading(Machine(used: true), absent, Now, Options);
        machine = MachinePolicy.AfterWatchReading(machine, absent, Now + Options.AbsenceProof, Options);

        Assert.Equal((MachinePhase.Releasing, MachineFailure.Lost), (machine.Phase, machine.Document.Failure));
    }

    [Fact]
    public void AfterBootReading_UsedMachineAbsent_NeedsTheLongProof()
    {
        var absent = new MachineReading.Absent("404");
        Machine Starting(bool used, TimeSpan apart)
        {
            var machine = MachinePolicy.AfterBootReading(Machine(MachinePhase.Starting, used: used), absent, Now, Options);
            return MachinePolicy.AfterBootReading(machine, absent, Now + apart, Options);
        }

        Assert.Equal(MachineFailure.Lost, Starting(used: false, Options.CreateAbsenceProof).Document.Failure);
        Assert.Null(Starting(used: true, Options.CreateAbsenceProof).Document.Failure);
        Assert.Equal(MachineFailure.Lost, Starting(used: true, Options.AbsenceProof).Document.Failure);
    }

    [Fact]
    public void VerdictOnHost_EachChange_SpeaksOnce()
    {
        var booting = Machine(MachinePhase.Booting);
        var ready = Machine(used: true);

        Assert.True(MachinePolicy.VerdictOnHost(booting, ready));
        Assert.Null(MachinePolicy.VerdictOnHost(ready, ready));
        Assert.False(MachinePolicy.VerdictOnHost(booting, booting.Fail(MachineFailure.BootTimeout, "")));
        Assert.False(MachinePolicy.VerdictOnHost(booting, booting.Fail(MachineFailure.PrepareFailed, "")));
        Assert.False(MachinePolicy.VerdictOnHost(ready, ready.Fail(MachineFailure.Lost, "")));

        // An offer that was gone, or an empty account, says nothing about the host.
        Assert.Null(MachinePolicy.VerdictOnHost(booting, booting.Fail(MachineFailure.OfferGone, "")));
        Assert.Null(MachinePolicy.VerdictOnHost(booting, booting.Fail(MachineFailure.InsufficientCredit, "")));
        Assert.Null(MachinePolicy.VerdictOnHost(booting, booting.Fail(MachineFailure.Abandoned, "")));
    }

    [Fact]
    public void Fail_SecondReason_KeepsTheFirst()
    {
        var machine = Machine().Fail(MachineFailure.Lost, "first").Fail(MachineFailure.BootTimeout, "second");

        Assert.Equal((MachineFailure.Lost, "first"), (machine.Document.Failure, machine.Document.FailureReason));
    }

    [Theory]
    [InlineData("dumont/abc/7/1", true)]
    [InlineData("dumont/abc/", true)]
    [InlineData("dumont/abcd/7/1", false)]
    [InlineData("dumont/ab/7/1", false)]
    [InlineData("dumont/abc", false)]
    [InlineData("Dumont/abc/7/1", false)]
    [InlineData(" dumont/abc/7/1", false)]
    [InlineData("other/abc/7/1", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void IsOf_Tag_OnlyThisServersOwn(string? tag, bool ours) => Assert.Equal(ours, OwnerTag.IsOf(tag, "abc"));

    [Fact]
    public void Of_InstanceAndOrdinal_IsOwnedByTheServerAndNoOther()
    {
        var tag = OwnerTag.Of("abc", new InstanceId(7), 2);

        Assert.Equal("dumont/abc/7/2", tag);
        Assert.True(OwnerTag.IsOf(tag, "abc"));
        Assert.False(OwnerTag.IsOf(tag, "abc/7"[..2]));
    }

    [Fact]
    public void KnownHostsName_Port_IsNamedUnlessUsual()
    {
        Assert.Equal("host", new SshEndpoint("host", 22).KnownHostsName);
        Assert.Equal("[host]:2222", new SshEndpoint("host", 2222).KnownHostsName);
    }

    private static IEnumerable<Machine> AllMachines() =>
        from phase in Phases
        from desired in Enum.GetValues<MachineDesired>()
        from role in Enum.GetValues<MachineRole>()
        from failure in (MachineFailure?[])[null, .. Enum.GetValues<MachineFailure>()]
        from used in (bool[])[false, true]
        select Machine(phase, desired, role: role, failure: failure, used: used);
}
