using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>The functions of libzstd that are used, found once.</summary>
internal sealed unsafe class ZstdLibrary
{
    private readonly delegate* unmanaged<nint> _createEncoder;
    private readonly delegate* unmanaged<nint, nuint> _freeEncoder;
    private readonly delegate* unmanaged<nint> _createDecoder;
    private readonly delegate* unmanaged<nint, nuint> _freeDecoder;
    private readonly delegate* unmanaged<nuint, byte*> _errorName;

    private ZstdLibrary(nint library)
    {
        _createEncoder = (delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "ZSTD_createCCtx");
        _freeEncoder = (delegate* unmanaged<nint, nuint>)NativeLibrary.GetExport(library, "ZSTD_freeCCtx");
        _createDecoder = (delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "ZSTD_createDCtx");
        _freeDecoder = (delegate* unmanaged<nint, nuint>)NativeLibrary.GetExport(library, "ZSTD_freeDCtx");
        _errorName = (delegate* unmanaged<nuint, byte*>)NativeLibrary.GetExport(library, "ZSTD_getErrorName");
        ResetEncoder = (delegate* unmanaged<nint, int, nuint>)NativeLibrary.GetExport(library, "ZSTD_CCtx_reset");
        SetParameter = (delegate* unmanaged<nint, int, int, nuint>)NativeLibrary.GetExport(library, "ZSTD_CCtx_setParameter");
        ReferEncoder = (delegate* unmanaged<nint, byte*, nuint, nuint>)NativeLibrary.GetExport(library, "ZSTD_CCtx_refPrefix");
        Compress = (delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint>)NativeLibrary.GetExport(library, "ZSTD_compress2");
        ResetDecoder = (delegate* unmanaged<nint, int, nuint>)NativeLibrary.GetExport(library, "ZSTD_DCtx_reset");
        ReferDecoder = (delegate* unmanaged<nint, byte*, nuint, nuint>)NativeLibrary.GetExport(library, "ZSTD_DCtx_refPrefix");
        Decompress = (delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint>)NativeLibrary.GetExport(library, "ZSTD_decompressDCtx");
        IsError = (delegate* unmanaged<nuint, uint>)NativeLibrary.GetExport(library, "ZSTD_isError");
        ErrorCode = (delegate* unmanaged<nuint, int>)NativeLibrary.GetExport(library, "ZSTD_getErrorCode");
    }

    /// <summary>Null where the machine has no libzstd, or one from before 1.4 that lacks these functions.</summary>
    public static ZstdLibrary? Instance { get; } = Load();

    public delegate* unmanaged<nint, int, nuint> ResetEncoder { get; }

    public delegate* unmanaged<nint, int, int, nuint> SetParameter { get; }

    public delegate* unmanaged<nint, byte*, nuint, nuint> ReferEncoder { get; }

    public delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint> Compress { get; }

    public delegate* unmanaged<nint, int, nuint> ResetDecoder { get; }

    public delegate* unmanaged<nint, byte*, nuint, nuint> ReferDecoder { get; }

    public delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint> Decompress { get; }

    public delegate* unmanaged<nuint, uint> IsError { get; }

    public delegate* unmanaged<nuint, int> ErrorCode { get; }

    /// <exception cref="InsufficientMemoryException">The library has no memory.</exception>
    public EncoderContext CreateEncoder() => new(this, Created(_createEncoder()));

    /// <exception cref="InsufficientMemoryException">The library has no memory.</exception>
    public DecoderContext CreateDecoder() => new(this, Created(_createDecoder()));

    /// <summary>For calls that cannot fail unless they are made wrongly or there is no memory.</summary>
    /// <exception cref="InvalidOperationException">The call failed.</exception>
    public void Check(nuint result)
    {
        if (IsError(result) != 0)
        {
            throw new InvalidOperationException($"libzstd: {Describe(result)}.");
        }
    }

    /// <summary>The library's words for an error.</summary>
    public string Describe(nuint error) => Marshal.PtrToStringUTF8((nint)_errorName(error)) ?? "unknown error";

    private static nint Created(nint context) =>
        context != 0 ? context : throw new InsufficientMemoryException("libzstd has no memory for a context.");

    private static ZstdLibrary? Load()
    {
        if (!NativeLibrary.TryLoad("libzstd.so.1", out var library))
        {
            return null;
        }

        try
        {
            return new ZstdLibrary(library);
        }
        catch (EntryPointNotFoundException)
        {
            NativeLibrary.Free(library);
            return null;
        }
    }

    /// <summary>Frees the library's memory when the thread that used it is gone.</summary>
    internal sealed class EncoderContext(ZstdLibrary library, nint pointer)
    {
        public nint Pointer { get; } = pointer;

        ~EncoderContext() => library._freeEncoder(Pointer);
    }

    /// <summary>Frees the library's memory when the thread that used it is gone.</summary>
    internal sealed class DecoderContext(ZstdLibrary library, nint pointer)
    {
        public nint Pointer { get; } = pointer;

        ~DecoderContext() => library._freeDecoder(Pointer);
    }
}
