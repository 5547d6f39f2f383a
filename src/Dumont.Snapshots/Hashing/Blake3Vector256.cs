using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>BLAKE3 of eight equal inputs at once: one 32-bit lane each.</summary>
internal static unsafe class Blake3Vector256
{
    public const int Lanes = 8;

    /// <summary>Chaining values of <paramref name="count"/> inputs that lie one after the other. Where there are fewer than lanes, the last
    /// one is hashed again in the lanes left over; eight values are written in any case.</summary>
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
        var counterLow = Vector256.Create((uint)counter) + (Vector256<uint>.Indices * step);

        // Chunks are numbered from a multiple of a group, and 2^32 of them are 4 TiB: the low half never carries inside a group.
        var counterHigh = Vector256.Create((uint)(counter >> 32));
        var memory = stackalloc byte[(8 + 16 + 1) * sizeof(Vector256<uint>)];
        var state = (Vector256<uint>*)Blake3.Align(memory, sizeof(Vector256<uint>));
        var message = state + 8;
        for (var i = 0; i < 8; i++)
        {
            state[i] = Vector256.Create(key[i]);
        }

        for (var block = 0; block < blocks; block++)
        {
            var blockFlags = flags;
            if (isChunk)
            {
                blockFlags |= (block == 0 ? Blake3.ChunkStart : 0) | (block == blocks - 1 ? Blake3.ChunkEnd : 0);
            }

            LoadTransposed(inputs, block * Blake3.BlockBytes, message);
            LoadTransposed(inputs, (block * Blake3.BlockBytes) + 32, message + 8);
            Compress(state, message, counterLow, counterHigh, Vector256.Create(blockFlags));
        }

        Transpose(state);
        for (var i = 0; i < Lanes; i++)
        {
            state[i].Store(output + (8 * i));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compress(
        Vector256<uint>* state, Vector256<uint>* m, Vector256<uint> counterLow, Vector256<uint> counterHigh, Vector256<uint> flags)
    {
        var s = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Blake3.Schedule));
        Vector256<uint> v0 = state[0], v1 = state[1], v2 = state[2], v3 = state[3], v4 = state[4], v5 = state[5], v6 = state[6], v7 = state[7];
        var v8 = Vector256.Create(0x6A09E667u);
        var v9 = Vector256.Create(0xBB67AE85u);
        var v10 = Vector256.Create(0x3C6EF372u);
        var v11 = Vector256.Create(0xA54FF53Au);
        var v12 = counterLow;
        var v13 = counterHigh;
        var v14 = Vector256.Create((uint)Blake3.BlockBytes);
        var v15 = flags;
        for (var round = 0; round < 7; round++, s += 16)
        {
            Mix(ref v0, ref v4, ref v8, ref v12, m[s[0]], m[s[1]]);
            Mix(ref v1, ref v5, ref v9, ref v13, m[s[2]], m[s[3]]);
            Mix(ref v2, ref v6, ref v10, ref v14, m[s[4]], m[s[5]]);
            Mix(ref v3, ref v7, ref v11, ref v15, m[s[6]], m[s[7]]);
            Mix(ref v0, ref v5, ref v10, ref v15, m[s[8]], m[s[9]]);
            Mix(ref v1, ref v6, ref v11, ref v12, m[s[10]], m[s[11]]);
            Mix(ref v2, ref v7, ref v8, ref v13, m[s[12]], m[s[13]]);
            Mix(ref v3, ref v4, ref v9, ref v14, m[s[14]], m[s[15]]);
        }

        state[0] = v0 ^ v8;
        state[1] = v1 ^ v9;
        state[2] = v2 ^ v10;
        state[3] = v3 ^ v11;
        state[4] = v4 ^ v12;
        state[5] = v5 ^ v13;
        state[6] = v6 ^ v14;
        state[7] = v7 ^ v15;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix(
        ref Vector256<uint> a, ref Vector256<uint> b, ref Vector256<uint> c, ref Vector256<uint> d, Vector256<uint> x, Vector256<uint> y)
    {
        // Rotating by whole bytes is one shuffle; the other two take two shifts.
        var by16 = Vector256.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
        var by8 = Vector256.Create((byte)1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
        a = a + b + x;
        d = Avx2.Shuffle((d ^ a).AsByte(), by16).AsUInt32();
        c += d;
        b ^= c;
        b = (b >>> 12) | (b << 20);
        a = a + b + y;
        d = Avx2.Shuffle((d ^ a).AsByte(), by8).AsUInt32();
        c += d;
        b ^= c;
        b = (b >>> 7) | (b << 25);
    }

    // Half a block of each input: afterwards register w holds its word w of all eight.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadTransposed(byte** inputs, int offset, Vector256<uint>* words)
    {
        for (var i = 0; i < Lanes; i++)
        {
            words[i] = Vector256.Load((uint*)(inputs[i] + offset));
        }

        Transpose(words);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(Vector256<uint>* r)
    {
        var a0 = Avx2.UnpackLow(r[0], r[1]).AsUInt64();
        var a1 = Avx2.UnpackHigh(r[0], r[1]).AsUInt64();
        var a2 = Avx2.UnpackLow(r[2], r[3]).AsUInt64();
        var a3 = Avx2.UnpackHigh(r[2], r[3]).AsUInt64();
        var a4 = Avx2.UnpackLow(r[4], r[5]).AsUInt64();
        var a5 = Avx2.UnpackHigh(r[4], r[5]).AsUInt64();
        var a6 = Avx2.UnpackLow(r[6], r[7]).AsUInt64();
        var a7 = Avx2.UnpackHigh(r[6], r[7]).AsUInt64();
        var b0 = Avx2.UnpackLow(a0, a2).AsUInt32();
        var b1 = Avx2.UnpackHigh(a0, a2).AsUInt32();
        var b2 = Avx2.UnpackLow(a1, a3).AsUInt32();
        var b3 = Avx2.UnpackHigh(a1, a3).AsUInt32();
        var b4 = Avx2.UnpackLow(a4, a6).AsUInt32();
        var b5 = Avx2.UnpackHigh(a4, a6).AsUInt32();
        var b6 = Avx2.UnpackLow(a5, a7).AsUInt32();
        var b7 = Avx2.UnpackHigh(a5, a7).AsUInt32();
        r[0] = Avx2.Permute2x128(b0, b4, 0x20);
        r[1] = Avx2.Permute2x128(b1, b5, 0x20);
        r[2] = Avx2.Permute2x128(b2, b6, 0x20);
        r[3] = Avx2.Permute2x128(b3, b7, 0x20);
        r[4] = Avx2.Permute2x128(b0, b4, 0x31);
        r[5] = Avx2.Permute2x128(b1, b5, 0x31);
        r[6] = Avx2.Permute2x128(b2, b6, 0x31);
        r[7] = Avx2.Permute2x128(b3, b7, 0x31);
    }
}
