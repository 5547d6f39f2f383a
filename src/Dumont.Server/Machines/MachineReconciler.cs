using System.Diagnostics;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Providers.Ssh;
using Dumont.Server.Hosts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Settings;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Machines;

/// <summary>Takes one machine from intent to gone. Every step is recorded before the next; a kill between any two leaves a record from which the next
/// tick goes on, and no step that destroys is ever taken on <c>Unknown</c>.</summary>
internal sealed class MachineReconciler(
    MachineStore store,
    ProviderAccounts accounts,
    ISshClient ssh,
    MachinePreparer preparer,
    ServerIdentity identity,
    HostHistory hosts,
    TimeProvider time,
    IOptions<MachinesOptions> options,
    ILogger<MachineReconciler> logger) : IReconciler
{
    /// <summary>After a provider failed to answer.</summary>
    private static readonly TimeSpan UnknownDelay = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public string Kind => WorkKinds.Machine;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(new MachineId(fence.Key), cancellationToken) is not { } machine)
        {
            return Next.WhenWoken;
        }

        var step = MachinePolicy.Decide(machine, time.GetUtcNow(), options.Value);
        if (step == MachineStep.Rest)
        {
            return Next.WhenWoken;
        }

        if (step == MachineStep.Close)
        {
            await SaveAsync(machine, machine.Enter(MachinePhase.Gone, time.GetUtcNow()), fence, cancellationToken);
            return Next.WhenWoken;
        }

        if (await accounts.FindAsync(machine.Provider, machine.Account, cancellationToken) is not { } account)
        {
            MachinesLog.NoAccount(logger, machine.Id, machine.Provider, machine.Account);
            return Next.After(options.Value.WatchInterval);
        }

        var tick = new Tick(machine, fence, account.Client, account.Mark);
        return step switch
        {
            MachineStep.Ask => await AskAsync(tick, cancellationToken),
            MachineStep.ResolveTag => await ResolveTagAsync(tick, cancellationToken),
            MachineStep.ObserveBoot => await ObserveBootAsync(tick, cancellationToken),
            MachineStep.Prepare => await PrepareAsync(tick, cancellationToken),
            MachineStep.Watch => await WatchAsync(tick, cancellationToken),
            MachineStep.Stop => await StopAsync(tick, cancellationToken),
            MachineStep.ObserveStop => await ObserveStopAsync(tick, cancellationToken),
            MachineStep.Start => await StartAsync(tick, cancellationToken),
            MachineStep.Release => await EnterAsync(tick, machine.Enter(MachinePhase.Releasing, time.GetUtcNow()), cancellationToken),
            MachineStep.ProveGone => await ProveGoneAsync(tick, cancellationToken),
            MachineStep.GiveUpBoot => await EnterAsync(
                tick, machine.Fail(MachineFailure.BootTimeout, $"Not reachable after {options.Value.BootTimeout}."), cancellationToken),
            _ => throw new UnreachableException(),
        };
    }

    private async Task<Next> AskAsync(Tick tick, CancellationToken cancellationToken)
    {
        // From here on the provider may have been asked, whatever happens to this process.
        var entered = tick.Machine.Enter(MachinePhase.Asking, time.GetUtcNow());
        var asking = await SaveAsync(
            tick.Machine, entered with { Document = entered.Document with { AccountMark = tick.AccountMark } }, tick.Fence, cancellationToken);
        var spec = asking.Document.Spec;
        var result = await tick.Provider.CreateAsync(
            new CreateMachineRequest
            {
                OfferId = asking.Document.Offer.Id,
                Tag = asking.Tag,
                Image = spec.Image,
                DiskGb = spec.DiskGb,
                AuthorizedKeys = [identity.ManagementPublicKey],
                OnStart = spec.OnStart,
                Environment = spec.Environment,
                Ports = spec.Ports,
                BidUsdPerHour = spec.BidUsdPerHour,
            },
            cancellationToken);
        MachinesLog.Asked(logger, asking.Id, asking.Tag, result.GetType().Name);
        var after = MachinePolicy.AfterCreate(asking, result, time.GetUtcNow());
        if (after != asking)
        {
            await SaveAsync(asking, after, tick.Fence, cancellationToken);
        }

        return result is CreateResult.Unknown ? Next.After(options.Value.BootPollInterval) : Next.Now;
    }

    private async Task<Next> ResolveTagAsync(Tick tick, CancellationToken cancellationToken)
    {
        if (await tick.Provider.ListAsync(cancellationToken) is not MachineListing.Complete(var machines))
        {
            return Next.After(UnknownDelay);
        }

        var found = machines.FirstOrDefault(present => present.Tag == tick.Machine.Tag);
        // A refusal is an answer; should it have left a machine all the same, the sweep finds it when its account's credentials are back.
        if (found is null && tick.Machine.Document.Failure is null && MachinePolicy.IsOtherAccount(tick.Machine, tick.AccountMark))
        {
            return Next.After(UnknownDelay);
        }

        var after = MachinePolicy.AfterTagLookup(tick.Machine, found, time.GetUtcNow(), options.Value);
        MachinesLog.Resolved(logger, tick.Machine.Id, tick.Machine.Tag, found?.Id ?? "none", after.Phase);
        await SaveAsync(tick.Machine, after, tick.Fence, cancellationToken);
        return after.Phase == MachinePhase.Asking ? Next.After(TimeSpan.FromSeconds(1)) : Next.Now;
    }

    private async Task<Next> ObserveBootAsync(Tick tick, CancellationToken cancellationToken)
    {
        var reading = await tick.ReadAsync(cancellationToken);
        var after = MachinePolicy.AfterBootReading(tick.Known(reading), reading, time.GetUtcNow(), options.Value);
        if (after is { Document.Failure: null, Document.ProviderState: ProviderMachineState.Running, Ssh: { } endpoint }
            && await ssh.AnswersAsync(endpoint, cancellationToken))
        {
            // Where the provider tells the key, nobody in between can. Else the first contact is inside the minutes after we asked for the machine: its
            // key is pinned now, and never again.
            var bootKey = after.Document.BootHostKey ?? (reading as MachineReading.Present)?.Machine.BootHostKey ?? await ssh.ScanHostKeyAsync(endpoint, cancellationToken);
            if (bootKey is not null)
            {
                after = (after with { Document = after.Document with { BootHostKey = bootKey, PrepareAttempts = 0 } }).Enter(
                    MachinePhase.Preparing, time.GetUtcNow());
            }
        }

        if (after != tick.Machine)
        {
            await SaveAsync(tick.Machine, after, tick.Fence, cancellationToken);
        }

        return after.Phase == tick.Machine.Phase && after.Document.Failure is null ? Next.After(options.Value.BootPollInterval) : Next.Now;
    }

    private async Task<Next> PrepareAsync(Tick tick, CancellationToken cancellationToken)
    {
        var machine = tick.Machine;
        try
        {
            await preparer.PrepareAsync(machine, cancellationToken);
        }
        catch (SshException exception)
        {
            var attempts = machine.Document.PrepareAttempts + 1;
            MachinesLog.PrepareFailed(logger, machine.Id, attempts, exception.Message);
            var failed = machine with { Document = machine.Document with { PrepareAttempts = attempts } };
            if (attempts >= options.Value.PrepareAttempts)
            {
                failed = failed.Fail(MachineFailure.PrepareFailed, exception.Message);
            }

            await SaveAsync(machine, failed, tick.Fence, cancellationToken);
            return Next.After(TimeSpan.FromSeconds(Math.Min(attempts, 5)));
        }

        var now = time.GetUtcNow();
        var ready = machine.Enter(MachinePhase.Ready, now);
        await SaveAsync(machine, ready with { Document = ready.Document with { ReadyAt = ready.Document.ReadyAt ?? now } }, tick.Fence, cancellationToken);
        MachinesLog.Ready(logger, machine.Id, machine.Tag, now - machine.CreatedAt);
        return Next.After(options.Value.WatchInterval);
    }

    private async Task<Next> WatchAsync(Tick tick, CancellationToken cancellationToken)
    {
        var reading = await tick.ReadAsync(cancellationToken);
        var after = MachinePolicy.AfterWatchReading(tick.Known(reading), reading, time.GetUtcNow(), options.Value);
        if (after != tick.Machine)
        {
            await SaveAsync(tick.Machine, after, tick.Fence, cancellationToken);
        }

        return after.Phase != tick.Machine.Phase || after.Document.Failure is not null ? Next.Now : Next.After(options.Value.WatchInterval);
    }

    private async Task<Next> StopAsync(Tick tick, CancellationToken cancellationToken)
    {
        var stopping = await SaveAsync(tick.Machine, tick.Machine.Enter(MachinePhase.Stopping, time.GetUtcNow()), tick.Fence, cancellationToken);
        return await ObserveStopAsync(tick with { Machine = stopping }, cancellationToken);
    }

    private async Task<Next> ObserveStopAsync(Tick tick, CancellationToken cancellationToken)
    {
        var result = await tick.Provider.StopAsync(tick.ProviderMachineId, cancellationToken);
        if (result is EffectResult.Rejected(_, var reason))
        {
            MachinesLog.Refused(logger, tick.Machine.Id, "stop", reason);
        }

        var reading = await tick.ReadAsync(cancellationToken);
        var after = MachinePolicy.AfterStopReading(tick.Known(reading), reading, time.GetUtcNow(), options.Value);
        if (after != tick.Machine)
        {
            await SaveAsync(tick.Machine, after, tick.Fence, cancellationToken);
        }

        if (after.Phase != tick.Machine.Phase)
        {
            return Next.Now;
        }

        return Next.After(options.Value.BootPollInterval * 2);
    }

    private async Task<Next> StartAsync(Tick tick, CancellationToken cancellationToken)
    {
        var result = await tick.Provider.StartAsync(tick.ProviderMachineId, cancellationToken);
        switch (result)
        {
            case EffectResult.Done or EffectResult.Queued:
                return await EnterAsync(tick, tick.Machine.Enter(MachinePhase.Starting, time.GetUtcNow()), cancellationToken);
            case EffectResult.Rejected(_, var reason):
                MachinesLog.Refused(logger, tick.Machine.Id, "start", reason);
                return Next.After(options.Value.WatchInterval);
            default:
                // Unknown, or an id that the provider denies: a reading tells, as in the watch.
                await WatchAsync(tick, cancellationToken);
                return Next.After(UnknownDelay);
        }
    }

    private async Task<Next> ProveGoneAsync(Tick tick, CancellationToken cancellationToken)
    {
        var machine = tick.Machine;
        var now = time.GetUtcNow();
        if (machine.ProviderMachineId is null)
        {
            return await EnterAsync(tick, machine.Enter(MachinePhase.Gone, now), cancellationToken);
        }

        var (askedAt, absentSince) = (machine.Document.DestroyAskedAt, machine.Document.AbsentSince);
        if (askedAt is null || (absentSince is null && now - askedAt >= options.Value.DestroyRepeat))
        {
            // Read first, every time: an earlier call may have worked although its answer was lost, and the id may be somebody else's by now.
            switch (await tick.ReadAsync(cancellationToken))
            {
                case MachineReading.Unknown:
                    return Next.After(UnknownDelay);
                case MachineReading.Present:
                    var result = await tick.Provider.DestroyAsync(tick.ProviderMachineId, cancellationToken);
                    MachinesLog.DestroyAsked(logger, machine.Id, machine.Tag, result.GetType().Name);
                    if (result is not (EffectResult.Done or EffectResult.NotFound))
                    {
                        return Next.After(UnknownDelay);
                    }

                    break;
                default:
                    break;
            }

            machine = await SaveAsync(
                machine, machine with { Document = machine.Document with { DestroyAskedAt = now } }, tick.Fence, cancellationToken);
        }

        var reading = await tick.ReadAsync(cancellationToken);
        var after = MachinePolicy.AfterReleaseReading(MachinePolicy.Adopt(machine, reading, tick.AccountMark), reading, time.GetUtcNow(), options.Value);
        if (after != machine)
        {
            await SaveAsync(machine, after, tick.Fence, cancellationToken);
        }

        return after.Phase == MachinePhase.Gone ? Next.WhenWoken
            : reading is MachineReading.Absent ? Next.After(options.Value.AbsenceProof)
            : Next.After(UnknownDelay);
    }

    private async Task<Next> EnterAsync(Tick tick, Machine after, CancellationToken cancellationToken)
    {
        await SaveAsync(tick.Machine, after, tick.Fence, cancellationToken);
        return Next.Now;
    }

    /// <summary>Writes what was learnt, and notes in the history of the host what became of renting it.</summary>
    private Task<Machine> SaveAsync(Machine before, Machine after, Fence fence, CancellationToken cancellationToken)
    {
        var offer = after.Document.Offer;

        // The history of hosts is everybody's; an own machine is its owner's alone.
        if (after.Provider == SshProvider.ProviderName || offer.HostMachineId is not { } host || MachinePolicy.VerdictOnHost(before, after) is not { } succeeded)
        {
            return store.SaveAsync(before, after, fence, cancellationToken);
        }

        return store.SaveAsync(
            before,
            after,
            fence,
            cancellationToken,
            transaction => hosts.RecordAsync(
                transaction,
                after.Provider,
                host,
                offer.GpuName,
                succeeded,
                before.Phase.ToString().ToLowerInvariant(),
                after.Document.FailureReason ?? "ready"));
    }

    /// <summary>What one tick works on.</summary>
    private sealed record Tick(Machine Machine, Fence Fence, IComputeProvider Provider, string AccountMark)
    {
        public async Task<MachineReading> ReadAsync(CancellationToken cancellationToken) =>
            MachinePolicy.Judge(Machine, await Provider.GetAsync(ProviderMachineId, cancellationToken), AccountMark);

        /// <summary>The machine with what a reading says about its account.</summary>
        public Machine Known(MachineReading reading) => MachinePolicy.Adopt(Machine, reading, AccountMark);

        public string ProviderMachineId => Machine.ProviderMachineId
            ?? throw new InvalidOperationException($"Machine {Machine.Id} in phase {Machine.Phase} has no provider id.");
    }
}
