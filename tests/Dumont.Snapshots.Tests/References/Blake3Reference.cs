using System.Numerics;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots.References;

/// <summary>BLAKE3 word for word as its paper has it, recursive and slow: a second implementation to compare with.</summary>
internal static class Blake3Reference
{
    private static readonly uint[] InitialValue =
        [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];

    private static readonly int[] Permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

    public static byte[] Hash(ReadOnlySpan<byte> content)
    {
        var value = content.Length <= 1024 ? Chunk(content, 0, 8) : Parent(content, 0, 8);
        return MemoryMarshal.AsBytes(value.AsSpan()).ToArray();
    }

    private static uint[] Node(ReadOnlySpan<byte> content, ulong firstChunk) =>
        content.Length <= 1024 ? Chunk(content, firstChunk, 0) : Parent(content, firstChunk, 0);

    private static uint[] Parent(ReadOnlySpan<byte> content, ulong firstChunk, uint root)
    {
        // The left subtree is the largest complete one that leaves something for the right.
        var leftChunks = (int)BitOperations.RoundUpToPowerOf2((uint)((content.Length + 1023) / 1024)) / 2;
        uint[] children = [.. Node(content[..(leftChunks * 1024)], firstChunk), .. Node(content[(leftChunks * 1024)..], firstChunk + (uint)leftChunks)];
        return Compress(InitialValue, children, 0, 64, 4 | root);
    }

    private static uint[] Chunk(ReadOnlySpan<byte> content, ulong number, uint root)
    {
        var value = InitialValue;
        var flags = 1u;
        while (true)
        {
            var length = Math.Min(64, content.Length);
            var isLast = content.Length <= 64;
            var block = new uint[16];
            content[..length].CopyTo(MemoryMarshal.AsBytes(block.AsSpan()));
            value = Compress(value, block, number, (uint)length, flags | (isLast ? 2 | root : 0));
            flags = 0;
            if (isLast)
            {
                return value;
            }

            content = content[64..];
        }
    }

    private static uint[] Compress(uint[] value, uint[] block, ulong counter, uint length, uint flags)
    {
        uint[] v = [.. value, .. InitialValue[..4], (uint)counter, (uint)(counter >> 32), length, flags];
        for (var round = 0; round < 7; round++)
        {
            for (var i = 0; i < 4; i++)
            {
                Mix(v, i, 4 + i, 8 + i, 12 + i, block[2 * i], block[(2 * i) + 1]);
            }

            for (var i = 0; i < 4; i++)
            {
                Mix(v, i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4), block[8 + (2 * i)], block[9 + (2 * i)]);
            }

            var before = block;
            block = [.. Permutation.Select(i => before[i])];
        }

        return [.. Enumerable.Range(0, 8).Select(i => v[i] ^ v[i + 8])];
    }

    private static void Mix(uint[] v, int a, int b, int c, int d, uint x, uint y)
    {
        v[a] += v[b] + x;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 12);
        v[a] += v[b] + y;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 8);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 7);
    }
}
