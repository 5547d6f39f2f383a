using System.Globalization;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Vast;

/// <summary>What outlives every contract: counters, money paid in, keys of the account.</summary>
internal sealed class VastLedger
{
    public long NextContractId { get; set; } = 30_000_001;

    public long NextKeyId { get; set; } = 5001;

    public long StartingCreditMicroUsd { get; set; }

    public List<SshKey> Keys { get; init; } = [];
}

/// <summary>Every contract and the account's money, in memory and on disk. All access happens under <see cref="Gate"/>.</summary>
internal sealed class ContractBook
{
    private readonly string _contracts;
    private readonly string _ledgerFile;
    private readonly SortedDictionary<long, Contract> _byId = [];
    private readonly ChargeBook _charges;

    public ContractBook(string dataFolder, decimal startingCreditUsd, ChargeBook charges)
    {
        _charges = charges;
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
        charges.CloseOthers(Provider, Source, _byId.Keys.Select(Text).ToHashSet());
    }

    private const string Provider = "vast";
    private const string Source = "instance";

    public Lock Gate { get; } = new();

    public VastLedger Ledger { get; }

    /// <summary>By id, oldest first.</summary>
    public IReadOnlyCollection<Contract> All => _byId.Values;

    public Contract? Find(long id) => _byId.GetValueOrDefault(id);

    /// <summary>Money that is left, which may be below zero for a moment.</summary>
    public long CreditMicroUsd => Ledger.StartingCreditMicroUsd - _charges.SpentMicroUsd(Provider);

    public void Add(Contract contract)
    {
        SaveLedger();
        Save(contract);
        _byId.Add(contract.Id, contract);
    }

    /// <summary>Keeps the contract as it now is and charges from now on what that costs.</summary>
    public void Save(Contract contract)
    {
        JsonFile.Write(FileOf(contract), contract);
        Charge(contract);
    }

    /// <summary>States the contract's prices to its bill. GPUs cost while it runs, its disk whenever its host answers.</summary>
    public void Charge(Contract contract) => _charges.SetRates(
        Provider,
        Source,
        Text(contract.Id),
        contract.Label,
        (ChargeKind.Gpu, contract.ActualStatus == "running" ? contract.MicroUsdPerHour : 0),
        (ChargeKind.Disk, contract.ActualStatus != "offline" ? contract.DiskMicroUsdPerHour : 0));

    public long CostMicroUsd(Contract contract) => _charges.MicroUsd(Provider, Source, Text(contract.Id));

    /// <summary>Seconds for which the contract paid for its GPUs.</summary>
    public long RunSeconds(Contract contract) => _charges.Seconds(Provider, Source, Text(contract.Id), ChargeKind.Gpu);

    public void SaveLedger() => JsonFile.Write(_ledgerFile, Ledger);

    /// <summary>Forgets a contract. Its bill is closed and stays.</summary>
    public void Remove(Contract contract)
    {
        _charges.Close(Provider, Source, Text(contract.Id));
        _byId.Remove(contract.Id);
        File.Delete(FileOf(contract));
    }

    private string FileOf(Contract contract) => Path.Combine(_contracts, Text(contract.Id) + ".json");

    private static string Text(long id) => id.ToString(CultureInfo.InvariantCulture);
}
