using Dumont.Snapshots;

namespace Dumont.Agent.Workspace;

/// <summary>Adds up the sizes of the files in the workspace, again and again, and takes no more than a twentieth of the time for it.</summary>
/// <param name="workspace">Path of the workspace; null while there is none yet.</param>
/// <param name="options">Pauses.</param>
/// <param name="time">Clock.</param>
internal sealed class WorkspaceMeter(Func<string?> workspace, AgentOptions options, TimeProvider time)
{
    private const int RestFactor = 20;
    private const long Unknown = -1;

    private long _bytes = Unknown;

    /// <summary>As it was last; null before that was done once.</summary>
    public long? Bytes => Interlocked.Read(ref _bytes) is >= 0 and var bytes ? bytes : null;

    /// <summary>Measures until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var started = time.GetTimestamp();
            Interlocked.Exchange(ref _bytes, (workspace() is { } path ? Measure(path, cancellationToken) : null) ?? Unknown);
            var rest = time.GetElapsedTime(started) * RestFactor;
            await Task.Delay(rest > options.WorkspacePeriod ? rest : options.WorkspacePeriod, time, cancellationToken);
        }
    }

    private static long? Measure(string path, CancellationToken cancellationToken)
    {
        try
        {
            using var root = TreeRoot.Open(path);
            var sum = 0L;
            foreach (var entry in root.Walk())
            {
                cancellationToken.ThrowIfCancellationRequested();
                sum += entry.Kind == TreeEntryKind.File ? entry.Stamp.SizeBytes : 0;
            }

            return sum;
        }
        catch (Exception missing) when (missing is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
