using System.Globalization;
using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Gcp;

/// <summary>Every VM and operation, in memory and on disk. All access happens under <see cref="Gate"/>.</summary>
internal sealed class VmBook
{
    private const int OperationsMax = 500;

    private readonly string _vmFolder;
    private readonly string _operationFolder;
    private readonly Dictionary<(string Zone, string Name), Vm> _vms = [];
    private readonly SortedDictionary<ulong, Operation> _operations = [];
    private ulong _lastId;

    public VmBook(string dataFolder, TimeProvider time)
    {
        _vmFolder = Path.Combine(dataFolder, "gcp", "vms");
        _operationFolder = Path.Combine(dataFolder, "gcp", "operations");
        Directory.CreateDirectory(_vmFolder);
        Directory.CreateDirectory(_operationFolder);
        foreach (var vm in Directory.EnumerateFiles(_vmFolder, "*.json").Select(file => JsonFile.Find<Vm>(file)!))
        {
            _vms.Add((vm.Zone, vm.Name), vm);
        }

        foreach (var operation in Directory.EnumerateFiles(_operationFolder, "*.json").Select(file => JsonFile.Find<Operation>(file)!))
        {
            _operations.Add(operation.Id, operation);
        }

        // Time-based, so that ids rise over restarts without being kept.
        _lastId = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds() << 20;
    }

    public Lock Gate { get; } = new();

    public IReadOnlyCollection<Vm> Vms => _vms.Values;

    /// <summary>Oldest first.</summary>
    public IReadOnlyCollection<Operation> Operations => _operations.Values;

    public Vm? Find(string zone, string name) => _vms.GetValueOrDefault((zone, name));

    public Operation? FindOperation(string zone, string name) => _operations.Values.FirstOrDefault(operation => operation.Zone == zone && operation.Name == name);

    public Operation? FindByRequest(string? requestId) =>
        requestId is null ? null : _operations.Values.FirstOrDefault(operation => operation.RequestId == requestId);

    public ulong NextId() => ++_lastId;

    public void Save(Vm vm)
    {
        _vms[(vm.Zone, vm.Name)] = vm;
        JsonFile.Write(FileOf(vm), vm);
    }

    public void Remove(Vm vm)
    {
        _vms.Remove((vm.Zone, vm.Name));
        File.Delete(FileOf(vm));
    }

    public void Save(Operation operation)
    {
        _operations[operation.Id] = operation;
        JsonFile.Write(FileOf(operation), operation);
        foreach (var old in _operations.Values.Where(old => old.EndedAt is not null).Take(Math.Max(0, _operations.Count - OperationsMax)).ToArray())
        {
            _operations.Remove(old.Id);
            File.Delete(FileOf(old));
        }
    }

    private string FileOf(Vm vm) => Path.Combine(_vmFolder, vm.Id.ToString(CultureInfo.InvariantCulture) + ".json");

    private string FileOf(Operation operation) => Path.Combine(_operationFolder, operation.Id.ToString(CultureInfo.InvariantCulture) + ".json");
}
