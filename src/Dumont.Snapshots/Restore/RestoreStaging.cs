using System.Globalization;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>The private directory, on the target's file system, in which a restore puts everything together and keeps aside what it replaces:
/// <c>new/</c>, <c>old/</c> and the journal. One restore at a time has it.</summary>
internal sealed class RestoreStaging : IDisposable
{
    private const string NewName = "new";
    private const string OldName = "old";
    private const string TrashName = "trash";

    private readonly int _parent;
    private readonly byte[] _name;
    private readonly int _self;
    private int _trashNumber;

    private RestoreStaging(int parent, string name, int self, string location)
    {
        _parent = parent;
        _name = Posix.Terminated(name);
        _self = self;
        Location = location;
    }

    /// <summary>Path for people and for the journal.</summary>
    public string Location { get; }

    /// <summary>Where new entries are made.</summary>
    public int New { get; private set; } = -1;

    /// <summary>Where removed entries are kept.</summary>
    public int Old { get; private set; } = -1;

    /// <summary>Makes or takes over the staging directory <paramref name="name"/> in <paramref name="parent"/>.</summary>
    /// <exception cref="RestoreException">Another restore has it, or another user made it.</exception>
    public static RestoreStaging Open(int parent, string name, string location)
    {
        var zeroEnded = Posix.Terminated(name);
        if (Posix.MakeDirectory(parent, zeroEnded, AttributeWriter.PrivateDirectory) < 0 && Marshal.GetLastPInvokeError() is var error and not Libc.EEXIST)
        {
            throw new RestoreException($"{location} cannot be made: {Marshal.GetPInvokeErrorMessage(error)}", new PosixException("mkdir", error));
        }

        var self = Posix.Open(parent, zeroEnded, Libc.O_RDONLY | Libc.O_DIRECTORY);
        if (self < 0)
        {
            throw new RestoreException($"{location} is in the way: remove it", Posix.LastError("open"));
        }

        try
        {
            if (Posix.Stat(self) is var stat && (stat.UserId != LibcFd.GetEffectiveUser() || (stat.Permissions & 0b010_010) != 0))
            {
                throw new RestoreException($"{location} was not made by a restore of this user: remove it");
            }

            if (LibcFd.FLock(self, LibcFd.LOCK_EX | LibcFd.LOCK_NB) < 0)
            {
                throw new RestoreException($"another restore is at work in {location}");
            }

            return new RestoreStaging(parent, name, self, location);
        }
        catch
        {
            Posix.Close(self);
            throw;
        }
    }

    /// <summary>Reads the journal of an earlier run; null when there is none that is whole.</summary>
    public RestoreJournal? ReadJournal() => RestoreJournal.TryRead(_self);

    /// <summary>Makes the journal durable; the old one is there until the new one is.</summary>
    public void WriteJournal(RestoreJournal journal) => journal.Write(_self);

    /// <summary>Opens <c>new/</c> and <c>old/</c>, making them where they are missing.</summary>
    public void Prepare()
    {
        New = MakeAndOpen(NewName);
        Old = MakeAndOpen(OldName);
    }

    /// <summary>Makes everything written so far durable.</summary>
    public void Sync() => Libc.Check(LibcFd.SyncFs(_self), $"make {Location} durable");

    /// <summary>Deletes all that is in it, however deep, and never what is mounted there.</summary>
    public void Clear()
    {
        Close();
        var device = Posix.Stat(_self).Device;
        var directories = new Queue<byte[]>();
        EmptyInto(_self, device, directories, isSelf: true);
        while (directories.TryDequeue(out var name))
        {
            var directory = Posix.Open(_self, name, Libc.O_RDONLY | Libc.O_DIRECTORY);
            if (directory < 0)
            {
                throw Posix.LastError($"empty {Location}");
            }

            try
            {
                EmptyInto(directory, device, directories, isSelf: false);
            }
            finally
            {
                Posix.Close(directory);
            }

            Posix.Unlink(_self, name, Libc.AT_REMOVEDIR);
        }
    }

    /// <summary>Deletes it with all that is in it.</summary>
    public void Delete()
    {
        Clear();
        Posix.Unlink(_parent, _name, Libc.AT_REMOVEDIR);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Close();
        Posix.Close(_self);
    }

    private void Close()
    {
        Posix.Close(New);
        Posix.Close(Old);
        (New, Old) = (-1, -1);
    }

    // Deletes the files of a directory; its directories become ones of the staging directory itself, so that depth costs nothing.
    private void EmptyInto(int directory, ulong device, Queue<byte[]> directories, bool isSelf)
    {
        var own = Posix.Open(directory, ".\0"u8, Libc.O_RDONLY | Libc.O_DIRECTORY);
        if (own < 0)
        {
            throw Posix.LastError($"empty {Location}");
        }

        try
        {
            foreach (var name in Posix.ReadNames(own))
            {
                if (!Posix.TryStat(directory, name, out var stat))
                {
                    continue;
                }

                if (stat.Format != TreeRoot.FormatDirectory)
                {
                    Posix.Unlink(directory, name);
                    continue;
                }

                if (stat.Device != device)
                {
                    throw new RestoreException($"{Location}: another file system is mounted in it; unmount it first");
                }

                MakeWritable(directory, name, stat.Permissions);
                var moved = isSelf ? name : Move(directory, name);
                directories.Enqueue(moved);
            }
        }
        finally
        {
            Posix.Close(own);
        }
    }

    private byte[] Move(int directory, byte[] name)
    {
        while (true)
        {
            var moved = Posix.Terminated(string.Create(CultureInfo.InvariantCulture, $"{TrashName}{_trashNumber++}"));
            if (Posix.Rename(directory, name, _self, moved, Libc.RENAME_NOREPLACE) == 0)
            {
                return moved;
            }

            if (Marshal.GetLastPInvokeError() is var error and not Libc.EEXIST)
            {
                throw new PosixException($"empty {Location}", error);
            }
        }
    }

    private static void MakeWritable(int parent, byte[] name, int permissions)
    {
        const int Needed = 0b111_000_000;
        if ((permissions & Needed) == Needed)
        {
            return;
        }

        var directory = Posix.Open(parent, name, Libc.O_RDONLY | Libc.O_DIRECTORY);
        if (directory >= 0)
        {
            _ = LibcFd.FChmod(directory, AttributeWriter.PrivateDirectory);
            Posix.Close(directory);
        }
    }

    private int MakeAndOpen(string name)
    {
        var zeroEnded = Posix.Terminated(name);
        if (Posix.MakeDirectory(_self, zeroEnded, AttributeWriter.PrivateDirectory) < 0 && Marshal.GetLastPInvokeError() is var error and not Libc.EEXIST)
        {
            throw new PosixException($"create {Location}/{name}", error);
        }

        var opened = Posix.Open(_self, zeroEnded, Libc.O_RDONLY | Libc.O_DIRECTORY);
        return opened >= 0 ? opened : throw Posix.LastError($"open {Location}/{name}");
    }
}
