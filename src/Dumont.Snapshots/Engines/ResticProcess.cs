using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots.Engines;

/// <summary>Where a repository of restic is and what opens it. Neither ever stands in an argument: both go through the child's environment.</summary>
/// <param name="Location">As <c>RESTIC_REPOSITORY</c> takes it: a directory, <c>s3:…</c>, <c>rest:…</c>.</param>
/// <param name="Password">Opens the repository.</param>
/// <param name="Environment">Credentials of the store, and settings: <c>AWS_ACCESS_KEY_ID</c> and the like.</param>
/// <param name="CacheDirectory">Where restic keeps its copies of indexes.</param>
public sealed record ResticRepository(string Location, string Password, IReadOnlyDictionary<string, string> Environment, string CacheDirectory)
{
    /// <inheritdoc />
    public override string ToString() => "restic repository";
}

/// <summary>Runs the restic program once.</summary>
internal sealed partial class ResticProcess(string program, ResticRepository repository)
{
    private const int ErrorTextMax = 4000;
    private const int ErrorLinesMax = 50;
    private const int InterruptSignal = 2;
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);

    /// <summary>Runs it to its end. Lines of standard output go to <paramref name="line"/>, those of standard error to <paramref name="errorLine"/>.</summary>
    /// <returns>Its exit code and the end of what it said on standard error.</returns>
    /// <exception cref="SnapshotEngineException">There is no such program.</exception>
    public async Task<(int ExitCode, string Errors)> RunAsync(
        IReadOnlyList<string> arguments, Action<string> line, Action<string>? errorLine, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["RESTIC_REPOSITORY"] = repository.Location;
        start.Environment["RESTIC_PASSWORD"] = repository.Password;
        start.Environment["RESTIC_CACHE_DIR"] = repository.CacheDirectory;
        start.Environment["RESTIC_PROGRESS_FPS"] = "2";
        foreach (var (name, value) in repository.Environment)
        {
            start.Environment[name] = value;
        }

        using var restic = Start(start);
        restic.StandardInput.Close();
        var errors = new List<string>();
        var reading = Task.WhenAll(
            ReadAsync(restic.StandardOutput, line),
            ReadAsync(restic.StandardError, text =>
            {
                errorLine?.Invoke(text);
                errors.Add(text);
                if (errors.Count > ErrorLinesMax)
                {
                    errors.RemoveAt(0);
                }
            }));
        try
        {
            await restic.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await StopAsync(restic);
            throw;
        }
        finally
        {
            await reading;
        }

        var told = string.Join('\n', errors);
        return (restic.ExitCode, told.Length <= ErrorTextMax ? told : told[^ErrorTextMax..]);
    }

    private Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new SnapshotEngineException(SnapshotFailure.NotInstalled, $"{program} did not start.");
        }
        catch (Win32Exception missing)
        {
            throw new SnapshotEngineException(
                SnapshotFailure.NotInstalled, $"The program {program} is not installed here. Install it (apt-get install restic), or use the engine dumont.", missing);
        }
    }

    // Asked first: one that ends by itself takes its lock out of the repository.
    private static async Task StopAsync(Process restic)
    {
        _ = Kill(restic.Id, InterruptSignal);
        using var grace = new CancellationTokenSource(StopGrace);
        try
        {
            await restic.WaitForExitAsync(grace.Token);
        }
        catch (OperationCanceledException)
        {
            restic.Kill(entireProcessTree: true);
            await restic.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static async Task ReadAsync(StreamReader reader, Action<string> take)
    {
        while (await reader.ReadLineAsync(CancellationToken.None) is { } line)
        {
            take(line);
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
