using System.Globalization;
using System.Security.Cryptography;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Gcp;

/// <summary>What belongs to the project rather than to one VM.</summary>
internal sealed class ProjectSettings
{
    /// <summary>Metadata that every VM inherits, keys for SSH among it.</summary>
    public List<KeyValuePair<string, string>> Metadata { get; set; } = [];

    public int Version { get; set; }
}

/// <summary>Every VM, disk and operation, in memory and on disk. All access happens under <see cref="Gate"/>.</summary>
internal sealed class GcpBook
{
    /// <summary>Who began operations that nobody asked for.</summary>
    public const string System = "system";

    private const int OperationsMax = 500;

    private readonly string _folder;
    private readonly CurrentAccount _account;
    private readonly TimeProvider _time;
    private readonly Dictionary<(string Zone, string Name), Vm> _vms = [];
    private readonly Dictionary<(string Zone, string Name), Disk> _disks = [];
    private readonly SortedDictionary<ulong, Operation> _operations = [];
    private ulong _lastId;

    public GcpBook(string dataFolder, CurrentAccount account, TimeProvider time)
    {
        (_folder, _account, _time) = (Path.Combine(dataFolder, "gcp"), account, time);
        foreach (var vm in Load<Vm>("vms"))
        {
            _vms.Add((vm.Zone, vm.Name), vm);
        }

        foreach (var disk in Load<Disk>("disks"))
        {
            _disks.Add((disk.Zone, disk.Name), disk);
        }

        foreach (var operation in Load<Operation>("operations"))
        {
            _operations.Add(operation.Id, operation);
        }

        Settings = JsonFile.Find<ProjectSettings>(SettingsFile) ?? new ProjectSettings();
        // Time-based, so that ids rise over restarts without being kept.
        _lastId = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds() << 20;
    }

    public Lock Gate { get; } = new();

    public ProjectSettings Settings { get; }

    public string Project => _account.File.GcpServiceAccount.ProjectId;

    public IReadOnlyCollection<Vm> Vms => _vms.Values;

    public IReadOnlyCollection<Disk> Disks => _disks.Values;

    /// <summary>Oldest first.</summary>
    public IReadOnlyCollection<Operation> Operations => _operations.Values;

    /// <summary>Keys of machines and folders that somebody pays for.</summary>
    public IEnumerable<string> MachineKeys => _vms.Values.Select(vm => vm.MachineKey).Concat(_disks.Values.Where(disk => disk.IsBootable).Select(disk => disk.Key));

    public Vm? Find(string zone, string name) => _vms.GetValueOrDefault((zone, name));

    public Disk? FindDisk(string zone, string name) => _disks.GetValueOrDefault((zone, name));

    /// <summary>The disk that a VM holds. It exists as long as the VM does.</summary>
    public Disk GetDisk(Vm vm, AttachedDisk attached) => _disks[(vm.Zone, attached.DiskName)];

    /// <param name="zone">Empty for operations on the project.</param>
    /// <param name="name">Name or id, as clients may give either.</param>
    public Operation? FindOperation(string zone, string name) => _operations.Values.FirstOrDefault(operation =>
        operation.Target.Zone == zone && (operation.Name == name || operation.Id.ToString(CultureInfo.InvariantCulture) == name));

    public Operation? FindByRequest(string? requestId) =>
        requestId is null ? null : _operations.Values.FirstOrDefault(operation => operation.RequestId == requestId);

    public ulong NextId() => ++_lastId;

    /// <summary>Writes a new operation.</summary>
    /// <param name="target">What it works on.</param>
    /// <param name="type">Google's word for what it does.</param>
    /// <param name="requestId">The client's id of the request.</param>
    /// <param name="user">Who began it; null is the account.</param>
    /// <param name="message">What happened, for those that nobody asked for.</param>
    public Operation Begin(OperationTarget target, string type, string? requestId, string? user = null, string? message = null)
    {
        var now = _time.GetUtcNow();
        var suffix = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        var operation = new Operation
        {
            Id = NextId(),
            Name = string.Create(CultureInfo.InvariantCulture, $"{(user == System ? "systemevent" : "operation")}-{now.ToUnixTimeMilliseconds()}-{suffix}"),
            Type = type,
            Target = target,
            User = user ?? _account.File.GcpServiceAccount.ClientEmail,
            InsertedAt = now,
            RequestId = requestId,
            StatusMessage = message,
        };
        Save(operation);
        return operation;
    }

    /// <summary>Ends an operation, with an error where a code is given.</summary>
    public void End(Operation operation, string? code = null, string? message = null, int status = 0)
    {
        (operation.ErrorCode, operation.ErrorMessage, operation.ErrorStatus, operation.EndedAt) = (code, message, status, _time.GetUtcNow());
        Save(operation);
    }

    public void Save(Vm vm)
    {
        _vms[(vm.Zone, vm.Name)] = vm;
        JsonFile.Write(FileOf("vms", vm.Id), vm);
    }

    public void Remove(Vm vm)
    {
        _vms.Remove((vm.Zone, vm.Name));
        File.Delete(FileOf("vms", vm.Id));
    }

    public void Save(Disk disk)
    {
        _disks[(disk.Zone, disk.Name)] = disk;
        JsonFile.Write(FileOf("disks", disk.Id), disk);
    }

    public void Remove(Disk disk)
    {
        _disks.Remove((disk.Zone, disk.Name));
        File.Delete(FileOf("disks", disk.Id));
    }

    public void SaveSettings() => JsonFile.Write(SettingsFile, Settings);

    private void Save(Operation operation)
    {
        _operations[operation.Id] = operation;
        JsonFile.Write(FileOf("operations", operation.Id), operation);
        foreach (var old in _operations.Values.Where(old => old.EndedAt is not null).Take(Math.Max(0, _operations.Count - OperationsMax)).ToArray())
        {
            _operations.Remove(old.Id);
            File.Delete(FileOf("operations", old.Id));
        }
    }

    private T[] Load<T>(string kind)
        where T : class
    {
        var folder = Path.Combine(_folder, kind);
        Directory.CreateDirectory(folder);
        return [.. Directory.EnumerateFiles(folder, "*.json").Select(file => JsonFile.Find<T>(file)!)];
    }

    private string SettingsFile => Path.Combine(_folder, "project.json");

    private string FileOf(string kind, ulong id) => Path.Combine(_folder, kind, id.ToString(CultureInfo.InvariantCulture) + ".json");
}
