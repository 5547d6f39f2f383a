using System.Data.Common;
using Dumont.Server.Platform.Store;
using Dumont.Simulation.Faults;

namespace Dumont.Simulation.Server;

/// <summary>The database as one incarnation of the server sees it. It outlives the server; whatever a dead one still wants to read or write goes nowhere.
/// Commits are where kill points of records sit.</summary>
/// <param name="inner">The real store.</param>
/// <param name="server">Who uses it.</param>
/// <param name="isWatched">Whether commits are named and checked; those of the work queue are not.</param>
internal sealed class SimDatabase(Database inner, SimServer server, bool isWatched) : Database
{
    /// <inheritdoc />
    public override string IdentityColumn => inner.IdentityColumn;

    /// <inheritdoc />
    public override string SkipLocked => inner.SkipLocked;

    /// <inheritdoc />
    public override async Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        await server.GateAsync(mayHold: isWatched);
        if (!isWatched || Subject.Current is not { } subject)
        {
            var written = await inner.WriteAsync(work, cancellationToken);
            server.Stir();
            return written;
        }

        List<string> steps = [];
        T result;
        try
        {
            result = await inner.WriteAsync(
                async transaction =>
                {
                    var before = await subject.ReadAsync(transaction);
                    var done = await work(transaction);
                    steps = [.. subject.StepsBetween(before, await subject.ReadAsync(transaction))];
                    return steps.Any(step => server.Kills.Strikes(Seam.BeforeCommit, step)) ? throw new KilledException() : done;
                },
                cancellationToken);
        }
        catch (KilledException)
        {
            await server.DieAsync();
            throw;
        }

        server.Stir();
        foreach (var step in steps)
        {
            await server.CommittedAsync(subject, step);
        }

        return result;
    }

    /// <inheritdoc />
    public override async Task<T> ReadAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        await server.GateAsync(mayHold: false);
        return await inner.ReadAsync(work, cancellationToken);
    }

    /// <inheritdoc />
    public override bool IsUniqueViolation(DbException exception) => inner.IsUniqueViolation(exception);

    /// <inheritdoc />
    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The server dies in the middle of a transaction.</summary>
    private sealed class KilledException : Exception;
}
