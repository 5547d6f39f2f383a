using System.Data.Common;
using System.Globalization;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Hosts;

/// <summary>A physical machine at a provider.</summary>
internal readonly record struct HostKey(string Provider, long MachineId);

/// <summary>An entry of the blacklist. <paramref name="User"/> 0 means everybody.</summary>
internal sealed record BlacklistEntry(HostKey Host, long User, string Reason, DateTimeOffset AddedAt, DateTimeOffset? ExpiresAt);

/// <summary>The attempts on one host, counted.</summary>
internal sealed record HostRecord(
    HostKey Host, string? GpuName, long Attempts, long Successes, DateTimeOffset LastAttemptAt, string? LastFailureReason);

/// <summary>One try to rent a host.</summary>
internal sealed record HostAttempt(long Id, HostKey Host, string? GpuName, bool Succeeded, string Stage, string Reason, DateTimeOffset At);

/// <summary>Which hosts to look at. Null means any.</summary>
internal sealed record HostFilter(string? Provider, long? MachineId, bool? Succeeded, DateTimeOffset? Since);

/// <summary>What became of renting each host, and which hosts are hidden for it.</summary>
internal sealed class HostHistory(Database database, TimeProvider time)
{
    private const int ReasonLengthMax = 500;

    private const string Filtered =
        """
        (@provider = '' OR provider = @provider) AND (@machine = 0 OR host_machine_id = @machine)
        AND (@succeeded = -1 OR succeeded = @succeeded) AND at >= @since
        """;

    /// <summary>Notes an attempt within the caller's transaction. A host that has failed too often is hidden from everybody for a while.</summary>
    public async Task RecordAsync(
        DbTransaction transaction, string provider, long hostMachineId, string? gpuName, bool succeeded, string stage, string reason)
    {
        var now = time.GetUtcNow();
        reason = Shortened(reason);
        var connection = transaction.Connection!;
        await connection.ExecuteAsync(
            """
            INSERT INTO host_attempts (provider, host_machine_id, gpu_name, succeeded, stage, reason, at)
            VALUES (@provider, @hostMachineId, @gpuName, @succeeded, @stage, @reason, @at)
            """,
            new { provider, hostMachineId, gpuName, succeeded = succeeded ? 1L : 0L, stage, reason, at = Columns.Of(now) },
            transaction);
        if (succeeded)
        {
            return;
        }

        var failures = await connection.ExecuteScalarAsync<long>(
            "SELECT COUNT(*) FROM host_attempts WHERE provider = @provider AND host_machine_id = @hostMachineId AND succeeded = 0 AND at > @since",
            new { provider, hostMachineId, since = Columns.Of(now - HostPolicy.FailureWindow) },
            transaction);
        if (HostPolicy.IsToHide(failures))
        {
            var why = string.Create(
                CultureInfo.InvariantCulture, $"{failures} failures within {HostPolicy.FailureWindow.TotalHours} h; the last one at {stage}: {reason}");
            await UpsertAsync(transaction, new BlacklistEntry(
                new HostKey(provider, hostMachineId), 0, Shortened(why), now, now + HostPolicy.AutomaticDuration));
        }
    }

    /// <summary>The hosts hidden from <paramref name="user"/> now: his own entries and everybody's. Null is a caller without a user.</summary>
    public async Task<IReadOnlyDictionary<HostKey, BlacklistEntry>> BlacklistedAsync(UserId? user, CancellationToken cancellationToken) =>
        (await ListBlacklistAsync(user, null, cancellationToken)).GroupBy(entry => entry.Host).ToDictionary(group => group.Key, group => group.First());

    /// <summary>The entries in force for <paramref name="user"/>, newest first.</summary>
    public Task<IReadOnlyList<BlacklistEntry>> ListBlacklistAsync(UserId? user, string? provider, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<BlacklistEntry>>(
            async connection => (await connection.QueryAsync<EntryRow>(
                """
                SELECT provider AS Provider, host_machine_id AS Machine, user_id AS UserId, reason AS Reason, added_at AS AddedAt, expires_at AS ExpiresAt
                FROM host_blacklist
                WHERE (user_id = 0 OR user_id = @user) AND (expires_at IS NULL OR expires_at > @now) AND (@provider = '' OR provider = @provider)
                ORDER BY added_at DESC, host_machine_id
                """,
                new { user = user?.Value ?? 0L, now = Columns.Of(time.GetUtcNow()), provider = provider ?? "" }))
                .Select(row => new BlacklistEntry(
                    new HostKey(row.Provider, row.Machine), row.UserId, row.Reason, Columns.Instant(row.AddedAt), Columns.Instant(row.ExpiresAt)))
                .ToList(),
            cancellationToken);

    /// <summary>Hides a host from one user.</summary>
    public async Task<BlacklistEntry> AddAsync(UserId user, HostKey host, string reason, TimeSpan? duration, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var entry = new BlacklistEntry(host, user.Value, reason, now, duration is { } length ? now + length : null);
        await database.WriteAsync(transaction => UpsertAsync(transaction, entry), cancellationToken);
        return entry;
    }

    /// <summary>Removes the user's entry, and everybody's too where <paramref name="alsoServers"/>; how many there were.</summary>
    public Task<int> RemoveAsync(UserId user, HostKey host, bool alsoServers, CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "DELETE FROM host_blacklist WHERE provider = @Provider AND host_machine_id = @MachineId AND user_id IN (@user, @server)",
                new { host.Provider, host.MachineId, user = user.Value, server = alsoServers ? 0L : user.Value },
                transaction),
            cancellationToken);

    /// <summary>Attempts, newest first.</summary>
    public Task<IReadOnlyList<HostAttempt>> ListAttemptsAsync(HostFilter filter, int limit, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<HostAttempt>>(
            async connection => (await connection.QueryAsync<AttemptRow>(
                $"""
                SELECT id AS Id, provider AS Provider, host_machine_id AS Machine, gpu_name AS GpuName, succeeded AS Succeeded, stage AS Stage,
                    reason AS Reason, at AS At
                FROM host_attempts WHERE {Filtered} ORDER BY id DESC LIMIT {limit.ToString(CultureInfo.InvariantCulture)}
                """,
                Parameters(filter))).Select(row => new HostAttempt(
                    row.Id, new HostKey(row.Provider, row.Machine), row.GpuName, row.Succeeded == 1, row.Stage, row.Reason, Columns.Instant(row.At)))
                .ToList(),
            cancellationToken);

    /// <summary>How often it failed at which stage.</summary>
    public Task<IReadOnlyDictionary<string, int>> CountFailureStagesAsync(HostFilter filter, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyDictionary<string, int>>(
            async connection => (await connection.QueryAsync<(string Stage, long Count)>(
                $"SELECT stage, COUNT(*) FROM host_attempts WHERE {Filtered} GROUP BY stage ORDER BY stage", Parameters(filter)))
                .ToDictionary(row => row.Stage, row => (int)row.Count),
            cancellationToken);

    /// <summary>The attempts on one host; null without any.</summary>
    public async Task<HostRecord?> FindHostAsync(HostKey host, CancellationToken cancellationToken) =>
        (await ListHostsAsync(new HostFilter(host.Provider, host.MachineId, null, null), cancellationToken)).SingleOrDefault();

    /// <summary>Attempts by host.</summary>
    public Task<IReadOnlyList<HostRecord>> ListHostsAsync(HostFilter filter, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<HostRecord>>(
            async connection => (await connection.QueryAsync<RecordRow>(
                $"""
                SELECT a.provider AS Provider, a.host_machine_id AS Machine, CAST(COUNT(*) AS BIGINT) AS Attempts,
                    CAST(SUM(a.succeeded) AS BIGINT) AS Successes, MAX(a.at) AS LastAt, MAX(a.gpu_name) AS GpuName,
                    (SELECT f.reason FROM host_attempts f WHERE f.provider = a.provider AND f.host_machine_id = a.host_machine_id AND f.succeeded = 0
                        ORDER BY f.id DESC LIMIT 1) AS LastFailure
                FROM host_attempts a WHERE {Filtered} GROUP BY a.provider, a.host_machine_id
                """,
                Parameters(filter))).Select(row => new HostRecord(
                    new HostKey(row.Provider, row.Machine), row.GpuName, row.Attempts, row.Successes, Columns.Instant(row.LastAt), row.LastFailure))
                .ToList(),
            cancellationToken);

    private static Task<int> UpsertAsync(DbTransaction transaction, BlacklistEntry entry) =>
        transaction.Connection!.ExecuteAsync(
            """
            INSERT INTO host_blacklist (provider, host_machine_id, user_id, reason, added_at, expires_at)
            VALUES (@Provider, @MachineId, @User, @Reason, @added, @expires)
            ON CONFLICT (provider, host_machine_id, user_id) DO UPDATE SET reason = @Reason, added_at = @added, expires_at = @expires
            """,
            new
            {
                entry.Host.Provider,
                entry.Host.MachineId,
                entry.User,
                entry.Reason,
                added = Columns.Of(entry.AddedAt),
                expires = Columns.Of(entry.ExpiresAt),
            },
            transaction);

    private static string Shortened(string reason) => reason.Length <= ReasonLengthMax ? reason : reason[..ReasonLengthMax];

    private static object Parameters(HostFilter filter) => new
    {
        provider = filter.Provider ?? "",
        machine = filter.MachineId ?? 0L,
        succeeded = filter.Succeeded switch { null => -1L, true => 1L, false => 0L },
        since = filter.Since is { } since ? Columns.Of(since) : 0L,
    };

    private sealed record EntryRow(string Provider, long Machine, long UserId, string Reason, long AddedAt, long? ExpiresAt);

    private sealed record AttemptRow(long Id, string Provider, long Machine, string? GpuName, long Succeeded, string Stage, string Reason, long At);

    // Mapped by property: an aggregate has no declared type that a constructor could be matched with.
    private sealed record RecordRow
    {
        public string Provider { get; init; } = "";

        public long Machine { get; init; }

        public long Attempts { get; init; }

        public long Successes { get; init; }

        public long LastAt { get; init; }

        public string? GpuName { get; init; }

        public string? LastFailure { get; init; }
    }
}
