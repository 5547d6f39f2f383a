using System.Collections.Concurrent;

namespace Dumont.LocalCloud.Machines;

/// <summary>Data disks: folders of files that belong to no machine and can be shown in one.</summary>
/// <remarks>
/// A disk lies in <c>disks/KEY</c>, and while a machine has it in <c>machines/MACHINE/disks/DEVICE</c>, a folder that the machine sees as
/// <c>/mnt/disks</c>. Moving it is one rename, so it comes and goes while the machine runs and nothing is copied.
/// </remarks>
internal sealed class DataDisks
{
    private readonly string _folder;
    private readonly string _trash;
    private readonly string _machinesFolder;
    private readonly Isolation _isolation;
    private readonly ConcurrentQueue<string> _deleted = new();

    public DataDisks(string dataFolder, string machinesFolder, Isolation isolation)
    {
        (_folder, _trash) = (Path.Combine(dataFolder, "disks"), Path.Combine(dataFolder, "disks-deleted"));
        (_machinesFolder, _isolation) = (machinesFolder, isolation);
        Directory.CreateDirectory(_folder);
        Directory.CreateDirectory(_trash);
        foreach (var left in Directory.EnumerateFileSystemEntries(_trash))
        {
            _deleted.Enqueue(left);
        }
    }

    /// <summary>Lets a machine have data disks from its next boot on.</summary>
    public void Prepare(string machine) => Directory.CreateDirectory(Path.Combine(_machinesFolder, machine, "disks"));

    /// <summary>Shows a disk in a machine. A disk that was never shown is empty.</summary>
    public void Attach(string disk, string machine, string device)
    {
        Prepare(machine);
        var home = Path.Combine(_folder, disk);
        Directory.CreateDirectory(home);
        var shown = PathIn(machine, device);
        for (var number = 1; Path.Exists(shown); number++)
        {
            // The machine itself put something there; it keeps it under another name.
            var aside = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{shown}.{number}");
            if (!Path.Exists(aside))
            {
                Move(shown, aside);
            }
        }

        Move(home, shown);
    }

    /// <summary>Takes a disk out of a machine with all that is on it.</summary>
    public void Detach(string disk, string machine, string device)
    {
        var shown = PathIn(machine, device);
        // The machine's root may have renamed what it saw; then its files stay with the machine and the disk is empty.
        if (Path.Exists(shown))
        {
            Move(shown, Path.Combine(_folder, disk));
        }
    }

    /// <summary>Deletes a disk that no machine has.</summary>
    public void Delete(string disk)
    {
        var home = Path.Combine(_folder, disk);
        if (Path.Exists(home))
        {
            var deleted = Path.Combine(_trash, disk);
            Move(home, deleted);
            _deleted.Enqueue(deleted);
        }
    }

    /// <summary>Gives back the space of deleted disks.</summary>
    public async Task EmptyTrashAsync(CancellationToken cancellationToken)
    {
        while (_deleted.TryDequeue(out var path))
        {
            await ShellCommand.RunAsync([.. _isolation.OwnerCommand, "rm", "-rf", "--one-file-system", path], cancellationToken);
        }
    }

    private string PathIn(string machine, string device) => Path.Combine(_machinesFolder, machine, "disks", device);

    private void Move(string from, string to)
    {
        try
        {
            Directory.Move(from, to);
        }
        catch (Exception e) when (!_isolation.IsRoot && e is IOException or UnauthorizedAccessException)
        {
            // A folder that a machine's account owns is moved with that machine's ids.
            using var process = ShellCommand.Start([.. _isolation.OwnerCommand, "mv", "-T", from, to], redirect: true);
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new MachineException($"cannot move the disk {from}", e);
            }
        }
    }
}

/// <summary>Deletes the files of deleted disks while the cloud goes on.</summary>
internal sealed class DiskCleaner(DataDisks disks, TimeProvider time, ILogger<DiskCleaner> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // What is left when the program ends, the next one deletes.
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Rounds.RunAsync(Interval, disks.EmptyTrashAsync, time, logger, stoppingToken);
}
