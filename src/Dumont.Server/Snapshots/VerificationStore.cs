using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>The tables repository_checks and verification_settings.</summary>
internal sealed class VerificationStore(Database database, WorkQueue queue, IOptions<SnapshotsOptions> options)
{
    /// <summary>What the checks of a repository have found.</summary>
    public Task<Verification> GetAsync(long repository, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => await connection.ExecuteScalarAsync<string?>(
                "SELECT document FROM repository_checks WHERE repository_id = @repository", new { repository }) is { } document
                ? Columns.FromDocument<Verification>(document)
                : new Verification(),
            cancellationToken);

    /// <summary>Writes what a check has found, in the transaction that ends its operation.</summary>
    public static Task SetAsync(DbTransaction transaction, long repository, Verification found) =>
        transaction.Connection!.ExecuteAsync(
            """
            INSERT INTO repository_checks (repository_id, document) VALUES (@repository, @document)
            ON CONFLICT (repository_id) DO UPDATE SET document = @document
            """,
            new { repository, document = Columns.Document(found) },
            transaction);

    /// <summary>In how many days all of a user's data is read once; 0: nothing is checked by itself.</summary>
    public async Task<int> DaysOfAsync(UserId user, CancellationToken cancellationToken) =>
        (int)(await database.ReadAsync(
            connection => connection.ExecuteScalarAsync<long?>("SELECT days FROM verification_settings WHERE user_id = @user", new { user = user.Value }),
            cancellationToken) ?? options.Value.VerifyDays);

    /// <summary>Says so.</summary>
    public async Task SetDaysAsync(UserId user, int days, CancellationToken cancellationToken)
    {
        await database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                """
                INSERT INTO verification_settings (user_id, days) VALUES (@user, @days)
                ON CONFLICT (user_id) DO UPDATE SET days = @days
                """,
                new { user = user.Value, days = (long)days },
                transaction),
            cancellationToken);
        await EnsureScheduledAsync(cancellationToken);
    }

    /// <summary>Puts the checks into the queue.</summary>
    public Task EnsureScheduledAsync(CancellationToken cancellationToken) => queue.WakeAsync(WorkKinds.Verification, 1, cancellationToken);
}
