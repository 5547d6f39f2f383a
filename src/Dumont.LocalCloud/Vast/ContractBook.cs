using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Vast;

/// <summary>What outlives every contract: counters, money spent on contracts that are gone, keys of the account.</summary>
internal sealed class VastLedger
{
    public long NextContractId { get; set; } = 30_000_001;

    public long NextKeyId { get; set; } = 5001;

    public long StartingCreditMicroUsd { get; set; }

    /// <summary>Cost of destroyed contracts.</summary>
    public long SpentMicroUsd { get; set; }

    public List<SshKey> Keys { get; init; } = [];
}

/// <summary>Every contract and the account's money, in memory and on disk. All access happens under <see cref="Gate"/>.</summary>
internal sealed class ContractBook
{
    private readonly string _contracts;
    private readonly string _ledgerFile;
    private readonly SortedDictionary<long, Contract> _byId = [];

    public ContractBook(string dataFolder, decimal startingCreditUsd)
    {
        _contracts = Path.Combine(dataFolder, "vast", "contracts");
        _ledgerFile = Path.Combine(dataFolder, "vast", "ledger.json");
        Directory.CreateDirectory(_contracts);
        Ledger = JsonFile.Find<VastLedger>(_ledgerFile) ?? new VastLedger { StartingCreditMicroUsd = (long)(startingCreditUsd * 1_000_000) };
        foreach (var file in Directory.EnumerateFiles(_contracts, "*.json"))
        {
            var contract = JsonFile.Find<Contract>(file)!;
            _byId.Add(contract.Id, contract);
        }

        // A contract whose number was not yet counted when the program was killed.
        Ledger.NextContractId = Math.Max(Ledger.NextContractId, _byId.Keys.LastOrDefault() + 1);
    }

    public Lock Gate { get; } = new();

    public VastLedger Ledger { get; }

    /// <summary>By id, oldest first.</summary>
    public IReadOnlyCollection<Contract> All => _byId.Values;

    public Contract? Find(long id) => _byId.GetValueOrDefault(id);

    /// <summary>Money that is left, which may be below zero for a moment.</summary>
    public long CreditMicroUsd => Ledger.StartingCreditMicroUsd - Ledger.SpentMicroUsd - _byId.Values.Sum(contract => contract.Meter.CostMicroUsd);

    public void Add(Contract contract)
    {
        SaveLedger();
        Save(contract);
        _byId.Add(contract.Id, contract);
    }

    public void Save(Contract contract) => JsonFile.Write(FileOf(contract), contract);

    public void SaveLedger() => JsonFile.Write(_ledgerFile, Ledger);

    /// <summary>Forgets a contract and keeps its cost.</summary>
    public void Remove(Contract contract)
    {
        Ledger.SpentMicroUsd += contract.Meter.CostMicroUsd;
        _byId.Remove(contract.Id);
        File.Delete(FileOf(contract));
        SaveLedger();
    }

    private string FileOf(Contract contract) =>
        Path.Combine(_contracts, contract.Id.ToString(System.Globalization.CultureInfo.InvariantCulture) + ".json");
}
