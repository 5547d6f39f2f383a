using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>The long loop of XXH3: eight sums of 64 bits over stripes of eight words, on each path.</summary>
/// <param name="input">First stripe.</param>
/// <param name="secret">Moves on by 8 bytes for each stripe of a block.</param>
/// <param name="scrambleSecret">Of the end of a block.</param>
/// <param name="blocks">Whole blocks.</param>
/// <param name="blockStripes">Stripes in each.</param>
/// <param name="stripes">Stripes behind the whole blocks.</param>
/// <param name="lastStripe">The input's last 64 bytes.</param>
/// <param name="lastSecret">Of those.</param>
internal readonly unsafe ref struct XxHash3Stripes(
    byte* input, byte* secret, byte* scrambleSecret, int blocks, int blockStripes, int stripes, byte* lastStripe, byte* lastSecret)
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sum512(ulong* sums)
    {
        var sum = Vector512.Load(sums);
        var factor = Vector512.Create((ulong)XxHash3.Prime32A);
        var scramble = Vector512.Load((ulong*)scrambleSecret);
        var at = input;
        for (var block = 0; block <= blocks; block++)
        {
            var count = block == blocks ? stripes : blockStripes;
            for (var i = 0; i < count; i++, at += XxHash3.StripeBytes)
            {
                sum = Add(sum, Vector512.Load((ulong*)at), Vector512.Load((ulong*)(secret + (i * XxHash3.SecretStepBytes))));
            }

            if (block < blocks)
            {
                var mixed = sum ^ (sum >>> 47) ^ scramble;
                sum = Avx512F.Multiply(mixed.AsUInt32(), factor.AsUInt32()) + (Avx512F.Multiply((mixed >>> 32).AsUInt32(), factor.AsUInt32()) << 32);
            }
        }

        Add(sum, Vector512.Load((ulong*)lastStripe), Vector512.Load((ulong*)lastSecret)).Store(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sum256(ulong* sums)
    {
        var low = Vector256.Load(sums);
        var high = Vector256.Load(sums + 4);
        var at = input;
        for (var block = 0; block <= blocks; block++)
        {
            var count = block == blocks ? stripes : blockStripes;
            for (var i = 0; i < count; i++, at += XxHash3.StripeBytes)
            {
                var key = secret + (i * XxHash3.SecretStepBytes);
                low = Add(low, Vector256.Load((ulong*)at), Vector256.Load((ulong*)key));
                high = Add(high, Vector256.Load((ulong*)(at + 32)), Vector256.Load((ulong*)(key + 32)));
            }

            if (block < blocks)
            {
                low = Scramble(low, Vector256.Load((ulong*)scrambleSecret));
                high = Scramble(high, Vector256.Load((ulong*)(scrambleSecret + 32)));
            }
        }

        Add(low, Vector256.Load((ulong*)lastStripe), Vector256.Load((ulong*)lastSecret)).Store(sums);
        Add(high, Vector256.Load((ulong*)(lastStripe + 32)), Vector256.Load((ulong*)(lastSecret + 32))).Store(sums + 4);
    }

    public void SumScalar(ulong* sums)
    {
        var at = input;
        for (var block = 0; block <= blocks; block++)
        {
            var count = block == blocks ? stripes : blockStripes;
            for (var i = 0; i < count; i++, at += XxHash3.StripeBytes)
            {
                AddScalar(sums, at, secret + (i * XxHash3.SecretStepBytes));
            }

            for (var i = 0; block < blocks && i < 8; i++)
            {
                sums[i] = (sums[i] ^ (sums[i] >> 47) ^ Unsafe.ReadUnaligned<ulong>(scrambleSecret + (8 * i))) * XxHash3.Prime32A;
            }
        }

        AddScalar(sums, lastStripe, lastSecret);
    }

    // Each sum takes its neighbour's word and the product of the halves of its own keyed word.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Add(Vector512<ulong> sum, Vector512<ulong> data, Vector512<ulong> key)
    {
        var keyed = data ^ key;
        var neighbour = Avx512F.Shuffle(data.AsUInt32(), 0b01_00_11_10).AsUInt64();
        return sum + neighbour + Avx512F.Multiply(keyed.AsUInt32(), (keyed >>> 32).AsUInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Add(Vector256<ulong> sum, Vector256<ulong> data, Vector256<ulong> key)
    {
        var keyed = data ^ key;
        var neighbour = Avx2.Shuffle(data.AsUInt32(), 0b01_00_11_10).AsUInt64();
        return sum + neighbour + Avx2.Multiply(keyed.AsUInt32(), (keyed >>> 32).AsUInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Scramble(Vector256<ulong> sum, Vector256<ulong> key)
    {
        var factor = Vector256.Create((ulong)XxHash3.Prime32A).AsUInt32();
        var mixed = sum ^ (sum >>> 47) ^ key;
        return Avx2.Multiply(mixed.AsUInt32(), factor) + (Avx2.Multiply((mixed >>> 32).AsUInt32(), factor) << 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScalar(ulong* sums, byte* data, byte* key)
    {
        for (var i = 0; i < 8; i++)
        {
            var word = Unsafe.ReadUnaligned<ulong>(data + (8 * i));
            var keyed = word ^ Unsafe.ReadUnaligned<ulong>(key + (8 * i));
            sums[i ^ 1] += word;
            sums[i] += (uint)keyed * (keyed >> 32);
        }
    }
}
