using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots;

/// <content>Mode, time, owner and extended attributes.</content>
internal sealed partial class TreeWriter
{
    private readonly bool _isRoot = LibcFd.GetEffectiveUser() == 0;

    /// <summary>What of the last owner or attribute could not be set, and why; null while all could.</summary>
    public string? Trouble { get; private set; }

    /// <summary>Sets mode and modification time of an open file or directory; owner and extended attributes as well unless they are not told.</summary>
    public unsafe void SetAttributes(SafeFileHandle file, TreePath path, int mode, long modifiedNs, EntryMetadata? metadata)
    {
        if (metadata is not null)
        {
            SetMetadata((int)file.DangerousGetHandle(), path, metadata);
        }

        // After the owner, whose change takes mode bits away, and the access list, which sets some.
        Libc.Check(Libc.FChmod(file, (uint)(mode & TreeEntry.PreservedMode)), "fchmod");
        var times = stackalloc Libc.TimeSpec[2];
        FillTimes(times, modifiedNs);
        Libc.Check(Libc.FUtimens(file, times), "futimens");
    }

    private void SetAttributes(SafeFileHandle parent, TreePath path, int openFlags, int mode, long modifiedNs, EntryMetadata? metadata)
    {
        if (!TreeRoot.TryOpen(parent, path.RawName, Libc.O_RDONLY | Libc.O_NOFOLLOW | openFlags, out var file))
        {
            throw new DirectoryNotFoundException($"{path} is not what it should be.");
        }

        using (file)
        {
            SetAttributes(file, path, mode, modifiedNs, metadata);
        }
    }

    // What the file system or the user here may not hold is left out and told: the content is worth more than its label.
    private void SetMetadata(int file, TreePath path, EntryMetadata metadata)
    {
        var stat = Posix.Stat(file);
        if ((stat.UserId != metadata.UserId || stat.GroupId != metadata.GroupId) && _isRoot && LibcFd.FChown(file, metadata.UserId, metadata.GroupId) < 0)
        {
            Trouble = Unset(path, "its owner");
        }

        var present = ExtendedAttributes.List(file).Where(attribute => EntryMetadata.Travels(attribute.Name)).ToList();
        foreach (var (name, _) in present.Where(attribute => !metadata.Attributes.Any(wanted => wanted.Name.AsSpan().SequenceEqual(attribute.Name))))
        {
            Set(name, null);
        }

        foreach (var (name, value) in metadata.Attributes)
        {
            if (!present.Any(attribute => attribute.Name.AsSpan().SequenceEqual(name) && attribute.Value.AsSpan().SequenceEqual(value))
                && (_isRoot || ExtendedAttributes.IsPlain(name)))
            {
                Set(name, value);
            }
        }

        void Set(byte[] name, byte[]? value)
        {
            if (!AttributeWriter.TrySetExtended(file, name, value))
            {
                Trouble = Unset(path, $"extended attribute {RestoreWarnings.Escape(name)}");
            }
        }
    }

    // Of the call that has just failed.
    private static string Unset(TreePath path, string what) =>
        $"{RestoreWarnings.Escape(path)}: {what} cannot be set: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}";

    // Access time equal to modification time: the sink's reads are nobody's business, and the pair must be given.
    private static unsafe void FillTimes(Libc.TimeSpec* times, long modifiedNs)
    {
        var (seconds, nanoseconds) = Math.DivRem(modifiedNs, 1_000_000_000);
        if (nanoseconds < 0)
        {
            seconds--;
            nanoseconds += 1_000_000_000;
        }

        times[0] = times[1] = new Libc.TimeSpec { Seconds = seconds, Nanoseconds = nanoseconds };
    }
}
