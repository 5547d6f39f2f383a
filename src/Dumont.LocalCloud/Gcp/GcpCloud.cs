using System.Globalization;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary>What a customer of Compute Engine can do with VMs. Calls begin operations; <see cref="VmLifecycle"/> ends them.</summary>
internal sealed class GcpCloud(
    GcpBook book,
    DiskCloud disks,
    ChargeBook charges,
    AddressBook addresses,
    MachineSupervisor machines,
    CurrentAccount account,
    LocalCloudOptions options,
    TimeProvider time)
{
    public OperationResult Insert(string zone, InsertRequest request, string? requestId, TimeSpan extraBootDelay)
    {
        lock (book.Gate)
        {
            if (book.FindByRequest(requestId) is { } repeated)
            {
                return new OperationResult.Begun(repeated);
            }

            if (GcpRegion.FindByZone(zone) is not { } region)
            {
                return new OperationResult.Refused(GcpError.NoSuchZone(book.Project, zone));
            }

            if (book.Find(zone, request.Name) is not null)
            {
                return new OperationResult.Refused(GcpError.AlreadyExists($"projects/{book.Project}/zones/{zone}/instances/{request.Name}"));
            }

            if (disks.FindProblem(zone, request) is { } problem)
            {
                return new OperationResult.Refused(problem);
            }

            if (FindExceededQuota(region, request.MachineType) is { } exceeded)
            {
                return new OperationResult.Begun(FailInsert(zone, request.Name, "QUOTA_EXCEEDED", exceeded, 403));
            }

            var vm = Make(zone, region, request);
            vm.ExtraBootDelay = extraBootDelay;
            WantBoot(vm);
            var operation = book.Begin(OperationTarget.Of(vm), "insert", requestId);
            book.Save(vm);
            return new OperationResult.Begun(operation);
        }
    }

    /// <summary>An insert that fails inside its operation, as lack of capacity does. No VM is made.</summary>
    public Operation FailInsert(string zone, string name, string code, string message, int status) =>
        Fail(new OperationTarget("instances", zone, name, book.NextId()), "insert", code, message, status);

    /// <summary>A change that fails inside its operation and leaves the VM as it is.</summary>
    public OperationResult FailChange(string zone, string name, string type, string code, string message, int status)
    {
        lock (book.Gate)
        {
            return book.Find(zone, name) is { } vm
                ? new OperationResult.Begun(Fail(OperationTarget.Of(vm), type, code, message, status))
                : new OperationResult.Refused(NoSuchVm(zone, name));
        }
    }

    public OperationResult Start(string zone, string name, string? requestId, TimeSpan extraBootDelay)
    {
        lock (book.Gate)
        {
            if (book.Find(zone, name) is { Wish: VmWish.Stopped } stopped
                && book.FindByRequest(requestId) is null
                && FindExceededQuota(GcpRegion.Find(stopped.Region)!, GcpMachineType.Find(stopped.MachineType)!) is { } exceeded)
            {
                return FailChange(zone, name, "start", "QUOTA_EXCEEDED", exceeded, 403);
            }

            return Change(zone, name, "start", requestId, vm =>
            {
                if (vm.Wish == VmWish.Stopped)
                {
                    vm.ExtraBootDelay = extraBootDelay;
                    WantBoot(vm);
                }
            });
        }
    }

    public OperationResult Stop(string zone, string name, string? requestId) => Change(zone, name, "stop", requestId, WantStop);

    public OperationResult Reset(string zone, string name, string? requestId)
    {
        lock (book.Gate)
        {
            return book.Find(zone, name) is { Wish: VmWish.Stopped }
                ? new OperationResult.Refused(new GcpError(400, "resourceNotReady", $"The resource 'projects/{book.Project}/zones/{zone}/instances/{name}' is not ready"))
                : Change(zone, name, "reset", requestId, WantBoot);
        }
    }

    public OperationResult Delete(string zone, string name, string? requestId) => Change(zone, name, "delete", requestId, WantDelete);

    public OperationResult SetMetadata(string zone, string name, string? requestId, string? fingerprint, List<KeyValuePair<string, string>> items) =>
        ChangeVersion(zone, name, "setMetadata", requestId, fingerprint, vm => vm.Metadata = items);

    public OperationResult SetLabels(string zone, string name, string? requestId, string? fingerprint, SortedDictionary<string, string> labels) =>
        ChangeVersion(zone, name, "setLabels", requestId, fingerprint, vm => vm.Labels = labels);

    public OperationResult SetTags(string zone, string name, string? requestId, string? fingerprint, List<string> tags) =>
        ChangeVersion(zone, name, "setTags", requestId, fingerprint, vm => vm.Tags = tags);

    /// <summary>Changes what every VM inherits. Those that run take over new keys at once.</summary>
    public OperationResult SetCommonMetadata(string? requestId, string? fingerprint, List<KeyValuePair<string, string>> items)
    {
        lock (book.Gate)
        {
            if (book.FindByRequest(requestId) is { } repeated)
            {
                return new OperationResult.Begun(repeated);
            }

            if (!VmJson.IsCurrent(fingerprint, 0, book.Settings.Version))
            {
                return new OperationResult.Refused(GcpError.ConditionNotMet("metadata"));
            }

            book.Settings.Metadata = items;
            book.Settings.Version++;
            book.SaveSettings();
            foreach (var vm in book.Vms.Where(vm => vm.Status == "RUNNING"))
            {
                machines.ApplyKeys(vm.MachineKey, VmMachines.KeysOf(vm, items));
            }

            return new OperationResult.Begun(book.Begin(new OperationTarget("", "", book.Project, 1), "setMetadata", requestId));
        }
    }

    public OperationResult AttachDisk(string zone, string name, string? requestId, DiskRequest request) => TryChange(zone, name, "attachDisk", requestId, vm =>
    {
        if (disks.FindAttachProblem(zone, vm, request) is { } problem)
        {
            return problem;
        }

        disks.Attach(vm, request);
        return null;
    });

    public OperationResult DetachDisk(string zone, string name, string? requestId, string? device) => TryChange(zone, name, "detachDisk", requestId, vm =>
    {
        var attached = vm.Disks.Find(disk => disk.DeviceName == device);
        if (attached is null)
        {
            return GcpError.Invalid($"Invalid value for field 'deviceName': '{device}'. No attached disk found with device name '{device}'");
        }

        if (attached.Boot)
        {
            return GcpError.NotSupported("detaching the boot disk");
        }

        disks.Detach(vm, attached);
        return null;
    });

    /// <summary>Takes a Spot VM away: first it is told, then it ends. Two operations tell: the customer's own, if there is one, and the system's.</summary>
    public OperationResult Preempt(string zone, string name, string? requestId, bool asTest)
    {
        lock (book.Gate)
        {
            if (book.Find(zone, name) is not { } vm)
            {
                return new OperationResult.Refused(NoSuchVm(zone, name));
            }

            if (!vm.IsSpot)
            {
                // A standard VM is moved to another host and does not notice.
                return asTest
                    ? new OperationResult.Begun(book.Begin(OperationTarget.Of(vm), "simulateMaintenanceEvent", requestId))
                    : new OperationResult.Refused(GcpError.Invalid($"{name} is not a Spot VM"));
            }

            if (vm.Status != "RUNNING")
            {
                return new OperationResult.Refused(GcpError.Invalid($"The instance '{name}' is not running"));
            }

            var test = asTest ? book.Begin(OperationTarget.Of(vm), "simulateMaintenanceEvent", requestId) : null;
            var preempted = book.Begin(OperationTarget.Of(vm), "compute.instances.preempted", null, GcpBook.System, "Instance was preempted.");
            vm.PreemptedAt = time.GetUtcNow();
            SetStatus(vm, "STOPPING");
            book.Save(vm);
            return new OperationResult.Begun(test ?? preempted);
        }
    }

    /// <summary>Ends a preempted VM whose notice is over.</summary>
    public void EndPreempted(Vm vm)
    {
        if (vm is { Wish: VmWish.Running, PreemptedAt: { } since } && time.GetUtcNow() >= since + options.PreemptionNotice)
        {
            if (vm.TerminationAction == "DELETE")
            {
                WantDelete(vm);
            }
            else
            {
                WantStop(vm);
            }

            book.Save(vm);
        }
    }

    /// <summary>The host dies: the VM is off at once. The caller ends its processes.</summary>
    /// <returns>The machine, or null where there is no such VM.</returns>
    public string? FailHost(Vm vm)
    {
        lock (book.Gate)
        {
            if (book.Find(vm.Zone, vm.Name) != vm)
            {
                return null;
            }

            book.End(book.Begin(OperationTarget.Of(vm), "compute.instances.hostError", null, GcpBook.System, "Instance terminated by Compute Engine."));
            // Before the life cycle sees that it is to be off and lets it end in good order.
            machines.Want(vm.MachineKey, new MachineWish.Dead());
            WantStop(vm);
            SetStatus(vm, "TERMINATED");
            ReleaseAddress(vm);
            book.Save(vm);
            return vm.MachineKey;
        }
    }

    /// <summary>The VM is gone without a word: no operation, no boot disk, no data on it.</summary>
    public void Lose(Vm vm)
    {
        lock (book.Gate)
        {
            WantDelete(vm);
            ReleaseAddress(vm);
            CloseBill(vm);
            disks.Forsake(vm);
            book.Remove(vm);
        }
    }

    public void SetStatus(Vm vm, string status)
    {
        if (vm.Status != status)
        {
            (vm.Status, vm.StatusSince) = (status, time.GetUtcNow());
        }

        Charge(vm);
    }

    /// <summary>States the VM's prices to its bill. The VM costs while it runs, its boot disk for as long as it exists.</summary>
    public void Charge(Vm vm) => charges.SetRates(
        "gcp", "vm", BillId(vm), vm.Name, (ChargeKind.Vm, vm.Status == "RUNNING" ? vm.MicroUsdPerHour : 0), (ChargeKind.Disk, DiskCloud.MicroUsdPerHour(book.GetDisk(vm, vm.Disks[0]))));

    /// <summary>Ends the charges of a VM that is gone.</summary>
    public void CloseBill(Vm vm) => charges.Close("gcp", "vm", BillId(vm));

    public long CostMicroUsd(Vm vm) => charges.MicroUsd("gcp", "vm", BillId(vm));

    public void ReleaseAddress(Vm vm)
    {
        addresses.Release(vm.Address);
        addresses.Release(vm.MetadataAddress);
        (vm.Address, vm.MetadataAddress, vm.LastStopAt) = (null, null, time.GetUtcNow());
    }

    public GcpError NoSuchVm(string zone, string name) => GcpError.NoSuch(book.Project, zone, "instances", name);

    /// <summary>Processors of VMs that are on, or on their way, in a region.</summary>
    public int CpusIn(GcpRegion region) => book.Vms
        .Where(vm => vm.Wish == VmWish.Running && vm.Region == region.Name)
        .Sum(vm => GcpMachineType.Find(vm.MachineType)!.Cpus);

    private string? FindExceededQuota(GcpRegion region, GcpMachineType wanted) => CpusIn(region) + wanted.Cpus > GcpRegion.CpuQuota
        ? $"Quota 'CPUS' exceeded.  Limit: {GcpRegion.CpuQuota}.0 in region {region.Name}."
        : null;

    private Operation Fail(OperationTarget target, string type, string code, string message, int status)
    {
        lock (book.Gate)
        {
            var operation = book.Begin(target, type, null);
            book.End(operation, code, message, status);
            return operation;
        }
    }

    private Vm Make(string zone, GcpRegion region, InsertRequest request)
    {
        var now = time.GetUtcNow();
        var id = book.NextId();
        var usdPerHour = (request.IsSpot ? region.SpotUsdPerHour : region.OnDemandUsdPerHour) * request.MachineType.PriceFactor;
        var vm = new Vm
        {
            Id = id,
            Name = request.Name,
            Zone = zone,
            MachineType = request.MachineType.Name,
            Description = request.Description,
            CreatedAt = now,
            StatusSince = now,
            IsSpot = request.IsSpot,
            AutomaticRestart = request.AutomaticRestart,
            OnHostMaintenance = request.OnHostMaintenance,
            TerminationAction = request.TerminationAction,
            Disks = [],
            HasExternalAddress = request.HasExternalAddress,
            InternalAddress = string.Create(CultureInfo.InvariantCulture, $"10.128.{(id >> 8) % 256}.{(id % 254) + 1}"),
            Metadata = request.Metadata,
            Labels = request.Labels,
            Tags = request.Tags,
            MicroUsdPerHour = (long)Math.Round(usdPerHour * 1_000_000),
            ServiceAccount = request.ServiceAccount is "default" ? account.File.GcpServiceAccount.ClientEmail : request.ServiceAccount,
        };
        foreach (var disk in request.Disks)
        {
            disks.Attach(vm, disk);
        }

        return vm;
    }

    private static string BillId(Vm vm) => vm.Id.ToString(CultureInfo.InvariantCulture);

    private void WantBoot(Vm vm)
    {
        vm.Wish = VmWish.Running;
        vm.PreemptedAt = null;
        vm.Boot++;
        vm.BootWantedAt = time.GetUtcNow();
        vm.Address ??= addresses.Take(account.File.GcpSshPort).ToString();
        // Whatever listens on the port: a VM without a metadata server is better than none.
        vm.MetadataAddress ??= addresses.Take().ToString();
        SetStatus(vm, vm.Boot == 1 ? "PROVISIONING" : "STAGING");
        vm.LastStartAt = time.GetUtcNow();
    }

    private void WantStop(Vm vm)
    {
        if (vm.Wish == VmWish.Running)
        {
            vm.Wish = VmWish.Stopped;
            SetStatus(vm, "STOPPING");
        }
    }

    private void WantDelete(Vm vm)
    {
        vm.Wish = VmWish.Deleted;
        SetStatus(vm, "STOPPING");
        // Before the machine's files go: data disks lie among them.
        foreach (var attached in vm.Disks.Skip(1).ToArray())
        {
            disks.Detach(vm, attached);
        }

        machines.Want(vm.MachineKey, vm.Disks[0].AutoDelete ? new MachineWish.Removed() : new MachineWish.Stopped());
    }

    private OperationResult ChangeVersion(string zone, string name, string type, string? requestId, string? fingerprint, Action<Vm> change)
    {
        lock (book.Gate)
        {
            if (book.Find(zone, name) is { } known && book.FindByRequest(requestId) is null && !VmJson.IsCurrent(fingerprint, known.Id, known.Version))
            {
                return new OperationResult.Refused(GcpError.ConditionNotMet(type["set".Length..].ToLowerInvariant()));
            }

            return Change(zone, name, type, requestId, vm =>
            {
                change(vm);
                vm.Version++;
                if (type == "setMetadata" && vm.Status == "RUNNING")
                {
                    machines.ApplyKeys(vm.MachineKey, VmMachines.KeysOf(vm, book.Settings.Metadata));
                }
            });
        }
    }

    private OperationResult Change(string zone, string name, string type, string? requestId, Action<Vm> change) => TryChange(zone, name, type, requestId, vm =>
    {
        change(vm);
        return null;
    });

    private OperationResult TryChange(string zone, string name, string type, string? requestId, Func<Vm, GcpError?> change)
    {
        lock (book.Gate)
        {
            if (book.FindByRequest(requestId) is { } repeated)
            {
                return new OperationResult.Begun(repeated);
            }

            if (book.Find(zone, name) is not { } vm)
            {
                return new OperationResult.Refused(NoSuchVm(zone, name));
            }

            if (vm.Wish == VmWish.Deleted)
            {
                return new OperationResult.Refused(new GcpError(400, "resourceNotReady", $"The resource 'projects/{book.Project}/zones/{zone}/instances/{name}' is not ready"));
            }

            if (change(vm) is { } problem)
            {
                return new OperationResult.Refused(problem);
            }

            var operation = book.Begin(OperationTarget.Of(vm), type, requestId);
            book.Save(vm);
            return new OperationResult.Begun(operation);
        }
    }
}
