using System.Buffers;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>Memory outside the collector, aligned to pages: what chunks and packs pass through. Never moved, so the kernel can use it directly.
/// Whoever makes one disposes of it, also when something fails: there is no finalizer, which could free it under a reader.</summary>
internal sealed unsafe class PageBuffer : MemoryManager<byte>
{
    private const nuint PageBytes = 4096;

    // Of larger buffers the kernel is asked to make large pages: it zeroes each page at its first use and looks each up at every direct write.
    private const nuint LargePageBytes = 2 << 20;
    private const nuint LargeBufferBytes = 2 * LargePageBytes;

    private readonly int _length;
    private byte* _start;

    public PageBuffer(int length)
    {
        _length = length;
        var isLarge = (nuint)length >= LargeBufferBytes;
        _start = (byte*)NativeMemory.AlignedAlloc((nuint)length, isLarge ? LargePageBytes : PageBytes);
        if (isLarge)
        {
            // Advice: a kernel that has none goes on with small ones.
            _ = Libc.MAdvise(_start, (nuint)length, Libc.MADV_HUGEPAGE);
        }
    }

    public int Length => _length;

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        return new Span<byte>(_start, _length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length);
        return new MemoryHandle(_start + elementIndex);
    }

    // Nothing to do: the memory never moves.
    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        if (_start != null)
        {
            NativeMemory.AlignedFree(_start);
            _start = null;
        }
    }
}
