using System.Globalization;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Vast;

/// <summary>Every volume, in memory, on disk and on its bill. All access happens under the gate of <see cref="ContractBook"/>.</summary>
internal sealed class VolumeBook
{
    private const string Provider = "vast";
    private const string Source = "volume";

    private readonly string _folder;
    private readonly ChargeBook _charges;
    private readonly SortedDictionary<long, Volume> _byId = [];
    // Instances that are gone but whose machines may still have the volume mounted.
    private readonly Dictionary<long, List<string>> _leaving = [];

    public VolumeBook(string dataFolder, ContractBook contracts, ChargeBook charges)
    {
        _folder = Path.Combine(dataFolder, "vast", "volumes");
        _charges = charges;
        Directory.CreateDirectory(_folder);
        foreach (var volume in Directory.EnumerateFiles(_folder, "*.json").Select(file => JsonFile.Find<Volume>(file)!))
        {
            _byId.Add(volume.Id, volume);
            Charge(volume);
        }

        // A volume whose number was not yet counted when the program was killed.
        contracts.Ledger.NextContractId = Math.Max(contracts.Ledger.NextContractId, _byId.Keys.LastOrDefault() + 1);
        charges.CloseOthers(Provider, Source, _byId.Keys.Select(Text).ToHashSet());
    }

    /// <summary>By id, oldest first.</summary>
    public IReadOnlyCollection<Volume> All => _byId.Values;

    public Volume? Find(long id) => _byId.GetValueOrDefault(id);

    public void Add(Volume volume)
    {
        JsonFile.Write(FileOf(volume), volume);
        _byId.Add(volume.Id, volume);
        Charge(volume);
    }

    /// <summary>Forgets a volume; its bill is closed and stays. The caller deletes its files.</summary>
    public void Remove(Volume volume)
    {
        _charges.Close(Provider, Source, Text(volume.Id));
        _byId.Remove(volume.Id);
        _leaving.Remove(volume.Id);
        File.Delete(FileOf(volume));
    }

    /// <summary>Notes that an instance is gone whose machine ends in its own time.</summary>
    public void Leave(Contract contract)
    {
        foreach (var use in contract.Volumes)
        {
            if (!_leaving.TryGetValue(use.VolumeId, out var keys))
            {
                _leaving[use.VolumeId] = keys = [];
            }

            keys.Add(contract.MachineKey);
        }
    }

    /// <summary>Whether the machine of an instance that is gone still has the volume mounted.</summary>
    public bool IsLeft(Volume volume, MachineSupervisor machines)
    {
        if (!_leaving.TryGetValue(volume.Id, out var keys))
        {
            return true;
        }

        keys.RemoveAll(key => machines.Observe(key) is MachineState.Gone);
        return keys.Count == 0;
    }

    private void Charge(Volume volume) =>
        _charges.SetRates(Provider, Source, Text(volume.Id), volume.Label ?? volume.Name, (ChargeKind.Volume, volume.MicroUsdPerHour));

    private string FileOf(Volume volume) => Path.Combine(_folder, Text(volume.Id) + ".json");

    private static string Text(long id) => id.ToString(CultureInfo.InvariantCulture);
}
