using System.Diagnostics;
using System.Globalization;
using Dumont.Agent.Machine;

namespace Dumont.Agent.Services;

/// <summary>One process for all time: a number comes again, a number with its time of birth does not.</summary>
/// <param name="Id">Process id; it leads its session.</param>
/// <param name="Birth">Clock ticks since the machine's boot.</param>
internal sealed record ProcessStamp(int Id, long Birth);

/// <summary>Starts and ends a user's command in a session of its own, apart from the agent: it outlives an agent that is replaced, and is ended
/// with the other processes of the user when the machine loses its right to write.</summary>
/// <param name="procFolder"><c>/proc</c>.</param>
internal sealed class ServiceProcess(string procFolder)
{
    // $1 command, $2 file for the exit code, $3 log. The command is an argument, never part of this text. What setsid becomes has the number of the
    // job, because a job of a shell without job control leads no group.
    private const string Script = """
        setsid /bin/sh -c '/bin/sh -c "$1"; code=$?; echo "$code" >"$2.new" && mv -f "$2.new" "$2"' dumont-service "$1" "$2" >>"$3" 2>&1 </dev/null &
        echo $!
        """;

    private const long LogBytesMax = 16 << 20;

    /// <summary>Starts <paramref name="command"/>; null when the machine cannot.</summary>
    /// <param name="command">For <c>/bin/sh -c</c>, or what a supervised session begins with.</param>
    /// <param name="folder">Working directory.</param>
    /// <param name="exitFile">Gets the exit code; what is there is removed first.</param>
    /// <param name="logFile">Gets the output; begun anew when it is large, with the old one beside it as <c>.1</c>.</param>
    /// <param name="variables">Added to the environment.</param>
    /// <param name="cancellationToken">Gives up waiting for the shell that starts it.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public async Task<ProcessStamp?> StartAsync(
        string command,
        string folder,
        string exitFile,
        string logFile,
        IReadOnlyDictionary<string, string> variables,
        CancellationToken cancellationToken)
    {
        File.Delete(exitFile);
        if (new FileInfo(logFile) is { Exists: true, Length: > LogBytesMax })
        {
            File.Move(logFile, logFile + ".1", overwrite: true);
        }

        var start = new ProcessStartInfo("/bin/sh", ["-c", Script, "dumont-service", command, exitFile, logFile])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        };

        // The agent's own mark, which would have the user's processes spared when the machine loses its right to write.
        start.Environment.Remove(ProcessTable.ManagedMark.Split('=')[0]);
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        using var shell = Process.Start(start) ?? throw new IOException("/bin/sh did not start");
        var said = await shell.StandardOutput.ReadLineAsync(cancellationToken);
        await shell.WaitForExitAsync(cancellationToken);
        return int.TryParse(said, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Find(id) is { } birth ? new ProcessStamp(id, birth) : null;
    }

    /// <summary>Whether that very process lives.</summary>
    public bool IsAlive(ProcessStamp process) => Find(process.Id) == process.Birth;

    /// <summary>Signals the process and everything in its session's first group.</summary>
    public static void Signal(ProcessStamp process, int signal) => _ = Native.Kill(-process.Id, signal);

    /// <summary>The exit code that was left; null when none was.</summary>
    public static int? ExitCodeOf(string exitFile)
    {
        try
        {
            return int.TryParse(File.ReadAllText(exitFile).TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? code : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    // Time of birth: the 22nd field, the 20th behind the name. A zombie has ended.
    private long? Find(int id)
    {
        try
        {
            var stat = File.ReadAllText(Path.Combine(procFolder, id.ToString(CultureInfo.InvariantCulture), "stat"));
            var rest = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return rest.Length > 19 && rest[0] is not ("Z" or "X") && long.TryParse(rest[19], NumberStyles.None, CultureInfo.InvariantCulture, out var birth) ? birth : null;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
