using System.Runtime.CompilerServices;

namespace Dumont.Snapshots;

/// <summary>
/// Reads the planes that <see cref="ExponentHuffmanEncoder"/> writes. One look-up of 11 bits gives up to six symbols, and four streams
/// are followed at once, so that the processor does not wait for any of them.
/// </summary>
internal static unsafe class ExponentHuffmanDecoder
{
    /// <summary>Symbols of a look-up; their bits are in byte 6 and their number in byte 7 of its entry.</summary>
    private const int SymbolsPerLookup = 6;

    private const int Lookups = 1 << ExponentHuffmanCode.MaximumBits;
    private const int LookupsPerRefill = 5;
    private const int UsedShift = 48;
    private const int CountShift = 56;
    private const ulong SymbolsMask = (1UL << UsedShift) - 1;

    public const int TableBytes = Lookups * (2 * sizeof(ulong) + sizeof(ushort));

    private struct Stream
    {
        public byte* From;
        public byte* FromEnd;
        public byte* To;
        public byte* ToEnd;
    }

    /// <summary>Bytes that the Huffman coded plane at the start of <paramref name="stored"/> takes; fills <paramref name="plane"/>.</summary>
    /// <exception cref="SnapshotFormatException">The plane is damaged.</exception>
    public static int Decode(ReadOnlySpan<byte> stored, byte* plane, int planeBytes, byte* tables)
    {
        Span<byte> lengths = stackalloc byte[ExponentHuffmanCode.Symbols];
        var at = ReadLengths(stored, lengths);
        if (stored.Length - at < ExponentHuffmanEncoder.Streams * ExponentHuffmanEncoder.StreamLengthBytes)
        {
            throw new SnapshotFormatException("A Huffman coded plane ends before its streams.");
        }

        var entries = (ulong*)tables;
        var singles = (ushort*)(tables + 2 * Lookups * sizeof(ulong));
        BuildTables(lengths, singles, entries);

        var quarter = planeBytes / ExponentHuffmanEncoder.Streams;
        var streams = stackalloc Stream[ExponentHuffmanEncoder.Streams];
        var begin = at + ExponentHuffmanEncoder.Streams * ExponentHuffmanEncoder.StreamLengthBytes;
        fixed (byte* from = stored)
        {
            for (var i = 0; i < ExponentHuffmanEncoder.Streams; i++, at += ExponentHuffmanEncoder.StreamLengthBytes)
            {
                var bytes = stored[at] | stored[at + 1] << 8 | stored[at + 2] << 16;
                if (bytes > stored.Length - begin)
                {
                    throw new SnapshotFormatException("A stream of a Huffman coded plane ends behind the chunk.");
                }

                streams[i] = new Stream
                {
                    From = from + begin,
                    FromEnd = from + begin + bytes,
                    To = plane + i * quarter,
                    ToEnd = plane + (i + 1) * quarter,
                };
                begin += bytes;
            }

            DecodeStreams(streams, entries + Lookups, singles);
        }

        return begin;
    }

    private static int ReadLengths(ReadOnlySpan<byte> stored, Span<byte> lengths)
    {
        if (stored.Length < 3 || stored[1] + stored[2] >= ExponentHuffmanCode.Symbols || stored.Length < 3 + (stored[2] + 2) / 2)
        {
            throw new SnapshotFormatException("The code of a Huffman coded plane is cut short.");
        }

        lengths.Clear();
        var count = stored[2] + 1;
        for (var i = 0; i < count; i++)
        {
            lengths[stored[1] + i] = (byte)(stored[3 + i / 2] >> (i % 2 * 4) & 0xF);
        }

        if (!ExponentHuffmanCode.IsComplete(lengths))
        {
            throw new SnapshotFormatException("The code of a Huffman coded plane is not complete.");
        }

        return 3 + (count + 1) / 2;
    }

    private static void BuildTables(ReadOnlySpan<byte> lengths, ushort* singles, ulong* entries)
    {
        Span<ushort> codes = stackalloc ushort[ExponentHuffmanCode.Symbols];
        ExponentHuffmanCode.Assign(lengths, codes);
        for (var symbol = 0; symbol < ExponentHuffmanCode.Symbols; symbol++)
        {
            if (lengths[symbol] != 0)
            {
                for (var bits = (int)codes[symbol]; bits < Lookups; bits += 1 << lengths[symbol])
                {
                    singles[bits] = (ushort)(symbol | lengths[symbol] << 8);
                }
            }
        }

        BuildEntries(singles, entries);
    }

    /// <summary>
    /// A symbol, and what the bits left over give, for ever more bits: entry 2^k + v is that of the k bits v. The entries of 11 bits, at the
    /// end, are those that are used.
    /// </summary>
    private static void BuildEntries(ushort* singles, ulong* entries)
    {
        entries[1] = 0;
        for (var known = 1; known <= ExponentHuffmanCode.MaximumBits; known++)
        {
            var row = entries + (1 << known);
            for (var bits = 0; bits < 1 << known; bits++)
            {
                var single = singles[bits];
                var used = single >> 8;
                if (used > known)
                {
                    row[bits] = 0;
                    continue;
                }

                var rest = entries[1 << (known - used) | bits >> used];
                row[bits] = rest < (ulong)SymbolsPerLookup << CountShift
                    ? (byte)single | (rest & SymbolsMask) << 8 & SymbolsMask | (rest & ~SymbolsMask) + ((ulong)used << UsedShift | 1UL << CountShift)
                    : Lookup(singles, bits, known);
            }
        }
    }

    /// <summary>The entry symbol by symbol, where there are more than it can hold.</summary>
    private static ulong Lookup(ushort* singles, int bits, int known)
    {
        var entry = 0UL;
        var used = 0;
        var count = 0;
        while (count < SymbolsPerLookup && used + (singles[bits >> used] >> 8) <= known)
        {
            var single = singles[bits >> used];
            entry |= (ulong)(byte)single << (8 * count++);
            used += single >> 8;
        }

        return entry | (ulong)used << UsedShift | (ulong)count << CountShift;
    }

    /// <summary>All four while none is near an end, then each to its end.</summary>
    private static void DecodeStreams(Stream* streams, ulong* entries, ushort* singles)
    {
        var bits = stackalloc ulong[ExponentHuffmanEncoder.Streams];
        var held = stackalloc int[ExponentHuffmanEncoder.Streams];
        DecodeTogether(streams, entries, bits, held);
        for (var i = 0; i < ExponentHuffmanEncoder.Streams; i++)
        {
            if (!TryFinish(streams + i, singles, bits[i], held[i]))
            {
                throw new SnapshotFormatException("A stream of a Huffman coded plane is too short or too long.");
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DecodeTogether(Stream* streams, ulong* entries, ulong* heldBits, int* heldCounts)
    {
        // A look-up stores a word and moves on by up to six bytes; a refill reads a word.
        const int room = LookupsPerRefill * SymbolsPerLookup + sizeof(ulong);
        var from0 = streams[0].From;
        var from1 = streams[1].From;
        var from2 = streams[2].From;
        var from3 = streams[3].From;
        var to0 = streams[0].To;
        var to1 = streams[1].To;
        var to2 = streams[2].To;
        var to3 = streams[3].To;
        var bits0 = 0UL;
        var bits1 = 0UL;
        var bits2 = 0UL;
        var bits3 = 0UL;
        var held0 = 0;
        var held1 = 0;
        var held2 = 0;
        var held3 = 0;
        while (streams[0].FromEnd - from0 >= sizeof(ulong) && streams[1].FromEnd - from1 >= sizeof(ulong)
            && streams[2].FromEnd - from2 >= sizeof(ulong) && streams[3].FromEnd - from3 >= sizeof(ulong)
            && streams[0].ToEnd - to0 >= room && streams[1].ToEnd - to1 >= room
            && streams[2].ToEnd - to2 >= room && streams[3].ToEnd - to3 >= room)
        {
            Refill(ref bits0, ref held0, ref from0);
            Refill(ref bits1, ref held1, ref from1);
            Refill(ref bits2, ref held2, ref from2);
            Refill(ref bits3, ref held3, ref from3);
            for (var i = 0; i < LookupsPerRefill; i++)
            {
                LookUp(entries, ref bits0, ref held0, ref to0);
                LookUp(entries, ref bits1, ref held1, ref to1);
                LookUp(entries, ref bits2, ref held2, ref to2);
                LookUp(entries, ref bits3, ref held3, ref to3);
            }
        }

        streams[0].From = from0;
        streams[1].From = from1;
        streams[2].From = from2;
        streams[3].From = from3;
        streams[0].To = to0;
        streams[1].To = to1;
        streams[2].To = to2;
        streams[3].To = to3;
        heldBits[0] = bits0;
        heldBits[1] = bits1;
        heldBits[2] = bits2;
        heldBits[3] = bits3;
        heldCounts[0] = held0;
        heldCounts[1] = held1;
        heldCounts[2] = held2;
        heldCounts[3] = held3;
    }

    /// <summary>Fills up to 56 bits or more; bits above the count may already be there and are read again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Refill(ref ulong bits, ref int held, ref byte* from)
    {
        bits |= *(ulong*)from << held;
        from += (63 - held) >> 3;
        held |= 56;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LookUp(ulong* entries, ref ulong bits, ref int held, ref byte* to)
    {
        var entry = entries[bits & (Lookups - 1)];
        *(ulong*)to = entry;
        to += entry >> CountShift;
        var used = (int)(byte)(entry >> UsedShift);
        bits >>= used;
        held -= used;
    }

    /// <summary>Symbol by symbol to the end; false when the stream has not exactly the bytes that are needed.</summary>
    private static bool TryFinish(Stream* stream, ushort* singles, ulong bits, int held)
    {
        var from = stream->From;
        // Bits above the count belong to bytes that are still to be read.
        bits &= (1UL << held) - 1;
        for (var to = stream->To; to < stream->ToEnd; to++)
        {
            while (held < ExponentHuffmanCode.MaximumBits && from < stream->FromEnd)
            {
                bits |= (ulong)*from++ << held;
                held += 8;
            }

            var single = singles[bits & (Lookups - 1)];
            var used = single >> 8;
            if (used > held)
            {
                return false;
            }

            *to = (byte)single;
            bits >>= used;
            held -= used;
        }

        return from == stream->FromEnd && held < 8 && bits == 0;
    }
}
