using System.Diagnostics;
using System.Globalization;
using Dumont.Cli.Session;

namespace Dumont.Cli.Drills;

/// <summary>What a drill writes into the workspace, in a folder of its own, to see afterwards how much of it was saved: some files, and a line every 20 ms with the
/// time at which it was written.</summary>
internal sealed class DrillWorkspace(SshShell shell, TimeProvider time) : IDisposable
{
    private const string Folder = "/workspace/.dumont-drill";

    // Ends with its connection: sshd is its parent.
    private const string StampScript =
        $$"""
        mkdir -p {{Folder}} && cd {{Folder}} && : > stamps && exec 3<> <(:)
        echo "$EPOCHREALTIME"
        while kill -0 "$PPID" 2>/dev/null; do echo "$EPOCHREALTIME" >> stamps; read -r -t 0.02 -u 3; done
        """;

    private const string LookScript =
        $"cat /proc/sys/kernel/hostname && tail -n 2 {Folder}/stamps && cd {Folder} && sha256sum -- file-* 2>/dev/null; true";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, string> _sums = [];
    private Process? _stamps;

    /// <summary>How far the machine's clock is before ours.</summary>
    public TimeSpan ClockAhead { get; private set; }

    /// <summary>Begins to write the time.</summary>
    /// <exception cref="CliException">It did not begin.</exception>
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        _stamps = shell.Start(StampScript);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        string? line;
        try
        {
            line = await _stamps.StandardOutput.ReadLineAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            line = null;
        }

        ClockAhead = (ReadStamp(line) ?? throw new CliException(
            ExitCode.Failure,
            new("the drill could not write into the workspace", "o exercício não conseguiu escrever no workspace"),
            new("look at it with: dumont ssh", "veja com: dumont ssh"))) - time.GetUtcNow();
    }

    /// <summary>Writes one more file.</summary>
    public async Task WriteAsync(int bytes, CancellationToken cancellationToken)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"file-{_sums.Count + 1}");
        var script = string.Create(
            CultureInfo.InvariantCulture, $"mkdir -p {Folder} && cd {Folder} && head -c {bytes} /dev/urandom > {name} && sha256sum < {name}");
        _sums[name] = (await shell.GetAsync(script, Patience, cancellationToken)).Split(' ')[0];
    }

    /// <summary>What is there behind the address now; null when nobody answers.</summary>
    public async Task<DrillSight?> LookAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        var reply = await shell.RunAsync(LookScript, limit, cancellationToken);
        var lines = reply.Output.Split('\n');
        if (!reply.IsGood || lines[0].Length == 0)
        {
            return null;
        }

        // The last line may have been cut while it was written.
        var stamps = lines.Skip(1).Select(ReadStamp).OfType<DateTimeOffset>().ToList();
        var intact = lines.Count(line => line.Split("  ") is [var sum, var name] && _sums.GetValueOrDefault(name) == sum);
        return new DrillSight(lines[0], stamps.Count == 0 ? null : stamps.Max() - ClockAhead, intact);
    }

    /// <summary>Removes what the drill has written.</summary>
    public Task ClearAsync(CancellationToken cancellationToken) => shell.RunAsync($"rm -rf {Folder}", Patience, cancellationToken);

    /// <summary>Ends the writing.</summary>
    public void Dispose()
    {
        if (_stamps is { HasExited: false })
        {
            _stamps.Kill();
        }

        _stamps?.Dispose();
    }

    private static DateTimeOffset? ReadStamp(string? line) =>
        line?.Split('.', ',') is [{ Length: 10 } seconds, { Length: 6 } micros]
        && long.TryParse(seconds + micros, NumberStyles.None, CultureInfo.InvariantCulture, out var stamp)
            ? DateTimeOffset.UnixEpoch.AddMicroseconds(stamp)
            : null;
}

/// <summary>What a login found.</summary>
/// <param name="HostName">The machine's own name.</param>
/// <param name="LastStamp">The newest time that was written, by our clock; null when there is none.</param>
/// <param name="IntactFiles">How many of the files are there as they were written.</param>
internal sealed record DrillSight(string HostName, DateTimeOffset? LastStamp, int IntactFiles);
