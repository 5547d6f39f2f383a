using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>
/// XXH3, 64 bits, seed 0: finds damage at the speed of memory. Anybody can make two contents of equal hash, so it proves nothing about
/// where bytes come from. Thread safe; allocates nothing.
/// </summary>
/// <remarks>Collet, xxHash specification 0.8: <c>github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md</c>.</remarks>
public static unsafe class XxHash3
{
    internal const int StripeBytes = 64;

    /// <summary>The secret moves on by this for each stripe of a block.</summary>
    internal const int SecretStepBytes = 8;

    internal const uint Prime32A = 0x9E3779B1;
    private const uint Prime32B = 0x85EBCA77;
    private const uint Prime32C = 0xC2B2AE3D;
    private const ulong Prime64A = 0x9E3779B185EBCA87;
    private const ulong Prime64B = 0xC2B2AE3D27D4EB4F;
    private const ulong Prime64C = 0x165667B19E3779F9;
    private const ulong Prime64D = 0x85EBCA77C2B2AE63;
    private const ulong Prime64E = 0x27D4EB2F165667C5;
    private const ulong MixFactorA = 0x165667919E3779F9;
    private const ulong MixFactorB = 0x9FB21C651E98DF25;

    private const int SecretBytes = 192;
    private const int MiddleMaximum = 240;

    // Where the secret of the last stripe and of the final merge lie.
    private const int LastStripeSecret = SecretBytes - StripeBytes - 7;
    private const int MergeSecret = 11;

    /// <summary>The specification's default secret.</summary>
    private static ReadOnlySpan<byte> Secret =>
    [
        0xB8, 0xFE, 0x6C, 0x39, 0x23, 0xA4, 0x4B, 0xBE, 0x7C, 0x01, 0x81, 0x2C, 0xF7, 0x21, 0xAD, 0x1C,
        0xDE, 0xD4, 0x6D, 0xE9, 0x83, 0x90, 0x97, 0xDB, 0x72, 0x40, 0xA4, 0xA4, 0xB7, 0xB3, 0x67, 0x1F,
        0xCB, 0x79, 0xE6, 0x4E, 0xCC, 0xC0, 0xE5, 0x78, 0x82, 0x5A, 0xD0, 0x7D, 0xCC, 0xFF, 0x72, 0x21,
        0xB8, 0x08, 0x46, 0x74, 0xF7, 0x43, 0x24, 0x8E, 0xE0, 0x35, 0x90, 0xE6, 0x81, 0x3A, 0x26, 0x4C,
        0x3C, 0x28, 0x52, 0xBB, 0x91, 0xC3, 0x00, 0xCB, 0x88, 0xD0, 0x65, 0x8B, 0x1B, 0x53, 0x2E, 0xA3,
        0x71, 0x64, 0x48, 0x97, 0xA2, 0x0D, 0xF9, 0x4E, 0x38, 0x19, 0xEF, 0x46, 0xA9, 0xDE, 0xAC, 0xD8,
        0xA8, 0xFA, 0x76, 0x3F, 0xE3, 0x9C, 0x34, 0x3F, 0xF9, 0xDC, 0xBB, 0xC7, 0xC7, 0x0B, 0x4F, 0x1D,
        0x8A, 0x51, 0xE0, 0x4B, 0xCD, 0xB4, 0x59, 0x31, 0xC8, 0x9F, 0x7E, 0xC9, 0xD9, 0x78, 0x73, 0x64,
        0xEA, 0xC5, 0xAC, 0x83, 0x34, 0xD3, 0xEB, 0xC3, 0xC5, 0x81, 0xA0, 0xFF, 0xFA, 0x13, 0x63, 0xEB,
        0x17, 0x0D, 0xDD, 0x51, 0xB7, 0xF0, 0xDA, 0x49, 0xD3, 0x16, 0x55, 0x26, 0x29, 0xD4, 0x68, 0x9E,
        0x2B, 0x16, 0xBE, 0x58, 0x7D, 0x47, 0xA1, 0xFC, 0x8F, 0xF8, 0xB8, 0xD1, 0x7A, 0xD0, 0x31, 0xCE,
        0x45, 0xCB, 0x3A, 0x8F, 0x95, 0x16, 0x04, 0x28, 0xAF, 0xD7, 0xFB, 0xCA, 0xBB, 0x4B, 0x40, 0x7E,
    ];

    /// <summary>Hashes <paramref name="content"/>.</summary>
    public static ulong Hash(ReadOnlySpan<byte> content) => Hash(content, VectorPaths.Best);

    internal static ulong Hash(ReadOnlySpan<byte> content, VectorPath path)
    {
        // The secret is in the program's image and does not move.
        var secret = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Secret));
        fixed (byte* input = content)
        {
            return content.Length switch
            {
                0 => FinishShort(Word(secret + 56) ^ Word(secret + 64)),
                <= 3 => HashUpTo3(input, content.Length, secret),
                <= 8 => HashUpTo8(input, content.Length, secret),
                <= 16 => HashUpTo16(input, content.Length, secret),
                <= 128 => HashUpTo128(input, content.Length, secret),
                <= MiddleMaximum => HashUpTo240(input, content.Length, secret),
                _ => HashLong(input, content.Length, secret, path),
            };
        }
    }

    private static ulong HashUpTo3(byte* input, int length, byte* secret)
    {
        var combined = ((uint)input[0] << 16) | ((uint)input[length >> 1] << 24) | input[length - 1] | ((uint)length << 8);
        return FinishShort(combined ^ (ulong)(HalfWord(secret) ^ HalfWord(secret + 4)));
    }

    private static ulong HashUpTo8(byte* input, int length, byte* secret)
    {
        var keyed = (HalfWord(input + length - 4) + ((ulong)HalfWord(input) << 32)) ^ Word(secret + 8) ^ Word(secret + 16);
        keyed ^= BitOperations.RotateLeft(keyed, 49) ^ BitOperations.RotateLeft(keyed, 24);
        keyed *= MixFactorB;
        keyed ^= (keyed >> 35) + (uint)length;
        keyed *= MixFactorB;
        return keyed ^ (keyed >> 28);
    }

    private static ulong HashUpTo16(byte* input, int length, byte* secret)
    {
        var low = Word(input) ^ Word(secret + 24) ^ Word(secret + 32);
        var high = Word(input + length - 8) ^ Word(secret + 40) ^ Word(secret + 48);
        return Finish((uint)length + BinaryPrimitives.ReverseEndianness(low) + high + Fold(low, high));
    }

    private static ulong HashUpTo128(byte* input, int length, byte* secret)
    {
        var sum = (uint)length * Prime64A;
        for (var i = (length - 1) / 32; i >= 0; i--)
        {
            sum += Mix16(input + (16 * i), secret + (32 * i));
            sum += Mix16(input + length - (16 * (i + 1)), secret + (32 * i) + 16);
        }

        return Finish(sum);
    }

    private static ulong HashUpTo240(byte* input, int length, byte* secret)
    {
        var sum = (uint)length * Prime64A;
        for (var i = 0; i < 8; i++)
        {
            sum += Mix16(input + (16 * i), secret + (16 * i));
        }

        sum = Finish(sum);
        for (var i = 8; i < length / 16; i++)
        {
            sum += Mix16(input + (16 * i), secret + (16 * (i - 8)) + 3);
        }

        return Finish(sum + Mix16(input + length - 16, secret + 136 - 17));
    }

    // Stripes of 64 bytes into eight sums; after each block, as many stripes as the secret has steps, the sums are scrambled.
    private static ulong HashLong(byte* input, int length, byte* secret, VectorPath path)
    {
        var sums = stackalloc ulong[8] { Prime32C, Prime64A, Prime64B, Prime64C, Prime64D, Prime32B, Prime64E, Prime32A };
        const int BlockStripes = (SecretBytes - StripeBytes) / SecretStepBytes;
        const int BlockBytes = BlockStripes * StripeBytes;

        // The last stripe is taken on its own and overlaps the one before; a whole block in front of it is scrambled.
        var blocks = (length - 1) / BlockBytes;
        var stripes = (length - 1 - (blocks * BlockBytes)) / StripeBytes;
        var job = new XxHash3Stripes(
            input, secret, secret + SecretBytes - StripeBytes, blocks, BlockStripes, stripes, input + length - StripeBytes, secret + LastStripeSecret);
        switch (path)
        {
            case VectorPath.Vector512:
                job.Sum512(sums);
                break;
            case VectorPath.Vector256:
                job.Sum256(sums);
                break;
            case VectorPath.Scalar:
                job.SumScalar(sums);
                break;
        }

        var hash = (uint)length * Prime64A;
        for (var i = 0; i < 4; i++)
        {
            hash += Fold(sums[2 * i] ^ Word(secret + MergeSecret + (16 * i)), sums[(2 * i) + 1] ^ Word(secret + MergeSecret + (16 * i) + 8));
        }

        return Finish(hash);
    }

    private static ulong Mix16(byte* input, byte* secret) => Fold(Word(input) ^ Word(secret), Word(input + 8) ^ Word(secret + 8));

    // The 128 bits of a product, folded.
    private static ulong Fold(ulong a, ulong b) => Math.BigMul(a, b, out var low) ^ low;

    private static ulong Finish(ulong hash)
    {
        hash = (hash ^ (hash >> 37)) * MixFactorA;
        return hash ^ (hash >> 32);
    }

    // The finish of XXH64, which very short inputs have kept.
    private static ulong FinishShort(ulong hash)
    {
        hash = (hash ^ (hash >> 33)) * Prime64B;
        hash = (hash ^ (hash >> 29)) * Prime64C;
        return hash ^ (hash >> 32);
    }

    private static uint HalfWord(byte* at) => Unsafe.ReadUnaligned<uint>(at);

    private static ulong Word(byte* at) => Unsafe.ReadUnaligned<ulong>(at);
}
