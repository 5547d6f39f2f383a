using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>BLAKE3's compression of one block at a time.</summary>
internal static unsafe class Blake3Scalar
{
    /// <summary>Chaining value of a chunk of up to 1 KiB, which may end inside a block or be empty.</summary>
    public static void HashChunk(byte* input, int length, uint* key, ulong counter, uint flags, uint rootFlag, uint* output)
    {
        Unsafe.CopyBlock(output, key, Blake3.HashBytes);
        var blockFlags = flags | Blake3.ChunkStart;
        while (length > Blake3.BlockBytes)
        {
            Compress(output, input, Blake3.BlockBytes, counter, blockFlags, output);
            blockFlags = flags;
            input += Blake3.BlockBytes;
            length -= Blake3.BlockBytes;
        }

        var last = stackalloc byte[Blake3.BlockBytes];
        new Span<byte>(last, Blake3.BlockBytes).Clear();
        new ReadOnlySpan<byte>(input, length).CopyTo(new Span<byte>(last, length));
        Compress(output, last, (uint)length, counter, blockFlags | Blake3.ChunkEnd | rootFlag, output);
    }

    /// <summary>Chaining value of whole blocks: of a whole chunk, or of a pair of children where <paramref name="flags"/> say so.
    /// <paramref name="output"/> may lie in the input.</summary>
    public static void HashBlocks(byte* input, int blocks, uint* key, ulong counter, uint flags, uint* output)
    {
        var isChunk = (flags & Blake3.Parent) == 0;
        var value = stackalloc uint[8];
        Unsafe.CopyBlock(value, key, Blake3.HashBytes);
        for (var i = 0; i < blocks; i++)
        {
            var blockFlags = flags;
            if (isChunk)
            {
                blockFlags |= (i == 0 ? Blake3.ChunkStart : 0) | (i == blocks - 1 ? Blake3.ChunkEnd : 0);
            }

            Compress(value, input + (i * Blake3.BlockBytes), Blake3.BlockBytes, counter, blockFlags, value);
        }

        Unsafe.CopyBlock(output, value, Blake3.HashBytes);
    }

    /// <summary>One block into a chaining value. <paramref name="output"/> may be <paramref name="value"/>, or lie in the block.</summary>
    public static void Compress(uint* value, byte* block, uint length, ulong counter, uint flags, uint* output)
    {
        var m = (uint*)block;
        var s = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Blake3.Schedule));
        uint v0 = value[0], v1 = value[1], v2 = value[2], v3 = value[3], v4 = value[4], v5 = value[5], v6 = value[6], v7 = value[7];
        uint v8 = 0x6A09E667, v9 = 0xBB67AE85, v10 = 0x3C6EF372, v11 = 0xA54FF53A;
        uint v12 = (uint)counter, v13 = (uint)(counter >> 32), v14 = length, v15 = flags;
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

        output[0] = v0 ^ v8;
        output[1] = v1 ^ v9;
        output[2] = v2 ^ v10;
        output[3] = v3 ^ v11;
        output[4] = v4 ^ v12;
        output[5] = v5 ^ v13;
        output[6] = v6 ^ v14;
        output[7] = v7 ^ v15;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix(ref uint a, ref uint b, ref uint c, ref uint d, uint x, uint y)
    {
        a += b + x;
        d = BitOperations.RotateRight(d ^ a, 16);
        c += d;
        b = BitOperations.RotateRight(b ^ c, 12);
        a += b + y;
        d = BitOperations.RotateRight(d ^ a, 8);
        c += d;
        b = BitOperations.RotateRight(b ^ c, 7);
    }
}
