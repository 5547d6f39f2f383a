using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>Memory of a codec's own that grows and is used again, outside the collected heap and aligned to a cache line.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int AlignmentBytes = 64;

    private byte* _start;
    private int _length;

    /// <summary>At least so many bytes, with undefined content; what was asked for before is no longer valid.</summary>
    public byte* Reserve(int bytes)
    {
        if (bytes > _length)
        {
            Dispose();
            var rounded = (int)Math.Min(((long)bytes + 0xFFFF) & ~0xFFFFL, Array.MaxLength);
            _start = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(rounded, bytes), AlignmentBytes);
            _length = rounded;
        }

        return _start;
    }

    public Span<byte> Take(int bytes) => new(Reserve(bytes), bytes);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_start);
        _start = null;
        _length = 0;
    }
}
