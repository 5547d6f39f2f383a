using Dumont.Contracts;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>What the checks have found, as the API and the pages have it.</summary>
internal sealed class VerificationViews(
    RepositoryStore repositories, VerificationStore store, OperationStore operations, SnapshotStore snapshots, IOptions<SnapshotsOptions> options)
{
    /// <summary>What to do about damage that touches snapshots.</summary>
    public const string Remedy =
        "What is whole can still be restored. Delete the affected snapshots and run a prune, which takes what is damaged away with them; then take new ones of what the instances still have.";

    /// <summary>What to do about damage that touches none.</summary>
    public const string RemedyOfUnused =
        "Every snapshot can still be restored. Run a prune: it takes away what no snapshot needs. If damage is still found after that, move to another place in the storage settings.";

    /// <summary>The user's repositories that have been made, and in how many days each is read once.</summary>
    public async Task<VerificationResponse> ListAsync(UserId user, CancellationToken cancellationToken)
    {
        var days = await store.DaysOfAsync(user, cancellationToken);
        var checkedByItself = days == 0 ? [] : (await repositories.ListInUseAsync(cancellationToken)).Select(each => each.Id).ToHashSet();
        var shown = new List<RepositoryVerification>();
        foreach (var repository in (await repositories.ListOfUserAsync(user, cancellationToken)).Where(each => each.IsReady))
        {
            shown.Add(await ToViewAsync(repository, checkedByItself.Contains(repository.Id), cancellationToken));
        }

        return new VerificationResponse(days, shown, shown.Count);
    }

    private async Task<RepositoryVerification> ToViewAsync(Repository repository, bool comesByItself, CancellationToken cancellationToken)
    {
        var known = await store.GetAsync(repository.Id, cancellationToken);
        var running = (await operations.ListLiveAsync(repository.Id, cancellationToken)).FirstOrDefault(each => each.Kind == OperationKind.Verify);
        var affected = await AffectedAsync(repository, known, cancellationToken);
        return new RepositoryVerification
        {
            RepositoryId = repository.Id,
            Engine = repository.Engine,
            Location = repository.Location,
            Status = known.Damage.Count > 0 ? "damaged" : known.CheckedAt is null ? "unchecked" : "sound",
            LastVerifiedAt = known.CheckedAt,
            NextAt = comesByItself ? VerificationPolicy.NextAt(known, repository.CreatedAt, options.Value.VerifyInterval) : null,
            ShareRead = known.Parts == 0 ? 0 : Math.Round((double)known.PartsDone / known.Parts, 4),
            RoundStartedAt = known.RoundStartedAt,
            BytesRead = known.BytesRead,
            AllReadAt = known.AllReadAt,
            Damage = known.Damage,
            DamagedSince = known.DamagedSince,
            AffectedSnapshots = affected,
            Remedy = known.Damage.Count == 0 ? null : affected is { Count: 0 } ? RemedyOfUnused : Remedy,
            Error = known.Error,
            OperationId = running?.Id,
        };
    }

    // Null where the engine cannot tell.
    private async Task<IReadOnlyList<AffectedSnapshot>?> AffectedAsync(Repository repository, Verification known, CancellationToken cancellationToken) =>
        known switch
        {
            { Damage: [] } or { DamagedSnapshots: [] } => [],
            { DamagedSnapshots: null } => null,
            { DamagedSnapshots: { } ids } => (await snapshots.ListOfUserAsync(repository.UserId, null, cancellationToken))
                .Where(each => each.RepositoryId == repository.Id && each.EngineSnapshotId is { } id && ids.Contains(id, StringComparer.Ordinal))
                .Select(each => new AffectedSnapshot(each.Id.ToString(), each.Name)).ToList(),
        };
}
