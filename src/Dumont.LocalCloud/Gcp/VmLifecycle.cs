using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary>Brings VMs, the machines behind them and their operations to where they ought to be; again and again.</summary>
internal sealed class VmLifecycle(
    GcpBook book,
    GcpCloud cloud,
    DiskCloud disks,
    MachineSupervisor machines,
    CurrentAccount account,
    LocalCloudOptions options,
    TimeProvider time,
    ILogger<VmLifecycle> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(10);

    private DateTimeOffset _savedAt = time.GetUtcNow();

    /// <summary>One round over all VMs and the operations under way.</summary>
    public void Tick()
    {
        lock (book.Gate)
        {
            var now = time.GetUtcNow();
            var save = now - _savedAt >= SaveInterval;
            _savedAt = save ? now : _savedAt;
            foreach (var vm in book.Vms.ToArray())
            {
                Advance(vm, now, save);
            }

            foreach (var operation in book.Operations.Where(operation => operation.EndedAt is null).ToArray())
            {
                EndIfDone(operation);
            }
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Rounds.RunAsync(
        Interval,
        _ =>
        {
            Tick();
            return Task.CompletedTask;
        },
        time,
        logger,
        stoppingToken);

    private void Advance(Vm vm, DateTimeOffset now, bool save)
    {
        cloud.Charge(vm);
        cloud.EndPreempted(vm);
        var machine = machines.Observe(vm.MachineKey);
        Drive(vm, machine);
        var status = VmPolicy.Decide(vm, machines.Observe(vm.MachineKey), now, options.BootDelay);
        if (status is null)
        {
            GcpLog.StatusChanged(logger, vm.Name, vm.Status, "deleted");
            cloud.ReleaseAddress(vm);
            cloud.CloseBill(vm);
            disks.Forsake(vm);
            book.Remove(vm);
            return;
        }

        var changed = status != vm.Status;
        if (changed)
        {
            GcpLog.StatusChanged(logger, vm.Name, vm.Status, status);
            cloud.SetStatus(vm, status);
        }

        if (status == "TERMINATED" && vm.Address is not null)
        {
            // A failed boot ends like a stop.
            vm.Wish = VmWish.Stopped;
            cloud.ReleaseAddress(vm);
            changed = true;
        }

        if (changed || (save && status == "RUNNING"))
        {
            book.Save(vm);
        }
    }

    private void Drive(Vm vm, MachineState machine)
    {
        var boots = vm.Wish == VmWish.Running && machine switch
        {
            MachineState.Up up => up.Boot != vm.Boot,
            MachineState.Failed failed => failed.Boot != vm.Boot,
            MachineState.Changing => false,
            _ => true,
        };
        if (boots)
        {
            machines.Want(vm.MachineKey, new MachineWish.Running(VmMachines.SpecOf(vm, book.Settings.Metadata, account.File.GcpSshPort, options.GcpMetadataPort!.Value), vm.Boot));
        }
        else if (vm.Wish == VmWish.Stopped || (vm.Wish == VmWish.Deleted && !vm.Disks[0].AutoDelete))
        {
            machines.Want(vm.MachineKey, new MachineWish.Stopped());
        }
        else if (vm.Wish == VmWish.Deleted && machine is not MachineState.Gone)
        {
            machines.Want(vm.MachineKey, new MachineWish.Removed());
        }
    }

    private void EndIfDone(Operation operation)
    {
        var vm = book.Find(operation.Target.Zone, operation.Target.Name);
        var status = vm?.Id == operation.Target.Id ? vm.Status : null;
        if (!VmPolicy.IsDone(operation, status))
        {
            return;
        }

        if (operation.Type is "insert" or "start" && vm is not null && machines.Observe(vm.MachineKey) is MachineState.Failed failed)
        {
            book.End(operation, "INTERNAL_ERROR", failed.Reason, 500);
            return;
        }

        book.End(operation);
    }
}

internal static partial class GcpLog
{
    [LoggerMessage(LogLevel.Information, "VM {Name}: {Before} to {After}")]
    public static partial void StatusChanged(ILogger logger, string name, string before, string after);

    [LoggerMessage(LogLevel.Warning, "No metadata server on {Address} port {Port}: {Reason}")]
    public static partial void NoMetadataServer(ILogger logger, string address, int port, string reason);
}
