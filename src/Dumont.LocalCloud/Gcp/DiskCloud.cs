using System.Globalization;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary>What a customer of Compute Engine can do with persistent disks, alone and as parts of VMs.</summary>
internal sealed class DiskCloud(GcpBook book, ChargeBook charges, DataDisks folders, MachineSupervisor machines, TimeProvider time)
{
    private const double HoursPerMonth = 730;
    private const string Provider = "gcp";
    private const string Source = "disk";

    public OperationResult Insert(string zone, DiskRequest request, string? requestId)
    {
        lock (book.Gate)
        {
            if (book.FindByRequest(requestId) is { } repeated)
            {
                return new OperationResult.Begun(repeated);
            }

            if (GcpRegion.FindByZone(zone) is null)
            {
                return new OperationResult.Refused(GcpError.NoSuchZone(book.Project, zone));
            }

            if (book.FindDisk(zone, request.DiskName) is not null)
            {
                return new OperationResult.Refused(GcpError.AlreadyExists(Path(zone, request.DiskName)));
            }

            var disk = Make(zone, request);
            Charge(disk);
            return new OperationResult.Begun(book.Begin(OperationTarget.Of(disk), "insert", requestId));
        }
    }

    public OperationResult Delete(string zone, string name, string? requestId) => Change(zone, name, "delete", requestId, disk =>
    {
        if (disk.UserName is not null)
        {
            return InUse(disk);
        }

        Remove(disk);
        return null;
    });

    public OperationResult Resize(string zone, string name, string? requestId, long gigabytes) => Change(zone, name, "resizeDisk", requestId, disk =>
    {
        if (gigabytes < disk.Gb)
        {
            return GcpError.Invalid(string.Create(
                CultureInfo.InvariantCulture, $"Invalid value for field 'sizeGb': '{gigabytes}'. Requested disk size cannot be smaller than the current size ({disk.Gb} GB)."));
        }

        disk.Gb = gigabytes;
        if (!IsBootDisk(disk))
        {
            Charge(disk);
        }

        return null;
    });

    public OperationResult SetLabels(string zone, string name, string? requestId, string? fingerprint, SortedDictionary<string, string> labels) =>
        Change(zone, name, "setLabels", requestId, disk =>
        {
            if (!VmJson.IsCurrent(fingerprint, disk.Id, disk.Version))
            {
                return GcpError.ConditionNotMet("labels");
            }

            (disk.Labels, disk.Version) = (labels, disk.Version + 1);
            return null;
        });

    /// <summary>What keeps a VM from having the disks that it asks for, or null.</summary>
    public GcpError? FindProblem(string zone, InsertRequest request) => request.Disks
        .Select(disk => FindProblem(zone, disk, request.Disks.Where(other => other != disk).Select(other => other.DeviceName)))
        .FirstOrDefault(problem => problem is not null);

    /// <summary>What keeps one more disk from a VM, or null.</summary>
    public GcpError? FindAttachProblem(string zone, Vm vm, DiskRequest request) => FindProblem(zone, request, vm.Disks.Select(disk => disk.DeviceName));

    /// <summary>Gives a disk to a VM; makes it first if it is a new one.</summary>
    public void Attach(Vm vm, DiskRequest request)
    {
        var disk = request.IsNew ? Make(vm.Zone, request) : book.FindDisk(vm.Zone, request.DiskName)!;
        (disk.UserName, disk.LastAttachedAt) = (vm.Name, time.GetUtcNow());
        book.Save(disk);
        var device = request.DeviceName ?? string.Create(CultureInfo.InvariantCulture, $"persistent-disk-{FreeIndex(vm)}");
        vm.Disks.Add(new AttachedDisk
        {
            DiskId = disk.Id,
            DiskName = disk.Name,
            DeviceName = device,
            Boot = request.Boot,
            AutoDelete = request.AutoDelete,
            Mode = request.Mode,
        });
        if (request.Boot)
        {
            // From now on it is part of the VM's bill.
            charges.Close(Provider, Source, BillId(disk));
            folders.Prepare(vm.MachineKey);
        }
        else
        {
            Charge(disk);
            folders.Attach(disk.Key, vm.MachineKey, device);
        }
    }

    /// <summary>Takes a data disk from a VM. It lives on, unless the VM goes and it was to go with it.</summary>
    public void Detach(Vm vm, AttachedDisk attached)
    {
        var disk = book.GetDisk(vm, attached);
        folders.Detach(disk.Key, vm.MachineKey, attached.DeviceName);
        vm.Disks.Remove(attached);
        if (vm.Wish == VmWish.Deleted && attached.AutoDelete)
        {
            Remove(disk);
            return;
        }

        Release(disk);
    }

    /// <summary>Ends the boot disk of a VM that is gone, or keeps it if it was to be kept.</summary>
    public void Forsake(Vm vm)
    {
        var disk = book.GetDisk(vm, vm.Disks[0]);
        if (vm.Disks[0].AutoDelete)
        {
            book.Remove(disk);
            return;
        }

        Release(disk);
    }

    public GcpError NoSuchDisk(string zone, string name) => GcpError.NoSuch(book.Project, zone, "disks", name);

    public long CostMicroUsd(Disk disk) => charges.MicroUsd(Provider, Source, BillId(disk));

    /// <summary>Whether a VM boots from it, whose bill it is part of.</summary>
    public bool IsBootDisk(Disk disk) => disk.UserName is not null && book.Find(disk.Zone, disk.UserName) is { } vm && vm.Disks[0].DiskId == disk.Id;

    public static long MicroUsdPerHour(Disk disk) => (long)Math.Round(GcpDiskType.Find(disk.Type)!.UsdPerGbMonth * disk.Gb / HoursPerMonth * 1_000_000);

    private void Charge(Disk disk) => charges.SetRates(Provider, Source, BillId(disk), disk.Name, (ChargeKind.Disk, MicroUsdPerHour(disk)));

    private static string BillId(Disk disk) => disk.Id.ToString(CultureInfo.InvariantCulture);

    private GcpError? FindProblem(string zone, DiskRequest request, IEnumerable<string?> devices)
    {
        if (request.DeviceName is { } device && devices.Contains(device))
        {
            return GcpError.Invalid($"Invalid value for field 'resource.deviceName': '{device}'. The device name '{device}' is already in use.");
        }

        if (request.IsNew)
        {
            return book.FindDisk(zone, request.DiskName) is null ? null : GcpError.AlreadyExists(Path(zone, request.DiskName));
        }

        return book.FindDisk(request.Zone ?? zone, request.DiskName) switch
        {
            null => NoSuchDisk(request.Zone ?? zone, request.DiskName),
            { } other when other.Zone != zone => GcpError.Invalid($"Invalid value for field 'source': '{Path(other.Zone, other.Name)}'. Disk must be in the zone {zone} of the instance."),
            { UserName: not null } used => InUse(used),
            { IsBootable: true } when !request.Boot => GcpError.NotSupported("attaching a disk made of an image as a data disk"),
            { IsBootable: false } when request.Boot => GcpError.NotSupported("booting from a disk that was not made of an image"),
            _ => null,
        };
    }

    private Disk Make(string zone, DiskRequest request)
    {
        var now = time.GetUtcNow();
        var disk = new Disk
        {
            Id = book.NextId(),
            Name = request.DiskName,
            Zone = zone,
            Type = request.Type.Name,
            Gb = request.Gb,
            Description = request.Description,
            CreatedAt = now,
            SourceImage = request.SourceImage,
            Labels = request.Labels,
        };
        book.Save(disk);
        return disk;
    }

    private void Remove(Disk disk)
    {
        book.Remove(disk);
        charges.Close(Provider, Source, BillId(disk));
        if (disk.IsBootable)
        {
            machines.Want(disk.Key, new MachineWish.Removed());
        }
        else
        {
            folders.Delete(disk.Key);
        }
    }

    private void Release(Disk disk)
    {
        (disk.UserName, disk.LastDetachedAt) = (null, time.GetUtcNow());
        book.Save(disk);
        Charge(disk);
    }

    private OperationResult Change(string zone, string name, string type, string? requestId, Func<Disk, GcpError?> change)
    {
        lock (book.Gate)
        {
            if (book.FindByRequest(requestId) is { } repeated)
            {
                return new OperationResult.Begun(repeated);
            }

            if (book.FindDisk(zone, name) is not { } disk)
            {
                return new OperationResult.Refused(NoSuchDisk(zone, name));
            }

            if (change(disk) is { } problem)
            {
                return new OperationResult.Refused(problem);
            }

            if (book.FindDisk(zone, name) == disk)
            {
                book.Save(disk);
            }

            return new OperationResult.Begun(book.Begin(OperationTarget.Of(disk), type, requestId));
        }
    }

    private static int FreeIndex(Vm vm) => Enumerable.Range(0, vm.Disks.Count + 1)
        .First(index => vm.Disks.All(disk => disk.DeviceName != string.Create(CultureInfo.InvariantCulture, $"persistent-disk-{index}")));

    private GcpError InUse(Disk disk) => new(
        400, "resourceInUseByAnotherResource", $"The disk resource '{Path(disk.Zone, disk.Name)}' is already being used by 'projects/{book.Project}/zones/{disk.Zone}/instances/{disk.UserName}'");

    private string Path(string zone, string name) => $"projects/{book.Project}/zones/{zone}/disks/{name}";
}
