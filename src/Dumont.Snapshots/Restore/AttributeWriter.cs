using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>Gives restored entries their owner, mode, extended attributes and time, as far as the user may and the options allow. Thread
/// safe.</summary>
internal sealed class AttributeWriter
{
    /// <summary>Mode of a file while it is incomplete, and of a directory while it is being filled.</summary>
    public const uint PrivateFile = 0b110_000_000;

    /// <inheritdoc cref="PrivateFile"/>
    public const uint PrivateDirectory = 0b111_000_000;

    private const int AllPermissions = 0xFFF;
    private const int PlainPermissions = 0b001_111_111_111;

    private readonly bool _preservePrivileged;
    private readonly bool _isRoot = LibcFd.GetEffectiveUser() == 0;
    private int _creationMask;
    private uint _createdUser = uint.MaxValue;
    private uint _createdGroup = uint.MaxValue;

    public AttributeWriter(bool preservePrivileged, RestoreWarnings warnings)
    {
        _preservePrivileged = preservePrivileged;
        Warnings = warnings;
    }

    public RestoreWarnings Warnings { get; }

    /// <summary>Whether the user may do what only root may.</summary>
    public bool IsRoot => _isRoot;

    /// <summary>Learns what a new file in <paramref name="directory"/> gets by itself (umask, default ACL, group of the directory), so that
    /// the many files that want just that cost no further calls.</summary>
    public void Probe(int directory)
    {
        var name = ".probe\0"u8;
        Posix.Unlink(directory, name);
        var file = Posix.Open(directory, name, Libc.O_WRONLY | Libc.O_CREAT | Libc.O_EXCL, 0b111_111_111);
        if (file < 0)
        {
            throw Posix.LastError("create a file in the staging directory");
        }

        var stat = Posix.Stat(file);
        Posix.Close(file);
        Posix.Unlink(directory, name);
        _creationMask = stat.Permissions & 0b111_111_111;
        _createdUser = stat.UserId;
        _createdGroup = stat.GroupId;
    }

    /// <summary>Permission bits that the entry gets.</summary>
    public int ModeOf(ManifestEntry entry) => entry.Mode & (_preservePrivileged ? AllPermissions : PlainPermissions);

    /// <summary>Mode to create a small file with, its final one where that saves setting it later.</summary>
    public uint CreationModeOf(ManifestEntry entry) =>
        entry.Attributes.Count == 0 && (ModeOf(entry) & ~0b111_111_111) == 0 ? (uint)ModeOf(entry) : PrivateFile;

    /// <summary>Whether what is there has another mode, or another owner that could be set.</summary>
    public bool Differ(ManifestEntry entry, in Libc.StatxBuffer stat) =>
        (entry.Kind != EntryKind.Link && stat.Permissions != ModeOf(entry)) ||
        (_isRoot && (stat.UserId != entry.UserId || stat.GroupId != entry.GroupId));

    /// <summary>Whether an open file lacks an extended attribute that could be set.</summary>
    public bool ExtendedDiffer(ManifestEntry entry, int file) =>
        entry.Attributes.Any(attribute => IsAllowed(attribute.Name) && !attribute.Value.AsSpan().SequenceEqual(GetExtended(file, attribute.Name)));

    /// <summary>Extended attributes that the restore sets.</summary>
    public IEnumerable<ExtendedAttribute> AllowedOf(ManifestEntry entry) => entry.Attributes.Where(attribute => IsAllowed(attribute.Name));

    /// <summary>Finishes an open file or directory. The time comes last: a file that has it is complete.</summary>
    /// <param name="file">Open.</param>
    /// <param name="entry">What it is to be.</param>
    /// <param name="createdMode">Mode asked for when it was created.</param>
    /// <exception cref="PosixException">Mode or time cannot be set.</exception>
    public void Finish(int file, ManifestEntry entry, uint createdMode)
    {
        SetOwner(file, entry);
        if (entry.Attributes.Count > 0)
        {
            SetExtended(file, entry);
        }

        var mode = ModeOf(entry);
        if (mode != ((int)createdMode & _creationMask) && LibcFd.FChmod(file, (uint)mode) < 0)
        {
            throw Posix.LastError($"set the mode of {RestoreWarnings.Escape(entry.Path)}");
        }

        if (mode != entry.Mode)
        {
            Warnings.Add(entry.Path, "set-user-id or set-group-id was left out");
        }

        if (Posix.SetTimes(file, [], entry.ModifiedNs) < 0)
        {
            throw Posix.LastError($"set the time of {RestoreWarnings.Escape(entry.Path)}");
        }
    }

    /// <summary>Finishes a link or FIFO, which cannot be opened.</summary>
    public unsafe void FinishName(int directory, ReadOnlySpan<byte> name, ManifestEntry entry)
    {
        if (entry.UserId != _createdUser || entry.GroupId != _createdGroup)
        {
            fixed (byte* pointer = name)
            {
                if (!_isRoot || LibcFd.FChownAt(directory, pointer, entry.UserId, entry.GroupId, Libc.AT_SYMLINK_NOFOLLOW) < 0)
                {
                    Warnings.OwnerSkipped();
                }
            }
        }

        if (entry.Attributes.Count > 0)
        {
            Warnings.Add(entry.Path, "extended attributes of a link or FIFO were left out");
        }

        if (Posix.SetTimes(directory, name, entry.ModifiedNs) < 0)
        {
            throw Posix.LastError($"set the time of {RestoreWarnings.Escape(entry.Path)}");
        }
    }

    /// <summary>Value of an extended attribute; null when there is none or it cannot be read.</summary>
    public static unsafe byte[]? GetExtended(int file, byte[] name)
    {
        Span<byte> zeroEnded = stackalloc byte[Posix.NameBytes];
        name.CopyTo(zeroEnded);
        zeroEnded[name.Length] = 0;
        var value = new byte[64 << 10];
        fixed (byte* namePointer = zeroEnded, valuePointer = value)
        {
            var length = LibcFd.FGetXattr(file, namePointer, valuePointer, (nuint)value.Length);
            return length < 0 ? null : value[..(int)length];
        }
    }

    /// <summary>Sets or, with null, removes an extended attribute; false and the kernel's error when that cannot be.</summary>
    public static unsafe bool TrySetExtended(int file, byte[] name, byte[]? value)
    {
        Span<byte> zeroEnded = stackalloc byte[Posix.NameBytes];
        name.CopyTo(zeroEnded);
        zeroEnded[name.Length] = 0;
        fixed (byte* namePointer = zeroEnded, valuePointer = value)
        {
            return value is null
                ? LibcFd.FRemoveXattr(file, namePointer) == 0 || Marshal.GetLastPInvokeError() == Libc.ENODATA
                : LibcFd.FSetXattr(file, namePointer, valuePointer, (nuint)value.Length, 0) == 0;
        }
    }

    private void SetOwner(int file, ManifestEntry entry)
    {
        if (entry.UserId == _createdUser && entry.GroupId == _createdGroup)
        {
            return;
        }

        if (!_isRoot || LibcFd.FChown(file, entry.UserId, entry.GroupId) < 0)
        {
            Warnings.OwnerSkipped();
        }
    }

    private void SetExtended(int file, ManifestEntry entry)
    {
        foreach (var (name, value) in entry.Attributes)
        {
            if (!IsAllowed(name))
            {
                Warnings.Add(entry.Path, $"extended attribute {RestoreWarnings.Escape(name)} was left out: it can give privileges");
            }
            else if (!TrySetExtended(file, name, value))
            {
                Warnings.Add(entry.Path, $"extended attribute {RestoreWarnings.Escape(name)} could not be set: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
            }
        }
    }

    // security.capability gives a program the powers that set-user-id gives; trusted.* steers overlay file systems.
    private bool IsAllowed(byte[] name) =>
        _preservePrivileged || ExtendedAttributes.IsPlain(name);
}
