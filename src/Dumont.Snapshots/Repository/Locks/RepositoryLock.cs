using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>Who is at work in a repository.</summary>
/// <param name="Kind"><c>writer</c> or <c>prune</c>.</param>
/// <param name="Holder">Random; tells two holders of one name apart.</param>
/// <param name="CreatedAt">When the work began.</param>
/// <param name="ExpiresAt">When it may be taken for dead.</param>
/// <param name="Hostname">Computer.</param>
/// <param name="ProcessId">On it.</param>
internal sealed record LockRecord(string Kind, string Holder, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, string Hostname, int ProcessId)
{
    public const string PruneKind = "prune";
    public const string WriterKind = "writer";

    public byte[] ToObject(RepositoryKeys? keys) =>
        SealedObject.Seal(
            ObjectKind.Lock,
            RepositoryJson.Write(json =>
            {
                json.WriteString("kind", Kind);
                json.WriteString("holder", Holder);
                json.WriteString("created_at", CreatedAt);
                json.WriteString("expires_at", ExpiresAt);
                json.WriteString("hostname", Hostname);
                json.WriteNumber("process_id", ProcessId);
            }),
            keys);

    public static LockRecord FromObject(ReadOnlySpan<byte> content, RepositoryKeys? keys, string name) =>
        CheckName(name, RepositoryJson.Read(
            SealedObject.Open(ObjectKind.Lock, content, keys, name),
            name,
            json => new LockRecord(
                json.Text("kind"), json.Text("holder"), json.Time("created_at"), json.Time("expires_at"), json.Text("hostname"), json.Integer("process_id"))));

    // A lock that took the place of another would end the other's lease.
    private static LockRecord CheckName(string name, LockRecord record) =>
        name == (record.Kind == PruneKind ? RepositoryLock.PruneName : RepositoryLock.WriterPrefix + record.Holder)
            ? record
            : throw new SnapshotFormatException($"{name} is the lock of another: {record.Kind} {record.Holder}");
}

/// <summary>
/// A lease on a repository. Writers have one each and never exclude anybody: it keeps a prune from deleting what it marked after they began.
/// Of prunes there is one at a time. Leases save work and time; nothing is lost when one runs out, however late its holder notices.
/// </summary>
internal sealed class RepositoryLock : IAsyncDisposable
{
    public const string PruneName = ObjectNames.Locks + "prune";
    public const string WriterPrefix = ObjectNames.Locks + "writer-";
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMinutes(5);

    private readonly Repository _repository;
    private readonly string _name;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _released = new();
    private readonly PeriodicTimer _timer;
    private readonly Task _refreshing;
    private LockRecord _record;

    private RepositoryLock(Repository repository, string name, LockRecord record, TimeProvider time)
    {
        _repository = repository;
        _name = name;
        _record = record;
        _time = time;
        _timer = new PeriodicTimer(RefreshInterval, time);
        _refreshing = RefreshAsync();
    }

    /// <summary>When the work under this lock began.</summary>
    public DateTimeOffset CreatedAt => _record.CreatedAt;

    public static async Task<RepositoryLock> AcquireWriterAsync(Repository repository, TimeProvider time, CancellationToken cancellationToken)
    {
        var record = NewRecord(LockRecord.WriterKind, time);
        var name = WriterPrefix + record.Holder;
        await PutAsync(repository, name, record, PutMode.CreateNew, cancellationToken);
        return new RepositoryLock(repository, name, record, time);
    }

    /// <exception cref="RepositoryException">Another prune is running.</exception>
    public static async Task<RepositoryLock> AcquirePruneAsync(Repository repository, TimeProvider time, CancellationToken cancellationToken)
    {
        var record = NewRecord(LockRecord.PruneKind, time);
        for (var attempt = 0; ; attempt++)
        {
            if (await PutAsync(repository, PruneName, record, PutMode.CreateNew, cancellationToken))
            {
                return new RepositoryLock(repository, PruneName, record, time);
            }

            var other = await TryReadAsync(repository, PruneName, cancellationToken);
            if (attempt > 0 || (other is not null && other.ExpiresAt > time.GetUtcNow()))
            {
                throw new RepositoryException(RepositoryErrorKind.Locked, other is null
                    ? $"Another prune holds {PruneName}. Try again when it has ended."
                    : $"A prune is running on {other.Hostname} (process {other.ProcessId}, since {other.CreatedAt:u}). Try again when it has ended.");
            }

            // Its holder has not been heard of for half an hour. Should it live, it stops when it notices: EnsureHeldAsync.
            await repository.Store.DeleteAsync(PruneName, cancellationToken);
        }
    }

    /// <summary>Writers that may still be at work.</summary>
    /// <param name="repository">Of which.</param>
    /// <param name="removesExpired">Whether the locks of the others are deleted, so that one that lives notices before it publishes anything.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Stops.</param>
    public static async Task<IReadOnlyList<LockRecord>> ListWritersAsync(
        Repository repository, bool removesExpired, TimeProvider time, CancellationToken cancellationToken)
    {
        var writers = new List<LockRecord>();
        await foreach (var (name, content) in repository.ReadAllAsync(WriterPrefix, cancellationToken))
        {
            var record = Read(repository, name, content);
            if (record.ExpiresAt > time.GetUtcNow())
            {
                writers.Add(record);
            }
            else if (removesExpired)
            {
                await repository.Store.DeleteAsync(name, cancellationToken);
            }
        }

        return writers;
    }

    /// <summary>Asks the store whether the lease is still ours.</summary>
    /// <exception cref="RepositoryException">It was given to another.</exception>
    public async Task EnsureHeldAsync(CancellationToken cancellationToken)
    {
        var record = await TryReadAsync(_repository, _name, cancellationToken);
        if (record?.Holder != _record.Holder)
        {
            throw new RepositoryException(RepositoryErrorKind.Locked, "The lease on the repository was lost: this process stood still for too long. Run it again.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Ending the timer ends the loop without an exception, which would cost a short command a tenth of its time.
        _timer.Dispose();
        await _released.CancelAsync();
        await _refreshing;
        _released.Dispose();
        try
        {
            if ((await TryReadAsync(_repository, _name, CancellationToken.None))?.Holder == _record.Holder)
            {
                await _repository.Store.DeleteAsync(_name, CancellationToken.None);
            }
        }
        catch (IOException)
        {
            // It runs out by itself.
        }
    }

    private async Task RefreshAsync()
    {
        try
        {
            while (await _timer.WaitForNextTickAsync(CancellationToken.None))
            {
                await EnsureHeldAsync(_released.Token);
                var next = _record with { ExpiresAt = _time.GetUtcNow() + Lifetime };
                await PutAsync(_repository, _name, next, PutMode.Overwrite, _released.Token);
                _record = next;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Whoever holds the lease asks for it before it publishes or deletes anything.
        }
    }

    private static LockRecord NewRecord(string kind, TimeProvider time) => new(
        kind,
        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
        time.GetUtcNow(),
        time.GetUtcNow() + Lifetime,
        Environment.MachineName,
        Environment.ProcessId);

    private static async Task<bool> PutAsync(Repository repository, string name, LockRecord record, PutMode mode, CancellationToken cancellationToken) =>
        await repository.Store.PutAsync(
            name,
            record.ToObject(repository.Keys),
            mode,
            cancellationToken);

    private static async Task<LockRecord?> TryReadAsync(Repository repository, string name, CancellationToken cancellationToken)
    {
        try
        {
            return Read(repository, name, await Repository.ReadSmallAsync(repository.Store, name, cancellationToken));
        }
        catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound)
        {
            return null;
        }
    }

    private static LockRecord Read(Repository repository, string name, byte[] content) =>
        LockRecord.FromObject(content, repository.Keys, name);
}
