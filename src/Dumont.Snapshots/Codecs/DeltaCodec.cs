namespace Dumont.Snapshots;

/// <summary>
/// <see cref="ChunkCoding.Delta"/>: a chunk as what it shares with another one, its baseline, and what is new:
/// <code>
/// | new bytes: n | coding: 1 | parameter: 1 | length: n | the new bytes in that coding | runs … |
/// run: | new bytes: n | shared bytes: n | where, against the run before: n, only if any are shared |
/// </code>
/// Numbers marked n have 7 bits a byte, lowest first, the highest bit set on all but the last.
/// </summary>
public static class DeltaCodec
{
    /// <summary>New stretches begin and end at multiples of this in the chunk, so that together they are elements of one phase.</summary>
    internal const int AlignmentBytes = 8;

    /// <summary>A chunk that shares less than one part in so many is not worth a baseline.</summary>
    private const int WorthwhilePart = 8;

    /// <summary>Encodes against a baseline with an encoder of its own. See the other overload.</summary>
    /// <param name="chunk">What to encode.</param>
    /// <param name="baseline">What the decoder will have.</param>
    /// <param name="destination">At least <see cref="ChunkEncoder.MaximumEncodedBytes"/> of the chunk.</param>
    /// <returns>Bytes written; 0 when the chunk shares too little with the baseline.</returns>
    public static int Encode(ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> baseline, Span<byte> destination)
    {
        using var encoder = new ChunkEncoder(ChunkCompression.Fast);
        return Encode(encoder, chunk, baseline, destination);
    }

    /// <summary>Encodes against a baseline: an earlier version of the same stretch, changed in place or shifted, perhaps longer.</summary>
    /// <param name="encoder">Encodes what is new, and lends its working memory.</param>
    /// <param name="chunk">What to encode.</param>
    /// <param name="baseline">What the decoder will have.</param>
    /// <param name="destination">At least <see cref="ChunkEncoder.MaximumEncodedBytes"/> of the chunk.</param>
    /// <returns>Bytes written, fewer than the chunk has; 0 when the chunk shares too little with the baseline.</returns>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is too short.</exception>
    public static int Encode(ChunkEncoder encoder, ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> baseline, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        if (destination.Length < ChunkEncoder.MaximumEncodedBytes(chunk.Length))
        {
            throw new ArgumentException("The destination is too short.", nameof(destination));
        }

        var runs = encoder.DeltaRuns;
        DeltaMatcher.FindRuns(chunk, baseline, encoder.DeltaIndex, runs);
        var shared = runs.Sum(r => r.SharedBytes);
        if (shared == 0 || shared < chunk.Length / WorthwhilePart)
        {
            return 0;
        }

        var fresh = encoder.DeltaFresh.Take(chunk.Length - shared);
        var at = 0;
        var freshBytes = 0;
        foreach (var run in runs)
        {
            chunk.Slice(at, run.NewBytes).CopyTo(fresh[freshBytes..]);
            freshBytes += run.NewBytes;
            at += run.NewBytes + run.SharedBytes;
        }

        return Write(encoder, fresh, runs, chunk.Length, destination);
    }

    /// <summary>Decodes with a decoder of its own. See the other overload.</summary>
    /// <param name="stored">The encoder's bytes.</param>
    /// <param name="baseline">The same as when encoding.</param>
    /// <param name="destination">Exactly as long as the chunk.</param>
    /// <exception cref="SnapshotFormatException">The bytes are not an encoding of a chunk of that length.</exception>
    public static void Decode(ReadOnlySpan<byte> stored, ReadOnlySpan<byte> baseline, Span<byte> destination)
    {
        using var decoder = new ChunkDecoder();
        Decode(decoder, stored, baseline, destination);
    }

    /// <summary>Decodes against a baseline. After an exception the destination's content is undefined.</summary>
    /// <param name="decoder">Decodes what is new, and lends its working memory.</param>
    /// <param name="stored">The encoder's bytes.</param>
    /// <param name="baseline">The same as when encoding; another one gives another chunk, or an exception.</param>
    /// <param name="destination">Exactly as long as the chunk.</param>
    /// <exception cref="SnapshotFormatException">The bytes are not an encoding of a chunk of that length.</exception>
    public static void Decode(ChunkDecoder decoder, ReadOnlySpan<byte> stored, ReadOnlySpan<byte> baseline, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(decoder);
        var at = 0;
        var freshBytes = ReadNumber(stored, ref at, destination.Length);
        if (stored.Length - at < 2)
        {
            throw Damaged();
        }

        var coding = (ChunkCoding)stored[at++];
        var parameter = stored[at++];
        var length = ReadNumber(stored, ref at, stored.Length);
        if (length > stored.Length - at)
        {
            throw Damaged();
        }

        var fresh = decoder.DeltaFresh.Take(freshBytes);
        decoder.Decode(coding, parameter, stored.Slice(at, length), fresh);
        at += length;
        var written = 0;
        var taken = 0;
        var shift = 0;
        while (written < destination.Length)
        {
            var isNew = ReadNumber(stored, ref at, Math.Min(fresh.Length - taken, destination.Length - written));
            fresh.Slice(taken, isNew).CopyTo(destination[written..]);
            taken += isNew;
            written += isNew;
            var isShared = ReadNumber(stored, ref at, destination.Length - written);
            if (isShared != 0)
            {
                shift = unchecked(shift + ReadSigned(stored, ref at));
                var from = (long)written + shift;
                if (from < 0 || from + isShared > baseline.Length)
                {
                    throw Damaged();
                }

                baseline.Slice((int)from, isShared).CopyTo(destination[written..]);
                written += isShared;
            }
            else if (isNew == 0)
            {
                throw Damaged();
            }
        }

        if (at != stored.Length || taken != fresh.Length)
        {
            throw Damaged();
        }
    }

    private static int Write(ChunkEncoder encoder, ReadOnlySpan<byte> fresh, List<DeltaRun> runs, int chunkBytes, Span<byte> destination)
    {
        var encodedBytes = encoder.DeltaEncoded.Take(ChunkEncoder.MaximumEncodedBytes(fresh.Length));
        var encoded = encoder.Encode(fresh, encodedBytes);
        var limit = destination[..chunkBytes];
        var at = 0;
        if (!TryWrite(limit, ref at, fresh.Length) || limit.Length - at < 2)
        {
            return 0;
        }

        limit[at++] = (byte)encoded.Coding;
        limit[at++] = encoded.Parameter;
        if (!TryWrite(limit, ref at, encoded.LengthBytes) || limit.Length - at < encoded.LengthBytes)
        {
            return 0;
        }

        encodedBytes[..encoded.LengthBytes].CopyTo(limit[at..]);
        at += encoded.LengthBytes;
        var shift = 0;
        foreach (var run in runs)
        {
            if (!TryWrite(limit, ref at, run.NewBytes) || !TryWrite(limit, ref at, run.SharedBytes))
            {
                return 0;
            }

            if (run.SharedBytes != 0)
            {
                var change = run.Shift - shift;
                shift = run.Shift;
                if (!TryWrite(limit, ref at, (change << 1) ^ (change >> 31)))
                {
                    return 0;
                }
            }
        }

        return at < chunkBytes ? at : 0;
    }

    private static bool TryWrite(Span<byte> destination, ref int at, int number)
    {
        var rest = (uint)number;
        while (at < destination.Length)
        {
            destination[at++] = (byte)(rest < 0x80 ? rest : rest | 0x80);
            rest >>= 7;
            if (rest == 0)
            {
                return true;
            }
        }

        return false;
    }

    private static uint ReadWord(ReadOnlySpan<byte> stored, ref int at)
    {
        var number = 0UL;
        for (var shift = 0; shift < 35 && at < stored.Length; shift += 7)
        {
            var part = stored[at++];
            number |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return number <= uint.MaxValue ? (uint)number : throw Damaged();
            }
        }

        throw Damaged();
    }

    private static int ReadNumber(ReadOnlySpan<byte> stored, ref int at, int atMost)
    {
        var number = ReadWord(stored, ref at);
        return number <= (uint)atMost ? (int)number : throw Damaged();
    }

    /// <summary>The sign is the lowest bit.</summary>
    private static int ReadSigned(ReadOnlySpan<byte> stored, ref int at)
    {
        var number = ReadWord(stored, ref at);
        return (int)(number >> 1) ^ -(int)(number & 1);
    }

    private static SnapshotFormatException Damaged() => new("A chunk that is stored as a difference is damaged, or of another baseline.");
}
