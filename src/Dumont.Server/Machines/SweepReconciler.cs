using Dumont.Providers;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Settings;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Machines;

/// <summary>Compares every provider's list with our records. A machine that bears this server's tag and that no live record claims is taken back into its
/// record and released; one without a record at all is reported and destroyed after it was seen twice; one without our tag is never touched.</summary>
internal sealed class SweepReconciler(
    MachineStore store, SweepStore sweeps, ProviderAccounts accounts, ServerIdentity identity, IOptions<MachinesOptions> options, ILogger<SweepReconciler> logger)
    : IReconciler
{
    // Strangers of the last sweep. Lost at a restart, which only delays their end by one sweep.
    private HashSet<string> _strangers = [];

    /// <inheritdoc />
    public string Kind => WorkKinds.Sweep;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        var strangers = new HashSet<string>();
        foreach (var account in await accounts.ListAsync(cancellationToken))
        {
            if (await account.Client.ListAsync(cancellationToken) is MachineListing.Complete(var present))
            {
                await SweepAsync(account, present, strangers, fence, cancellationToken);
            }
        }

        _strangers = strangers;
        return Next.After(options.Value.SweepInterval);
    }

    private async Task SweepAsync(
        ProviderAccount account, IReadOnlyList<ProviderMachine> present, HashSet<string> strangers, Fence fence, CancellationToken cancellationToken)
    {
        var ids = present.Select(machine => machine.Id).ToHashSet();
        var records = (await store.ListOfAccountAsync(account.Provider, account.Account, cancellationToken)).ToDictionary(machine => machine.Tag);
        foreach (var machine in present.Where(machine => OwnerTag.IsOf(machine.Tag, identity.ServerName)))
        {
            if (!records.TryGetValue(machine.Tag!, out var record))
            {
                // Two of our accounts may be one at the provider: then a machine is listed by both and recorded under one.
                if (!await store.ExistsAsync(account.Provider, machine.Tag!, cancellationToken))
                {
                    await MeetStrangerAsync(account, machine, strangers, cancellationToken);
                }
            }
            else if (record is { IsFinal: false, ProviderMachineId: { } recorded } && recorded != machine.Id && ids.Contains(recorded))
            {
                // The record claims one machine; a second one of the same tag belongs to nobody.
                await MeetStrangerAsync(account, machine, strangers, cancellationToken);
            }
            else if (record.IsFinal)
            {
                MachinesLog.LateMachine(logger, record.Id, record.Tag, machine.Id);
                await sweeps.ReopenAsync(record, machine.Id, fence, cancellationToken);
            }
        }

        // The other way round a listing proves nothing; it is a reason to look.
        foreach (var record in records.Values.Where(record => record is { IsFinal: false, ProviderMachineId: { } id } && !ids.Contains(id)))
        {
            await sweeps.LookAgainAsync(record.Id, cancellationToken);
        }
    }

    private async Task MeetStrangerAsync(
        ProviderAccount account, ProviderMachine machine, HashSet<string> strangers, CancellationToken cancellationToken)
    {
        var key = $"{account.Provider}/{account.Account}/{machine.Id}";
        strangers.Add(key);
        if (!_strangers.Contains(key))
        {
            MachinesLog.Stranger(logger, machine.Tag!, machine.Id);
            return;
        }

        var result = await account.Client.DestroyAsync(machine.Id, cancellationToken);
        MachinesLog.StrangerDestroyed(logger, machine.Tag!, machine.Id, result.GetType().Name);
    }
}
