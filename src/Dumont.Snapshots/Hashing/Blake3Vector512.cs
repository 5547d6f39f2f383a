using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>BLAKE3 of sixteen equal inputs at once: one 32-bit lane each, the sixteen words of state in sixteen registers.</summary>
internal static unsafe class Blake3Vector512
{
    public const int Lanes = 16;

    /// <summary>Chaining values of <paramref name="count"/> inputs that lie one after the other. Where there are fewer than lanes, the last
    /// one is hashed again in the lanes left over; sixteen values are written in any case.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void HashMany(byte* input, int inputBytes, int count, int blocks, uint* key, ulong counter, uint step, uint flags, uint* output)
    {
        var inputs = stackalloc byte*[Lanes];
        for (var i = 0; i < Lanes; i++)
        {
            inputs[i] = input + ((long)Math.Min(i, count - 1) * inputBytes);
        }

        var isChunk = (flags & Blake3.Parent) == 0;
        var counterLow = Vector512.Create((uint)counter) + (Vector512<uint>.Indices * step);

        // Chunks are numbered from a multiple of a group, and 2^32 of them are 4 TiB: the low half never carries inside a group.
        var counterHigh = Vector512.Create((uint)(counter >> 32));
        var memory = stackalloc byte[(8 + 16 + 1) * sizeof(Vector512<uint>)];
        var state = (Vector512<uint>*)Blake3.Align(memory, sizeof(Vector512<uint>));
        var message = state + 8;
        for (var i = 0; i < 8; i++)
        {
            state[i] = Vector512.Create(key[i]);
        }

        for (var block = 0; block < blocks; block++)
        {
            var blockFlags = flags;
            if (isChunk)
            {
                blockFlags |= (block == 0 ? Blake3.ChunkStart : 0) | (block == blocks - 1 ? Blake3.ChunkEnd : 0);
            }

            LoadTransposed(inputs, block * Blake3.BlockBytes, message);
            Compress(state, message, counterLow, counterHigh, Vector512.Create(blockFlags));
        }

        StoreTransposed(state, output);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compress(
        Vector512<uint>* state, Vector512<uint>* m, Vector512<uint> counterLow, Vector512<uint> counterHigh, Vector512<uint> flags)
    {
        Vector512<uint> v0 = state[0], v1 = state[1], v2 = state[2], v3 = state[3], v4 = state[4], v5 = state[5], v6 = state[6], v7 = state[7];
        var v8 = Vector512.Create(0x6A09E667u);
        var v9 = Vector512.Create(0xBB67AE85u);
        var v10 = Vector512.Create(0x3C6EF372u);
        var v11 = Vector512.Create(0xA54FF53Au);
        var v12 = counterLow;
        var v13 = counterHigh;
        var v14 = Vector512.Create((uint)Blake3.BlockBytes);
        var v15 = flags;

        // The rounds are written out, their words as in Blake3.Schedule: then every word is an operand in memory at a fixed place, and the loop
        // over a table of places, which is a third of all instructions, falls away.
        Mix(ref v0, ref v4, ref v8, ref v12, m + 0, m + 1);
        Mix(ref v1, ref v5, ref v9, ref v13, m + 2, m + 3);
        Mix(ref v2, ref v6, ref v10, ref v14, m + 4, m + 5);
        Mix(ref v3, ref v7, ref v11, ref v15, m + 6, m + 7);
        Mix(ref v0, ref v5, ref v10, ref v15, m + 8, m + 9);
        Mix(ref v1, ref v6, ref v11, ref v12, m + 10, m + 11);
        Mix(ref v2, ref v7, ref v8, ref v13, m + 12, m + 13);
        Mix(ref v3, ref v4, ref v9, ref v14, m + 14, m + 15);

        Mix(ref v0, ref v4, ref v8, ref v12, m + 2, m + 6);
        Mix(ref v1, ref v5, ref v9, ref v13, m + 3, m + 10);
        Mix(ref v2, ref v6, ref v10, ref v14, m + 7, m + 0);
        Mix(ref v3, ref v7, ref v11, ref v15, m + 4, m + 13);
        Mix(ref v0, ref v5, ref v10, ref v15, m + 1, m + 11);
        Mix(ref v1, ref v6, ref v11, ref v12, m + 12, m + 5);
        Mix(ref v2, ref v7, ref v8, ref v13, m + 9, m + 14);
        Mix(ref v3, ref v4, ref v9, ref v14, m + 15, m + 8);

        Mix(ref v0, ref v4, ref v8, ref v12, m + 3, m + 4);
        Mix(ref v1, ref v5, ref v9, ref v13, m + 10, m + 12);
        Mix(ref v2, ref v6, ref v10, ref v14, m + 13, m + 2);
        Mix(ref v3, ref v7, ref v11, ref v15, m + 7, m + 14);
        Mix(ref v0, ref v5, ref v10, ref v15, m + 6, m + 5);
        Mix(ref v1, ref v6, ref v11, ref v12, m + 9, m + 0);
        Mix(ref v2, ref v7, ref v8, ref v13, m + 11, m + 15);
        Mix(ref v3, ref v4, ref v9, ref v14, m + 8, m + 1);

        Mix(ref v0, ref v4, ref v8, ref v12, m + 10, m + 7);
        Mix(ref v1, ref v5, ref v9, ref v13, m + 12, m + 9);
        Mix(ref v2, ref v6, ref v10, ref v14, m + 14, m + 3);
        Mix(ref v3, ref v7, ref v11, ref v15, m + 13, m + 15);
        Mix(ref v0, ref v5, ref v10, ref v15, m + 4, m + 0);
        Mix(ref v1, ref v6, ref v11, ref v12, m + 11, m + 2);
        Mix(ref v2, ref v7, ref v8, ref v13, m + 5, m + 8);
        Mix(ref v3, ref v4, ref v9, ref v14, m + 1, m + 6);

        Mix(ref v0, ref v4, ref v8, ref v12, m + 12, m + 13);
        Mix(ref v1, ref v5, ref v9, ref v13, m + 9, m + 11);
        Mix(ref v2, ref v6, ref v10, ref v14, m + 15, m + 10);
        Mix(ref v3, ref v7, ref v11, ref v15, m + 14, m + 8);
        Mix(ref v0, ref v5, ref v10, ref v15, m + 7, m + 2);
        Mix(ref v1, ref v6, ref v11, ref v12, m + 5, m + 3);
        Mix(ref v2, ref v7, ref v8, ref v13, m + 0, m + 1);
        Mix(ref v3, ref v4, ref v9, ref v14, m + 6, m + 4);

        Mix(ref v0, ref v4, ref v8, ref v12, m + 9, m + 14);
        Mix(ref v1, ref v5, ref v9, ref v13, m + 11, m + 5);
        Mix(ref v2, ref v6, ref v10, ref v14, m + 8, m + 12);
        Mix(ref v3, ref v7, ref v11, ref v15, m + 15, m + 1);
        Mix(ref v0, ref v5, ref v10, ref v15, m + 13, m + 3);
        Mix(ref v1, ref v6, ref v11, ref v12, m + 0, m + 10);
        Mix(ref v2, ref v7, ref v8, ref v13, m + 2, m + 6);
        Mix(ref v3, ref v4, ref v9, ref v14, m + 4, m + 7);

        Mix(ref v0, ref v4, ref v8, ref v12, m + 11, m + 15);
        Mix(ref v1, ref v5, ref v9, ref v13, m + 5, m + 0);
        Mix(ref v2, ref v6, ref v10, ref v14, m + 1, m + 9);
        Mix(ref v3, ref v7, ref v11, ref v15, m + 8, m + 6);
        Mix(ref v0, ref v5, ref v10, ref v15, m + 14, m + 10);
        Mix(ref v1, ref v6, ref v11, ref v12, m + 2, m + 12);
        Mix(ref v2, ref v7, ref v8, ref v13, m + 3, m + 4);
        Mix(ref v3, ref v4, ref v9, ref v14, m + 7, m + 13);

        state[0] = v0 ^ v8;
        state[1] = v1 ^ v9;
        state[2] = v2 ^ v10;
        state[3] = v3 ^ v11;
        state[4] = v4 ^ v12;
        state[5] = v5 ^ v13;
        state[6] = v6 ^ v14;
        state[7] = v7 ^ v15;
    }

    // A word of the message is added to what is known earlier, so that only one addition waits for the word mixed last.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix(
        ref Vector512<uint> a, ref Vector512<uint> b, ref Vector512<uint> c, ref Vector512<uint> d, Vector512<uint>* x, Vector512<uint>* y)
    {
        a = a + *x + b;
        d = Avx512F.RotateRight(d ^ a, 16);
        c += d;
        b = Avx512F.RotateRight(b ^ c, 12);
        a = a + *y + b;
        d = Avx512F.RotateRight(d ^ a, 8);
        c += d;
        b = Avx512F.RotateRight(b ^ c, 7);
    }

    // One block of each input: afterwards register w holds word w of all sixteen.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadTransposed(byte** inputs, int offset, Vector512<uint>* words)
    {
        for (var i = 0; i < 4; i++)
        {
            // Rows 4i … 4i+3, transposed inside each 128-bit quarter.
            var row0 = Vector512.Load((uint*)(inputs[4 * i] + offset));
            var row1 = Vector512.Load((uint*)(inputs[(4 * i) + 1] + offset));
            var row2 = Vector512.Load((uint*)(inputs[(4 * i) + 2] + offset));
            var row3 = Vector512.Load((uint*)(inputs[(4 * i) + 3] + offset));
            var low01 = Avx512F.UnpackLow(row0, row1).AsUInt64();
            var high01 = Avx512F.UnpackHigh(row0, row1).AsUInt64();
            var low23 = Avx512F.UnpackLow(row2, row3).AsUInt64();
            var high23 = Avx512F.UnpackHigh(row2, row3).AsUInt64();
            words[4 * i] = Avx512F.UnpackLow(low01, low23).AsUInt32();
            words[(4 * i) + 1] = Avx512F.UnpackHigh(low01, low23).AsUInt32();
            words[(4 * i) + 2] = Avx512F.UnpackLow(high01, high23).AsUInt32();
            words[(4 * i) + 3] = Avx512F.UnpackHigh(high01, high23).AsUInt32();
        }

        TransposeQuarters(words, out var a0, out var b0, out var c0, out var d0, 0);
        TransposeQuarters(words, out var a1, out var b1, out var c1, out var d1, 1);
        TransposeQuarters(words, out var a2, out var b2, out var c2, out var d2, 2);
        TransposeQuarters(words, out var a3, out var b3, out var c3, out var d3, 3);
        words[0] = a0;
        words[1] = a1;
        words[2] = a2;
        words[3] = a3;
        words[4] = b0;
        words[5] = b1;
        words[6] = b2;
        words[7] = b3;
        words[8] = c0;
        words[9] = c1;
        words[10] = c2;
        words[11] = c3;
        words[12] = d0;
        words[13] = d1;
        words[14] = d2;
        words[15] = d3;
    }

    // The 128-bit quarters of rows j, 4 + j, 8 + j, 12 + j, as a 4 × 4 matrix.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeQuarters(
        Vector512<uint>* rows, out Vector512<uint> a, out Vector512<uint> b, out Vector512<uint> c, out Vector512<uint> d, int j)
    {
        var low = Avx512F.Shuffle4x128(rows[j], rows[4 + j], 0x44);
        var high = Avx512F.Shuffle4x128(rows[j], rows[4 + j], 0xEE);
        var low2 = Avx512F.Shuffle4x128(rows[8 + j], rows[12 + j], 0x44);
        var high2 = Avx512F.Shuffle4x128(rows[8 + j], rows[12 + j], 0xEE);
        a = Avx512F.Shuffle4x128(low, low2, 0x88);
        b = Avx512F.Shuffle4x128(low, low2, 0xDD);
        c = Avx512F.Shuffle4x128(high, high2, 0x88);
        d = Avx512F.Shuffle4x128(high, high2, 0xDD);
    }

    // Words to values: once an input, so the plain way is fast enough for chunks; parents have one block only.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreTransposed(Vector512<uint>* state, uint* output)
    {
        for (var half = 0; half < 2; half++)
        {
            // Words 0-3 or 4-7 of all inputs; quarter q of the results belongs to inputs 4q … 4q+3.
            var low01 = Avx512F.UnpackLow(state[4 * half], state[(4 * half) + 1]).AsUInt64();
            var high01 = Avx512F.UnpackHigh(state[4 * half], state[(4 * half) + 1]).AsUInt64();
            var low23 = Avx512F.UnpackLow(state[(4 * half) + 2], state[(4 * half) + 3]).AsUInt64();
            var high23 = Avx512F.UnpackHigh(state[(4 * half) + 2], state[(4 * half) + 3]).AsUInt64();
            StoreQuarters(Avx512F.UnpackLow(low01, low23).AsUInt32(), output + (4 * half));
            StoreQuarters(Avx512F.UnpackHigh(low01, low23).AsUInt32(), output + (4 * half) + 8);
            StoreQuarters(Avx512F.UnpackLow(high01, high23).AsUInt32(), output + (4 * half) + 16);
            StoreQuarters(Avx512F.UnpackHigh(high01, high23).AsUInt32(), output + (4 * half) + 24);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuarters(Vector512<uint> values, uint* output)
    {
        values.GetLower().GetLower().Store(output);
        values.GetLower().GetUpper().Store(output + 32);
        values.GetUpper().GetLower().Store(output + 64);
        values.GetUpper().GetUpper().Store(output + 96);
    }
}
