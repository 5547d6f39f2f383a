using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Vast;

/// <summary>Brings what the cloud says about contracts, and the machines behind them, to where they ought to be; again and again.</summary>
internal sealed class ContractLifecycle(
    ContractBook book,
    VastCloud cloud,
    MachineSupervisor machines,
    VolumeBook volumes,
    VolumeFiles files,
    BillingClock clock,
    LocalCloudOptions options,
    TimeProvider time,
    ILogger<ContractLifecycle> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(10);

    private DateTimeOffset _savedAt = time.GetUtcNow();

    /// <summary>One round over all contracts.</summary>
    public void Tick()
    {
        lock (book.Gate)
        {
            var now = time.GetUtcNow();
            if (now - _savedAt >= SaveInterval)
            {
                clock.Save();
                _savedAt = now;
            }

            foreach (var contract in book.All.ToArray().Where(contract => !cloud.EndIfDue(contract)))
            {
                Advance(contract, now);
            }

            if (book.CreditMicroUsd <= 0)
            {
                StopAll();
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await RemoveForgottenFilesAsync(stoppingToken);
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            do
            {
                TryTick();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program ends.
        }
    }

    private async Task RemoveForgottenFilesAsync(CancellationToken cancellationToken)
    {
        long[] known;
        lock (book.Gate)
        {
            known = [.. volumes.All.Select(volume => volume.Id)];
        }

        await files.RemoveOthersAsync(known, cancellationToken);
    }

    // A full disk must not end the loop: the next round tries again.
    private void TryTick()
    {
        try
        {
            Tick();
        }
        catch (Exception e)
        {
            VastLog.RoundFailed(logger, e);
        }
    }

    private void Advance(Contract contract, DateTimeOffset now)
    {
        book.Charge(contract);
        var waits = contract is { HostDead: false, HoldsGpus: false } && (contract.Outbid || contract.IntendedStatus == "running");
        var changed = (waits && cloud.TryTakeGpus(contract)) || cloud.GiveWayIfOutbid(contract);
        Drive(contract);
        var (actual, message) = ContractPolicy.Decide(contract, machines.Observe(contract.MachineKey), now, options.BootDelay);
        if (actual != contract.ActualStatus || message != contract.StatusMessage)
        {
            VastLog.StatusChanged(logger, contract.Id, contract.ActualStatus, actual, message);
            (contract.ActualStatus, contract.StatusMessage, contract.StatusSince) = (actual, message, now);
            changed = true;
        }

        if (changed)
        {
            book.Save(contract);
        }
    }

    private void Drive(Contract contract)
    {
        var observed = machines.Observe(contract.MachineKey);
        if (ContractPolicy.NeedsBoot(contract, observed))
        {
            machines.Want(contract.MachineKey, new MachineWish.Running(ContractMachines.SpecOf(contract, files), contract.Boot, contract.FreshDisk));
            contract.FreshDisk = false;
        }
        else if (contract.HostDead)
        {
            machines.Want(contract.MachineKey, new MachineWish.Dead());
        }
        else if (!contract.WantsToRun && contract.Boot > 0)
        {
            machines.Want(contract.MachineKey, new MachineWish.Stopped());
        }
    }

    private void StopAll()
    {
        foreach (var contract in book.All.Where(contract => contract.IntendedStatus == "running"))
        {
            VastCloud.Halt(contract);
            book.Save(contract);
        }
    }
}
