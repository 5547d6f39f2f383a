using System.Runtime.InteropServices;

namespace Dumont.Snapshots.Tests;

/// <summary>Memory between two pages that cannot be touched: a read or write outside ends the process.</summary>
internal sealed unsafe partial class GuardedBuffer : IDisposable
{
    private const int PageBytes = 4096;
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    private readonly nint _start;
    private readonly int _mapped;
    private readonly int _usable;

    public GuardedBuffer(int bytes)
    {
        _usable = (bytes + PageBytes - 1) / PageBytes * PageBytes;
        _mapped = _usable + 2 * PageBytes;
        _start = Map(0, _mapped, 0, PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, _start);
        Assert.Equal(0, Protect(_start + PageBytes, _usable, ReadWrite));
    }

    /// <summary>Ends where the upper page begins.</summary>
    public Span<byte> AtEnd(int bytes) => new((byte*)_start + PageBytes + _usable - bytes, bytes);

    /// <summary>Begins where the lower page ends.</summary>
    public Span<byte> AtStart(int bytes) => new((byte*)_start + PageBytes, bytes);

    public void Dispose() => Assert.Equal(0, Unmap(_start, _mapped));

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nint length);
}
