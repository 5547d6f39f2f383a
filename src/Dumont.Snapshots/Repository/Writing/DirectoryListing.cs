using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>The names in one directory, sorted by their bytes. Used again and again by one thread.</summary>
internal sealed unsafe class DirectoryListing : IComparer<DirectoryListing.Place>
{
    private const int BufferBytes = 64 << 10;
    private const int TypeOffset = 18;
    private const int LengthOffset = 16;

    private readonly byte[] _records = new byte[BufferBytes];
    private byte[] _names = new byte[BufferBytes];
    private Place[] _places = new Place[256];
    private int _used;

    public int Count { get; private set; }

    public ReadOnlySpan<byte> NameAt(int index) => _names.AsSpan(_places[index].Start, _places[index].Length);

    public Place PlaceOf(int index) => _places[index];

    /// <summary>The bytes that the places point into.</summary>
    public byte[] CopyNames() => _names.AsSpan(0, _used).ToArray();

    /// <summary>Reads the names in an open directory, without the two dots.</summary>
    public void Read(int descriptor)
    {
        Count = 0;
        _used = 0;
        fixed (byte* start = _records)
        {
            while (true)
            {
                var filled = LibcFd.GetDents64(descriptor, start, BufferBytes);

                // A directory that was removed after it was opened has no entries and says so with an error.
                if (filled == 0 || (filled < 0 && Marshal.GetLastPInvokeError() == Libc.ENOENT))
                {
                    break;
                }

                Libc.Check(filled, "list a directory");
                for (var record = start; record < start + filled; record += *(ushort*)(record + LengthOffset))
                {
                    Add(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(record + TypeOffset + 1));
                }
            }
        }

        Sort();
    }

    /// <summary>Puts what was added in order. A name that is taken anew while a directory is listed may come twice: some file systems list it behind the
    /// old one, too. A manifest with such a name could not be read.</summary>
    public void Sort()
    {
        Array.Sort(_places, 0, Count, this);
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (kept == 0 || !NameAt(i).SequenceEqual(NameAt(kept - 1)))
            {
                _places[kept++] = _places[i];
            }
        }

        Count = kept;
    }

    /// <summary>Attributes of an entry; a link is not followed.</summary>
    public static bool TryStat(int descriptor, ReadOnlySpan<byte> name, out Libc.StatxBuffer stat, out int error)
    {
        // Names lie in the listing with a zero behind them.
        Unsafe.SkipInit(out stat);
        fixed (byte* pointer = name)
        fixed (Libc.StatxBuffer* buffer = &stat)
        {
            error = LibcFd.Statx(descriptor, pointer, Libc.AT_SYMLINK_NOFOLLOW, Libc.STATX_BASIC_STATS, buffer) == 0 ? 0 : Marshal.GetLastPInvokeError();
            return error == 0;
        }
    }

    int IComparer<Place>.Compare(Place a, Place b) => _names.AsSpan(a.Start, a.Length).SequenceCompareTo(_names.AsSpan(b.Start, b.Length));

    /// <summary>Takes a name in.</summary>
    public void Add(ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8) || name.Length > TreePath.MaximumNameBytes)
        {
            return;
        }

        if (_used + name.Length + 1 > _names.Length)
        {
            Array.Resize(ref _names, _names.Length * 2);
        }

        if (Count == _places.Length)
        {
            Array.Resize(ref _places, _places.Length * 2);
        }

        name.CopyTo(_names.AsSpan(_used));
        _names[_used + name.Length] = 0;
        _places[Count++] = new Place(_used, name.Length);
        _used += name.Length + 1;
    }

    internal readonly record struct Place(int Start, int Length);
}
