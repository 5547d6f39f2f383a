using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Drills;

namespace Dumont.Dev;

/// <summary>What became of flushes.</summary>
/// <param name="Acknowledge">Setting of the instances.</param>
/// <param name="Rounds">Hosts killed.</param>
/// <param name="Returned">Flushes that had returned, and whose word had reached the client.</param>
/// <param name="LostBytes">Of those, what the standby had not.</param>
/// <param name="RoundsWithLoss">In how many rounds there were any.</param>
/// <param name="Milliseconds">How long a flush took.</param>
internal sealed record FlushFigures(string Acknowledge, int Rounds, long Returned, long LostBytes, int RoundsWithLoss, Distribution Milliseconds);

/// <summary>A host dies while a program commits as a database does: a record, a flush, and only then the word that it is safe. Counted is what had that word and is not on
/// the standby.</summary>
internal static class FlushBench
{
    /// <summary>Of one commit: its number, 256 times.</summary>
    public const int RecordBytes = 4096;

    private const int CommitsMin = 300;
    private const int Batch = 5;
    private const string Journal = "/workspace/journal";

    private const string Commit =
        $$"""
        perl -e 'use IO::Handle; use Time::HiRes qw(time); $| = 1; my $n = 0; open(my $f, ">>:raw", "{{Journal}}") or die;
        while (1) { $n++; my $t = time(); syswrite($f, sprintf("%016d", $n) x 256) == 4096 or die; $f->sync or die; printf("%d %.3f\n", $n, (time() - $t) * 1e3); }'
        """;

    private const string Count =
        $$"""
        perl -e 'my ($n, $r) = (0, ""); open(my $f, "<:raw", "{{Journal}}") or die;
        $n++ while (read($f, $r, 4096) // 0) == 4096 && $r eq sprintf("%016d", $n + 1) x 256; print "kept $n\n";'
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Kills as many hosts.</summary>
    public static async Task<FlushFigures> RunAsync(FailoverPlace place, string acknowledge, int rounds, CancellationToken cancellationToken)
    {
        var (all, lost, milliseconds) = (0L, new List<long>(), new List<double>());
        var settings = new JsonObject { ["acknowledge"] = acknowledge, ["auto_recovery"] = false };
        while (lost.Count < rounds)
        {
            foreach (var id in await place.MakePairsAsync(Math.Min(Batch, rounds - lost.Count), settings, cancellationToken))
            {
                await place.AwaitAcknowledgeAsync(id, acknowledge, cancellationToken);
                var (commits, kept) = await KillAsync(place, id, cancellationToken);
                all += commits.Count;
                lost.Add(Math.Max(0, commits.Count - kept) * RecordBytes);
                milliseconds.AddRange(commits);
                await Console.Error.WriteLineAsync(string.Create(
                    CultureInfo.InvariantCulture, $"{lost.Count}/{rounds} acknowledge={acknowledge}: {commits.Count} flushes had returned, {kept} records kept"));
                await place.DropAsync(id, cancellationToken);
            }
        }

        return new FlushFigures(acknowledge, rounds, all, lost.Sum(), lost.Count(bytes => bytes > 0), new Distribution(milliseconds));
    }

    /// <summary>Times of the flushes whose word came, and how many records are on the standby.</summary>
    private static async Task<(IReadOnlyList<double> Commits, long Kept)> KillAsync(FailoverPlace place, string id, CancellationToken cancellationToken)
    {
        var commits = new List<double>();
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var committing = place.TrySshAsync(id, Commit, Note, ending.Token);
        long kept;
        try
        {
            if (await Task.WhenAny(committing, enough.Task).WaitAsync(Patience, cancellationToken) == committing)
            {
                throw new DevException($"The commits ended before the host did:\n{(await committing).Output}");
            }

            await place.KillHostAsync(id, cancellationToken);
            kept = await CountKeptAsync(place, id, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new DevException(string.Create(CultureInfo.InvariantCulture, $"Fewer than {CommitsMin} flushes returned within {Patience.TotalMinutes:0} minutes."));
        }
        finally
        {
            // The lost connection may be told late; what had come before it has come.
            await ending.CancelAsync();
            await ((Task)committing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        lock (commits)
        {
            return ([.. commits], kept);
        }

        void Note(string line)
        {
            lock (commits)
            {
                // Numbers in a row: a line that is cut, or is no commit, is none.
                if (line.Split(' ') is [var number, var took] && number == (commits.Count + 1).ToString(CultureInfo.InvariantCulture)
                    && double.TryParse(took, CultureInfo.InvariantCulture, out var milliseconds))
                {
                    commits.Add(milliseconds);
                    if (commits.Count == CommitsMin)
                    {
                        enough.TrySetResult();
                    }
                }
            }
        }
    }

    private static async Task<long> CountKeptAsync(FailoverPlace place, string id, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var (exitCode, output) = await place.TrySshAsync(id, Count, onLine: null, cancellationToken);
            if (exitCode == 0 && output.TrimEnd('\n').Split('\n')[^1].Split(' ') is ["kept", var kept])
            {
                return long.Parse(kept, CultureInfo.InvariantCulture);
            }

            if (TimeProvider.System.GetElapsedTime(started) > Patience)
            {
                throw new DevException($"The standby of instance {id} does not answer:\n{output}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancellationToken);
        }
    }
}
