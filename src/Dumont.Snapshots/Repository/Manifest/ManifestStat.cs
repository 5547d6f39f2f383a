using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>The fixed part of a manifest's row, 43 bytes little-endian in this order. Equal bytes mean that nothing about the entry changed.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">The twelve permission bits.</param>
/// <param name="UserId">Owner.</param>
/// <param name="GroupId">Group.</param>
/// <param name="SizeBytes">Of a file; else 0.</param>
/// <param name="ModifiedNs">Modification time.</param>
/// <param name="ChangedNs">Change time; 0 where it could not prove anything later, because the file was written in the same tick of the clock
/// as it was read, or while it was.</param>
/// <param name="Inode">Number of the inode.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct ManifestStat(
    EntryKind Kind, ushort Mode, uint UserId, uint GroupId, long SizeBytes, long ModifiedNs, long ChangedNs, ulong Inode)
{
    public const int Bytes = 43;

    /// <summary>The bits that a mode has here.</summary>
    public const int ModeMask = 0xFFF;

    public static ManifestStat Read(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<ManifestStat>(bytes);

    public void Write(Span<byte> destination) => MemoryMarshal.Write(destination, in Unsafe.AsRef(in this));

    /// <summary>Of an entry as the kernel describes it; null for what a snapshot does not hold: sockets and devices.</summary>
    public static ManifestStat? Of(in Libc.StatxBuffer stat)
    {
        EntryKind? kind = (stat.Mode & TreeRoot.FormatMask) switch
        {
            TreeRoot.FormatRegular => EntryKind.File,
            TreeRoot.FormatDirectory => EntryKind.Directory,
            TreeRoot.FormatLink => EntryKind.Link,
            FormatFifo => EntryKind.Fifo,
            _ => null,
        };
        return kind is { } known
            ? new ManifestStat(
                known,
                (ushort)(stat.Mode & ModeMask),
                stat.UserId,
                stat.GroupId,
                known == EntryKind.File ? (long)stat.Size : 0,
                stat.ModifiedNs,
                stat.ChangedNs,
                stat.Inode)
            : null;
    }

    private const int FormatFifo = 0x1000;
}
