using System.Data.Common;
using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Server.Platform.Web;
using Microsoft.Extensions.Options;
using VerifyPart = Dumont.Snapshots.Engines.VerifyPart;

namespace Dumont.Server.Snapshots;

/// <summary>Takes the user's wishes: checks what can be checked at once, records the rest as operations, and leaves the doing to the reconciler.</summary>
internal sealed class SnapshotService(
    Database database,
    SnapshotStore snapshots,
    OperationStore operations,
    VerificationStore verifications,
    Repositories repositories,
    InstanceStore instances,
    InstanceService instanceService,
    EventStore events,
    WorkQueue queue,
    TimeProvider time,
    IOptions<SnapshotsOptions> options)
{
    private const string SyncTag = "sync";

    /// <summary>Records a snapshot that is to be made.</summary>
    /// <param name="user">Whose.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="also">Records, in the same transaction, what the operation of that number is for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<SnapshotResult> CreateAsync(
        UserId user, CreateSnapshotRequest request, Func<DbTransaction, long, Task>? also, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var name = (request.Name ?? request.Label)?.Trim() ?? now.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        return await CreateAsync(
            user,
            request.InstanceId!.Value,
            name,
            isSync: false,
            request.Type == "full",
            (SnapshotRules.SourceOf(request) ?? SnapshotRules.Workspace).TrimEnd('/'),
            [.. (request.Tags ?? []).Select(tag => tag.Trim()).Distinct(StringComparer.Ordinal)],
            also,
            cancellationToken);
    }

    /// <summary>Records a sync: an incremental snapshot, at most one at a time and not too often.</summary>
    public async Task<SnapshotResult> SyncAsync(UserId user, InstanceId instanceId, string sourcePath, bool force, CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(user, instanceId, cancellationToken) is not { } instance)
        {
            return new SnapshotResult.UnknownInstance(instanceId.ToString());
        }

        if (instance.Status != InstanceStatus.Running)
        {
            return new SnapshotResult.WrongState(InstanceViews.Word(instance.Status));
        }

        var last = (await snapshots.ListOfUserAsync(user, instanceId, cancellationToken)).FirstOrDefault(each => each.IsSync);
        if (last is { Status: SnapshotStatus.Creating } && await operations.FindOfSnapshotAsync(last.Id, cancellationToken) is { IsOver: false } running)
        {
            return new SnapshotResult.InUse(running.Id);
        }

        if (!force && last is { IsUsable: true } && last.CreatedAt + options.Value.SyncInterval - time.GetUtcNow() is { } left && left > TimeSpan.Zero)
        {
            return new SnapshotResult.TooSoon(left);
        }

        return await CreateAsync(user, instanceId, SyncTag, isSync: true, isFull: false, sourcePath.TrimEnd('/'), [SyncTag], also: null, cancellationToken);
    }

    /// <summary>Records that a snapshot is to be brought back, renting an instance for it where one is asked for.</summary>
    public async Task<SnapshotResult> RestoreAsync(UserId user, RestoreSnapshotRequest request, CancellationToken cancellationToken)
    {
        if (SnapshotNumber.TryParse(request.SnapshotId) is not { } number
            || await snapshots.FindOfUserAsync(user, number, cancellationToken) is not { } snapshot)
        {
            return new SnapshotResult.UnknownSnapshot();
        }

        if (!snapshot.IsUsable)
        {
            return new SnapshotResult.NotUsable(snapshot.Status.ToString().ToLowerInvariant());
        }

        var paths = request.Include ?? request.Paths ?? [];
        if (paths.FirstOrDefault(path => !SnapshotRules.TryRelative(path, snapshot.Document.SourcePath, out _)) is not null)
        {
            return new SnapshotResult.Invalid([new FieldError("include", "Must be at most 1000 paths within the snapshot, without ...")]);
        }

        var document = DocumentOf(snapshot, request);
        if (request.GpuName is not null)
        {
            return await RestoreToNewAsync(user, snapshot, request, document, cancellationToken);
        }

        var target = request.InstanceId ?? snapshot.InstanceId;
        if (await instances.FindOfUserAsync(user, target, cancellationToken) is not { } instance)
        {
            return new SnapshotResult.UnknownInstance(target.ToString());
        }

        if (instance.Status is not (InstanceStatus.Running or InstanceStatus.Creating or InstanceStatus.Resuming))
        {
            return new SnapshotResult.WrongState(InstanceViews.Word(instance.Status));
        }

        if (await database.WriteAsync(transaction => InsertRestoreAsync(transaction, snapshot, target, document), cancellationToken) is not { } id)
        {
            return new SnapshotResult.UnknownSnapshot();
        }

        queue.Pulse();
        return new SnapshotResult.Accepted(id, snapshot.Id);
    }

    /// <summary>Records, in the caller's transaction, that a machine which does not write yet is to get a snapshot, and nothing else, as its workspace.</summary>
    /// <returns>The operation; null when the snapshot has been deleted meanwhile.</returns>
    public Task<long?> InsertFillAsync(DbTransaction transaction, Snapshot snapshot, InstanceId instance, MachineId machine) =>
        InsertRestoreAsync(
            transaction, snapshot, instance, DocumentOf(snapshot, new RestoreSnapshotRequest { Verify = true, Delete = true }) with { OnMachine = machine });

    /// <summary>Deletes a snapshot: the user sees it no more, and it is dropped from its repository.</summary>
    public async Task<SnapshotResult> DeleteAsync(UserId user, SnapshotNumber id, CancellationToken cancellationToken)
    {
        if (await snapshots.FindOfUserAsync(user, id, cancellationToken) is not { } snapshot)
        {
            return new SnapshotResult.UnknownSnapshot();
        }

        var result = await database.WriteAsync<SnapshotResult>(
            async transaction =>
            {
                if (!await SnapshotStore.HoldAsync(transaction, id))
                {
                    return new SnapshotResult.UnknownSnapshot();
                }

                if (await OperationStore.FindLiveOfSnapshotAsync(transaction, id) is { } busy)
                {
                    return new SnapshotResult.InUse(busy);
                }

                await snapshots.DeleteAsync(transaction, user, [id]);
                await events.AppendAsync(transaction, user, snapshot.InstanceId, SnapshotEvents.Deleted(snapshot.Name));
                return snapshot.EngineSnapshotId is null
                    ? new SnapshotResult.Nothing()
                    : new SnapshotResult.Accepted(
                        await operations.InsertAsync(transaction, new NewOperation(user, OperationKind.Forget, snapshot.RepositoryId, null, null, DropOf([snapshot]))),
                        id);
            },
            cancellationToken);
        queue.Pulse();
        return result;
    }

    /// <summary>Drops snapshots of one repository and gives back their space: recorded in one transaction. One prune of a repository at a time.</summary>
    public Task<SnapshotResult> PruneAsync(UserId user, long repository, IReadOnlyList<Snapshot> dropped, CancellationToken cancellationToken) =>
        InsertSingleAsync(
            OperationKind.Prune,
            repository,
            async transaction =>
            {
                var gone = await snapshots.DropAsync(transaction, user, dropped.Select(each => each.Id));
                var operation = await operations.InsertAsync(
                    transaction,
                    new NewOperation(user, OperationKind.Prune, repository, null, null, DropOf([.. dropped.Where(each => gone.Contains(each.Id))])));
                if (gone.Count > 0)
                {
                    await events.AppendAsync(transaction, user, null, SnapshotEvents.Dropped(gone.Count));
                }

                return operation;
            },
            cancellationToken);

    /// <summary>Records that the user's repository is to be read for damage. One verification of a repository at a time.</summary>
    public async Task<SnapshotResult> VerifyAsync(UserId user, bool readData, CancellationToken cancellationToken) =>
        await VerifyAsync(await repositories.EnsureOfUserAsync(user, cancellationToken), new OperationDocument { Verify = readData }, cancellationToken);

    /// <summary>Records that some parts of a repository are to be read for damage, because it is time.</summary>
    public Task<SnapshotResult> VerifyPartsAsync(Repository repository, IReadOnlyList<VerifyPart> parts, CancellationToken cancellationToken) =>
        VerifyAsync(repository, new OperationDocument { VerifyParts = parts, IsAutomatic = true }, cancellationToken);

    // What was damaged is read again, or it would pass for whole.
    private async Task<SnapshotResult> VerifyAsync(Repository repository, OperationDocument asked, CancellationToken cancellationToken)
    {
        var known = await verifications.GetAsync(repository.Id, cancellationToken);
        var document = asked with { VerifyPacks = known.DamagedPacks, VerifyAgain = known.DamagedParts, Before = time.GetUtcNow() + options.Value.OperationLimit };
        return await InsertSingleAsync(
            OperationKind.Verify,
            repository.Id,
            transaction => operations.InsertAsync(transaction, new NewOperation(repository.UserId, OperationKind.Verify, repository.Id, null, null, document)),
            cancellationToken);
    }

    // There may be one operation of this kind in a repository.
    private async Task<SnapshotResult> InsertSingleAsync(
        OperationKind kind, long repository, Func<DbTransaction, Task<long>> insert, CancellationToken cancellationToken)
    {
        try
        {
            var id = await database.WriteAsync(insert, cancellationToken);
            queue.Pulse();
            return new SnapshotResult.Accepted(id, null);
        }
        catch (DbException twice) when (database.IsUniqueViolation(twice))
        {
            var running = (await operations.ListLiveAsync(repository, cancellationToken)).FirstOrDefault(each => each.Kind == kind);
            return new SnapshotResult.InUse(running?.Id ?? 0);
        }
    }

    private async Task<SnapshotResult> CreateAsync(
        UserId user,
        InstanceId instanceId,
        string name,
        bool isSync,
        bool isFull,
        string sourcePath,
        IReadOnlyList<string> tags,
        Func<DbTransaction, long, Task>? also,
        CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(user, instanceId, cancellationToken) is not { } instance)
        {
            return new SnapshotResult.UnknownInstance(instanceId.ToString());
        }

        if (instance.Status is not (InstanceStatus.Running or InstanceStatus.Paused or InstanceStatus.Pausing or InstanceStatus.Resuming))
        {
            return new SnapshotResult.WrongState(InstanceViews.Word(instance.Status));
        }

        if (await snapshots.CountAsync(user, cancellationToken) >= options.Value.QuotaPerUser)
        {
            return new SnapshotResult.QuotaReached(options.Value.QuotaPerUser);
        }

        if (await repositories.MissingAsync(user, cancellationToken) is { Count: > 0 } missing)
        {
            return new SnapshotResult.StorageIncomplete(string.Join(", ", missing));
        }

        var repository = await repositories.EnsureOfUserAsync(user, cancellationToken);
        var (id, operation) = await database.WriteAsync(
            async transaction =>
            {
                var document = new SnapshotDocument { SourcePath = sourcePath, Tags = tags, Full = isFull, Engine = repository.Engine, InstanceLabel = instance.Label };
                var number = await snapshots.InsertAsync(transaction, new NewSnapshot(user, instanceId, repository.Id, name, isSync, document));
                var work = new OperationDocument { SourcePath = sourcePath, Full = isFull, Before = time.GetUtcNow() + options.Value.OperationLimit };
                await events.AppendAsync(transaction, user, instanceId, SnapshotEvents.Requested(name));
                var operation = await operations.InsertAsync(
                    transaction, new NewOperation(user, OperationKind.Snapshot, repository.Id, number, instanceId, work));
                if (also is not null)
                {
                    await also(transaction, operation);
                }

                return (number, operation);
            },
            cancellationToken);
        queue.Pulse();
        return new SnapshotResult.Accepted(operation, id);
    }

    private async Task<SnapshotResult> RestoreToNewAsync(
        UserId user, Snapshot snapshot, RestoreSnapshotRequest request, OperationDocument document, CancellationToken cancellationToken)
    {
        var wish = new CreateInstanceRequest
        {
            UseWizard = true,
            GpuName = request.GpuName,
            MaxPrice = request.MaxPrice,
            Region = request.Region,
            DiskSize = request.DiskSize,
            Label = request.Label ?? $"restore-{snapshot.Id}",
        };
        if (InstanceRules.Check(wish) is { Count: > 0 } errors)
        {
            return new SnapshotResult.Invalid(errors);
        }

        long operation = 0;
        try
        {
            var created = await instanceService.CreateAsync(
                user,
                wish,
                idempotent: null,
                async (transaction, id) => operation = await InsertRestoreAsync(transaction, snapshot, id, document with { IsNewInstance = true }) ?? throw new SnapshotGoneException(),
                cancellationToken);
            queue.Pulse();
            return created is CreateInstanceResult.Accepted ? new SnapshotResult.Accepted(operation, snapshot.Id) : new SnapshotResult.NoInstance(created);
        }
        catch (SnapshotGoneException)
        {
            return new SnapshotResult.UnknownSnapshot();
        }
    }

    // Null when the snapshot has been deleted meanwhile.
    private async Task<long?> InsertRestoreAsync(DbTransaction transaction, Snapshot snapshot, InstanceId target, OperationDocument document) =>
        await SnapshotStore.HoldAsync(transaction, snapshot.Id)
            ? await operations.InsertAsync(
                transaction, new NewOperation(snapshot.UserId, OperationKind.Restore, snapshot.RepositoryId, snapshot.Id, target, document))
            : null;

    private OperationDocument DocumentOf(Snapshot snapshot, RestoreSnapshotRequest request)
    {
        var source = snapshot.Document.SourcePath;
        var include = new List<string>();
        foreach (var path in request.Include ?? request.Paths ?? [])
        {
            if (SnapshotRules.TryRelative(path, source, out var relative))
            {
                include.Add(relative);
            }
        }

        return new OperationDocument
        {
            SourcePath = source,
            TargetPath = request.TargetPath is null or "/" ? source : request.TargetPath.TrimEnd('/'),
            Include = include,
            Verify = request.Verify == true,
            Delete = request.Delete == true,
            DryRun = request.DryRun == true,
            Before = time.GetUtcNow() + options.Value.OperationLimit,
        };
    }

    private OperationDocument DropOf(IReadOnlyList<Snapshot> dropped) =>
        new() { Snapshots = [.. dropped.Select(each => each.Id.Value)], Before = time.GetUtcNow() + options.Value.OperationLimit };

    // Takes back the instance that was to be rented for it.
    private sealed class SnapshotGoneException : Exception;
}
