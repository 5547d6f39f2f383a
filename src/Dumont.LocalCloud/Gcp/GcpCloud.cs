using System.Globalization;
using System.Security.Cryptography;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary>How a call that begins an operation ended.</summary>
internal abstract record OperationResult
{
    private OperationResult() { }

    public sealed record Begun(Operation Operation) : OperationResult;

    public sealed record Refused(GcpError Error) : OperationResult;
}

/// <summary>What a customer of Compute Engine can do with VMs. Calls begin operations; <see cref="VmLifecycle"/> ends them.</summary>
internal sealed class GcpCloud(VmBook book, ChargeBook charges, AddressBook addresses, MachineSupervisor machines, CurrentAccount account, TimeProvider time)
{
    private const double HoursPerMonth = 730;

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
                return new OperationResult.Refused(GcpError.NotFound($"projects/{Project}/zones/{zone}"));
            }

            if (book.Find(zone, request.Name) is not null)
            {
                return new OperationResult.Refused(new GcpError(
                    409, "alreadyExists", $"The resource 'projects/{Project}/zones/{zone}/instances/{request.Name}' already exists"));
            }

            var vm = Make(zone, region, request);
            vm.ExtraBootDelay = extraBootDelay;
            WantBoot(vm);
            var operation = Begin(vm, "insert", requestId);
            book.Save(vm);
            return new OperationResult.Begun(operation);
        }
    }

    /// <summary>An insert that fails inside its operation, as lack of capacity does. No VM is made.</summary>
    public Operation InsertInVain(string zone, string name, string code, string message, int status)
    {
        lock (book.Gate)
        {
            var operation = Operation(zone, name, book.NextId(), "insert", UserName, null);
            (operation.ErrorCode, operation.ErrorMessage, operation.ErrorStatus, operation.EndedAt) = (code, message, status, time.GetUtcNow());
            book.Save(operation);
            return operation;
        }
    }

    public OperationResult Start(string zone, string name, string? requestId, TimeSpan extraBootDelay) => Change(zone, name, "start", requestId, vm =>
    {
        if (vm.Wish == VmWish.Stopped)
        {
            vm.ExtraBootDelay = extraBootDelay;
            WantBoot(vm);
        }
    });

    public OperationResult Stop(string zone, string name, string? requestId) => Change(zone, name, "stop", requestId, WantStop);

    public OperationResult Reset(string zone, string name, string? requestId) => Change(zone, name, "reset", requestId, vm =>
    {
        if (vm.Wish == VmWish.Running)
        {
            WantBoot(vm);
        }
    });

    public OperationResult Delete(string zone, string name, string? requestId) => Change(zone, name, "delete", requestId, vm =>
    {
        vm.Wish = VmWish.Deleted;
        SetStatus(vm, "STOPPING");
        machines.Want(vm.MachineKey, new MachineWish.Removed());
    });

    public OperationResult SetMetadata(string zone, string name, string? requestId, string? fingerprint, List<KeyValuePair<string, string>> items) =>
        ChangeVersion(zone, name, "setMetadata", requestId, fingerprint, vm => vm.Metadata = items);

    public OperationResult SetLabels(string zone, string name, string? requestId, string? fingerprint, SortedDictionary<string, string> labels) =>
        ChangeVersion(zone, name, "setLabels", requestId, fingerprint, vm => vm.Labels = labels);

    public OperationResult SetTags(string zone, string name, string? requestId, string? fingerprint, List<string> tags) =>
        ChangeVersion(zone, name, "setTags", requestId, fingerprint, vm => vm.Tags = tags);

    /// <summary>Takes a Spot VM away. Two operations tell: the customer's own, if there is one, and the system's.</summary>
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
                    ? new OperationResult.Begun(Begin(vm, "simulateMaintenanceEvent", requestId))
                    : new OperationResult.Refused(GcpError.Invalid($"{name} is not a Spot VM"));
            }

            if (vm.Status != "RUNNING")
            {
                return new OperationResult.Refused(GcpError.Invalid($"The instance '{name}' is not running"));
            }

            var test = asTest ? Begin(vm, "simulateMaintenanceEvent", requestId) : null;
            var preempted = Begin(vm, "compute.instances.preempted", null, "system");
            if (vm.TerminationAction == "DELETE")
            {
                vm.Wish = VmWish.Deleted;
                machines.Want(vm.MachineKey, new MachineWish.Removed());
            }
            else
            {
                WantStop(vm);
            }

            SetStatus(vm, "STOPPING");
            book.Save(vm);
            return new OperationResult.Begun(test ?? preempted);
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

            var operation = Begin(vm, "compute.instances.hostError", null, "system");
            // Before the life cycle sees that it is to be off and lets it end in good order.
            machines.Want(vm.MachineKey, new MachineWish.Dead());
            WantStop(vm);
            SetStatus(vm, "TERMINATED");
            ReleaseAddress(vm);
            operation.EndedAt = time.GetUtcNow();
            book.Save(operation);
            book.Save(vm);
            return vm.MachineKey;
        }
    }

    public string Project => account.File.GcpServiceAccount.ProjectId;

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
        "gcp", "vm", BillId(vm), vm.Name, (ChargeKind.Vm, vm.Status == "RUNNING" ? vm.MicroUsdPerHour : 0), (ChargeKind.Disk, vm.DiskMicroUsdPerHour));

    /// <summary>Ends the charges of a VM that is gone.</summary>
    public void CloseBill(Vm vm) => charges.Close("gcp", "vm", BillId(vm));

    public long CostMicroUsd(Vm vm) => charges.MicroUsd("gcp", "vm", BillId(vm));

    public void ReleaseAddress(Vm vm)
    {
        addresses.Release(vm.Address);
        (vm.Address, vm.LastStopAt) = (null, time.GetUtcNow());
    }

    private string UserName => account.File.GcpServiceAccount.ClientEmail;

    private Vm Make(string zone, GcpRegion region, InsertRequest request)
    {
        var now = time.GetUtcNow();
        var id = book.NextId();
        var usdPerHour = (request.IsSpot ? region.SpotUsdPerHour : region.OnDemandUsdPerHour) * request.MachineType.PriceFactor;
        return new Vm
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
            DiskType = request.DiskType.Name,
            DiskGb = request.DiskGb,
            DiskName = request.Name,
            DiskAutoDelete = request.DiskAutoDelete,
            SourceImage = request.SourceImage,
            HasExternalAddress = request.HasExternalAddress,
            InternalAddress = string.Create(CultureInfo.InvariantCulture, $"10.128.{(id >> 8) % 256}.{id % 254 + 1}"),
            Metadata = request.Metadata,
            Labels = request.Labels,
            Tags = request.Tags,
            MicroUsdPerHour = (long)Math.Round(usdPerHour * 1_000_000),
            DiskMicroUsdPerHour = (long)Math.Round(request.DiskType.UsdPerGbMonth * request.DiskGb / HoursPerMonth * 1_000_000),
        };
    }

    private static string BillId(Vm vm) => vm.Id.ToString(CultureInfo.InvariantCulture);

    private void WantBoot(Vm vm)
    {
        vm.Wish = VmWish.Running;
        vm.Boot++;
        vm.BootWantedAt = time.GetUtcNow();
        vm.Address ??= addresses.Take(account.File.GcpSshPort).ToString();
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

    private OperationResult ChangeVersion(string zone, string name, string type, string? requestId, string? fingerprint, Action<Vm> change)
    {
        lock (book.Gate)
        {
            if (book.Find(zone, name) is { } known && book.FindByRequest(requestId) is null && fingerprint != VmJson.Fingerprint(known))
            {
                return new OperationResult.Refused(GcpError.ConditionNotMet);
            }

            return Change(zone, name, type, requestId, vm =>
            {
                change(vm);
                vm.Version++;
                if (type == "setMetadata" && vm.Status == "RUNNING")
                {
                    machines.ApplyKeys(vm.MachineKey, VmMachines.KeysOf(vm));
                }
            });
        }
    }

    private OperationResult Change(string zone, string name, string type, string? requestId, Action<Vm> change)
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
                return new OperationResult.Refused(new GcpError(400, "resourceNotReady", $"The resource 'projects/{Project}/zones/{zone}/instances/{name}' is not ready"));
            }

            var operation = Begin(vm, type, requestId);
            change(vm);
            book.Save(vm);
            return new OperationResult.Begun(operation);
        }
    }

    public GcpError NoSuchVm(string zone, string name) => GcpRegion.FindByZone(zone) is null
        ? GcpError.NotFound($"projects/{Project}/zones/{zone}")
        : GcpError.NotFound($"projects/{Project}/zones/{zone}/instances/{name}");

    private Operation Begin(Vm vm, string type, string? requestId, string? user = null)
    {
        var operation = Operation(vm.Zone, vm.Name, vm.Id, type, user ?? UserName, requestId);
        book.Save(operation);
        return operation;
    }

    private Operation Operation(string zone, string target, ulong targetId, string type, string user, string? requestId)
    {
        var now = time.GetUtcNow();
        var suffix = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        return new Operation
        {
            Id = book.NextId(),
            Name = string.Create(CultureInfo.InvariantCulture, $"{(user == "system" ? "systemevent" : "operation")}-{now.ToUnixTimeMilliseconds()}-{suffix}"),
            Zone = zone,
            Type = type,
            TargetName = target,
            TargetId = targetId,
            User = user,
            InsertedAt = now,
            RequestId = requestId,
        };
    }
}
