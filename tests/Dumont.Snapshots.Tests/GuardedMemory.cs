using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots.Tests;

/// <summary>Memory between two pages that nobody may touch: a read or write one byte outside ends the process, and with it the tests.</summary>
internal sealed unsafe partial class GuardedMemory : IDisposable
{
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    private readonly byte* _pages;
    private readonly int _mappedBytes;
    private readonly int _capacity;

    public GuardedMemory(int capacity)
    {
        var page = Environment.SystemPageSize;
        _capacity = (capacity + page - 1) / page * page;
        _mappedBytes = _capacity + (2 * page);
        _pages = (byte*)Map(null, (nuint)_mappedBytes, 0, PrivateAnonymous, -1, 0);
        if ((nint)_pages == -1 || Protect(_pages + page, (nuint)_capacity, ReadWrite) != 0)
        {
            throw new Win32Exception();
        }
    }

    /// <summary>Ends where the pages end.</summary>
    public Span<byte> AtEnd(int length) => new(_pages + Environment.SystemPageSize + _capacity - length, length);

    /// <summary>Begins where the pages begin.</summary>
    public Span<byte> AtStart(int length) => new(_pages + Environment.SystemPageSize, length);

    /// <summary>The same bytes at the end.</summary>
    public ReadOnlySpan<byte> AtEnd(ReadOnlySpan<byte> content)
    {
        var place = AtEnd(content.Length);
        content.CopyTo(place);
        return place;
    }

    /// <summary>The same bytes at the start.</summary>
    public ReadOnlySpan<byte> AtStart(ReadOnlySpan<byte> content)
    {
        var place = AtStart(content.Length);
        content.CopyTo(place);
        return place;
    }

    public void Dispose() => Unmap(_pages, (nuint)_mappedBytes);

    [LibraryImport("libc.so.6", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc.so.6", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc.so.6", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(void* address, nuint length);
}
