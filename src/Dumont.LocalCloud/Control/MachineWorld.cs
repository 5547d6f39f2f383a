using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Gcp;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Vast;

namespace Dumont.LocalCloud.Control;

/// <summary>What befalls machines, by a fault or by hand, whoever rents them out.</summary>
internal sealed class MachineWorld(
    VastCloud vast, ContractBook contracts, InstanceEndpoints instances, GcpCloud gcp, GcpBook vms, MachineSupervisor machines, Sandbox sandbox, TimeProvider time, ILogger<MachineWorld> logger)
    : BackgroundService, IMachineEvents
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    // What waits for its machine to be up.
    private readonly ConcurrentDictionary<(string Key, string Kind), bool> _waiting = new();

    public string? Find(FaultKind kind, string provider, string? name)
    {
        if (provider == "vast")
        {
            lock (contracts.Gate)
            {
                return contracts.All
                    .FirstOrDefault(contract => IsNamed(name, contract.Id.ToString(CultureInfo.InvariantCulture), contract.Label) && (kind.Name != FaultKind.Preempt || contract.IsBid))?
                    .Id.ToString(CultureInfo.InvariantCulture);
            }
        }

        lock (vms.Gate)
        {
            return vms.Vms.OrderBy(vm => vm.Id)
                .FirstOrDefault(vm => vm.Wish == VmWish.Running
                    && IsNamed(name, vm.Id.ToString(CultureInfo.InvariantCulture), vm.Name) && (kind.Name != FaultKind.Preempt || vm.IsSpot))?
                .Id.ToString(CultureInfo.InvariantCulture);
        }
    }

    public async Task StrikeAsync(Fault fault, string provider, string machine, CancellationToken cancellationToken)
    {
        if (provider == "vast" && fault.Kind.Name == FaultKind.Preempt)
        {
            vast.Outbid(long.Parse(machine, CultureInfo.InvariantCulture), TimeSpan.FromSeconds(fault.DelaySeconds));
            return;
        }

        await StrikeAsync(provider, machine, fault.Kind.Name, cancellationToken);
    }

    /// <summary>What takes no number, by its name alone.</summary>
    public async Task StrikeAsync(string provider, string machine, string kind, CancellationToken cancellationToken)
    {
        if (provider == "vast" && kind == FaultKind.Vanish)
        {
            vast.Destroy(long.Parse(machine, CultureInfo.InvariantCulture));
            return;
        }

        if (provider == "gcp" && FindVm(machine) is { } vm && kind is FaultKind.Preempt or FaultKind.Vanish)
        {
            if (kind == FaultKind.Vanish)
            {
                gcp.Lose(vm);
                return;
            }

            // A VM that is still booting is taken away as soon as it runs.
            _waiting.TryAdd((vm.MachineKey, FaultKind.Preempt), true);
            await BreakWaitingAsync(cancellationToken);
            return;
        }

        if (KeyOf(provider, machine) is { } key)
        {
            _waiting.TryAdd((key, kind), true);
            await BreakWaitingAsync(cancellationToken);
        }
    }

    public IEnumerable<(string Provider, JsonObject Item)> Describe(HttpRequest request)
    {
        List<(string, JsonObject)> items = [];
        lock (contracts.Gate)
        {
            items.AddRange(contracts.All.Select(contract => ("vast", instances.Show(contract, inList: true))));
        }

        lock (vms.Gate)
        {
            items.AddRange(vms.Vms.Select(vm => ("gcp", new VmJson(request, vms).From(vm))));
        }

        return items;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Rounds.RunAsync(Interval, BreakWaitingAsync, time, logger, stoppingToken);

    private async Task BreakWaitingAsync(CancellationToken cancellationToken)
    {
        foreach (var (key, kind) in _waiting.Keys)
        {
            var state = machines.Observe(key);
            if (state is MachineState.Gone)
            {
                // Not made yet, or no more: the books tell.
                if (!IsRented(key))
                {
                    _waiting.TryRemove((key, kind), out _);
                }
            }
            else if (state is MachineState.Up && IsShownRunning(key) && _waiting.TryRemove((key, kind), out _))
            {
                await BreakAsync(key, kind, cancellationToken);
            }
        }
    }

    private async Task BreakAsync(string key, string kind, CancellationToken cancellationToken)
    {
        switch (kind)
        {
            case FaultKind.Preempt:
                if (FindVm(key) is { } vm)
                {
                    gcp.Preempt(vm.Zone, vm.Name, null, asTest: false);
                }

                break;
            case FaultKind.DiskFull:
                var filled = await sandbox.FillDiskAsync(key, cancellationToken);
                if (filled.ExitCode != 0)
                {
                    WorldLog.DiskNotFilled(logger, key, filled.Error.Trim());
                }

                break;
            default:
                sandbox.Break(key, kind == FaultKind.SshDead ? "no-sshd" : "new-host-key");
                break;
        }
    }

    private bool IsRented(string key)
    {
        lock (contracts.Gate)
        {
            if (contracts.All.Any(contract => contract.MachineKey == key))
            {
                return true;
            }
        }

        lock (vms.Gate)
        {
            return vms.Vms.Any(vm => vm.MachineKey == key);
        }
    }

    private bool IsShownRunning(string key)
    {
        lock (contracts.Gate)
        {
            if (contracts.All.FirstOrDefault(contract => contract.MachineKey == key) is { } contract)
            {
                return contract.ActualStatus == "running";
            }
        }

        lock (vms.Gate)
        {
            return vms.Vms.FirstOrDefault(vm => vm.MachineKey == key)?.Status == "RUNNING";
        }
    }

    private string? KeyOf(string provider, string machine)
    {
        if (provider == "gcp")
        {
            return FindVm(machine)?.MachineKey;
        }

        lock (contracts.Gate)
        {
            return contracts.Find(long.Parse(machine, CultureInfo.InvariantCulture))?.MachineKey;
        }
    }

    private Vm? FindVm(string idOrKey)
    {
        lock (vms.Gate)
        {
            return vms.Vms.FirstOrDefault(vm => vm.Id.ToString(CultureInfo.InvariantCulture) == idOrKey || vm.MachineKey == idOrKey);
        }
    }

    private static bool IsNamed(string? wanted, string id, string? label) => wanted is null || wanted == id || wanted == label;
}

internal static partial class WorldLog
{
    [LoggerMessage(LogLevel.Warning, "The disk of {Key} could not be filled: {Reason}")]
    public static partial void DiskNotFilled(ILogger logger, string key, string reason);
}
