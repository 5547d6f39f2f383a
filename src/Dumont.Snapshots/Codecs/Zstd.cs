using System.Numerics;

namespace Dumont.Snapshots;

/// <summary>
/// Zstandard frames through libzstd, which not every machine has. Thread safe; each thread keeps its two contexts, because setting one up
/// costs more than a small chunk.
/// </summary>
public static unsafe class Zstd
{
    /// <summary>Quickest of the usual levels.</summary>
    public const int FastLevel = 1;

    /// <summary>The library's own default: a little smaller for half the speed.</summary>
    public const int DefaultLevel = 3;

    /// <summary>Highest level that needs no unusual memory.</summary>
    public const int HighestLevel = 19;

    // Of enum ZSTD_cParameter and ZSTD_ResetDirective.
    private const int CompressionLevel = 100;
    private const int WindowLog = 101;
    private const int HashLog = 102;
    private const int ResetSession = 1;

    // Limits of the library, and of what a decoder takes without being told.
    private const int WindowLogMinimum = 10;
    private const int WindowLogMaximum = 27;

    // The quick levels have tables for the source alone: of a baseline of 1 MiB they would forget all but the end.
    private const int BaselineHashLog = 17;
    private const int BaselineHashLogBelowWindow = 4;

    // Of enum ZSTD_ErrorCode.
    private const int DestinationTooSmall = 70;

    [ThreadStatic]
    private static ZstdLibrary.EncoderContext? _encoder;

    [ThreadStatic]
    private static ZstdLibrary.DecoderContext? _decoder;

    /// <summary>Whether this machine has libzstd.</summary>
    public static bool IsAvailable => ZstdLibrary.Instance is not null;

    /// <summary>Most that <paramref name="length"/> bytes can become.</summary>
    public static int MaximumEncodedBytes(int length) => checked(length + (length >> 8) + 128);

    /// <summary>Encodes <paramref name="source"/> as one frame.</summary>
    /// <param name="source">Any bytes.</param>
    /// <param name="destination">Room for less than <see cref="MaximumEncodedBytes"/> is allowed.</param>
    /// <param name="level">1 to <see cref="HighestLevel"/>.</param>
    /// <returns>Length of the frame; 0 when it does not fit.</returns>
    /// <exception cref="NotSupportedException">There is no libzstd here; <see cref="IsAvailable"/> tells.</exception>
    public static int Encode(ReadOnlySpan<byte> source, Span<byte> destination, int level = DefaultLevel) =>
        Encode(source, default, destination, level);

    /// <summary>Encodes <paramref name="source"/> as what it has and <paramref name="baseline"/> has not. Only who has the same baseline can
    /// decode it.</summary>
    /// <param name="source">Any bytes.</param>
    /// <param name="baseline">Bytes like those of the source, such as an earlier version; with the source below 128 MiB. Other memory than
    /// the source's.</param>
    /// <param name="destination">Room for less than <see cref="MaximumEncodedBytes"/> is allowed.</param>
    /// <param name="level">1 to <see cref="HighestLevel"/>.</param>
    /// <returns>Length of the frame; 0 when it does not fit.</returns>
    /// <exception cref="NotSupportedException">There is no libzstd here; <see cref="IsAvailable"/> tells.</exception>
    public static int Encode(ReadOnlySpan<byte> source, ReadOnlySpan<byte> baseline, Span<byte> destination, int level = DefaultLevel)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(level, FastLevel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(level, HighestLevel);
        var library = ZstdLibrary.Instance ?? throw new NotSupportedException("libzstd.so.1 is not installed on this machine.");
        var context = _encoder ??= library.CreateEncoder();
        library.Check(library.ResetEncoder(context.Pointer, ResetSession));
        library.Check(library.SetParameter(context.Pointer, CompressionLevel, level));

        // 0 lets the library choose. With a baseline, matches reach back over it and what was encoded since.
        var window = 0;
        var hash = 0;
        if (!baseline.IsEmpty)
        {
            window = Math.Clamp(BitOperations.Log2((uint)(baseline.Length + source.Length)) + 1, WindowLogMinimum, WindowLogMaximum);
            hash = level < DefaultLevel ? Math.Max(BaselineHashLog, window - BaselineHashLogBelowWindow) : 0;
        }

        library.Check(library.SetParameter(context.Pointer, WindowLog, window));
        library.Check(library.SetParameter(context.Pointer, HashLog, hash));
        fixed (byte* prefix = baseline)
        fixed (byte* input = source)
        fixed (byte* output = destination)
        {
            if (!baseline.IsEmpty)
            {
                library.Check(library.ReferEncoder(context.Pointer, prefix, (nuint)baseline.Length));
            }

            var written = library.Compress(context.Pointer, output, (nuint)destination.Length, input, (nuint)source.Length);
            if (library.IsError(written) != 0)
            {
                return library.ErrorCode(written) == DestinationTooSmall
                    ? 0
                    : throw new InvalidOperationException($"libzstd: {library.Describe(written)}.");
            }

            return (int)written;
        }
    }

    /// <summary>Decodes frames that give exactly as many bytes as <paramref name="destination"/> holds. Safe on any input.</summary>
    /// <exception cref="SnapshotFormatException">They do not, or there is no libzstd here.</exception>
    public static void Decode(ReadOnlySpan<byte> source, Span<byte> destination) => Decode(source, default, destination);

    /// <summary>Decodes a frame that was encoded against <paramref name="baseline"/>.</summary>
    /// <exception cref="SnapshotFormatException">It does not give exactly as many bytes as <paramref name="destination"/> holds, or there is no
    /// libzstd here. Another baseline than that of the encoder gives other bytes, and need not be noticed.</exception>
    public static void Decode(ReadOnlySpan<byte> source, ReadOnlySpan<byte> baseline, Span<byte> destination)
    {
        var library = ZstdLibrary.Instance
            ?? throw new SnapshotFormatException(
                "The content is encoded with Zstandard and libzstd.so.1 is not installed on this machine: install libzstd1.");
        var context = _decoder ??= library.CreateDecoder();
        library.Check(library.ResetDecoder(context.Pointer, ResetSession));
        fixed (byte* prefix = baseline)
        fixed (byte* input = source)
        fixed (byte* output = destination)
        {
            if (!baseline.IsEmpty)
            {
                library.Check(library.ReferDecoder(context.Pointer, prefix, (nuint)baseline.Length));
            }

            var written = library.Decompress(context.Pointer, output, (nuint)destination.Length, input, (nuint)source.Length);
            if (library.IsError(written) != 0)
            {
                throw new SnapshotFormatException($"Content encoded with Zstandard is damaged (libzstd: {library.Describe(written)}).");
            }

            if (written != (nuint)destination.Length)
            {
                throw new SnapshotFormatException($"Content encoded with Zstandard has {written} bytes instead of {destination.Length}.");
            }
        }
    }
}
