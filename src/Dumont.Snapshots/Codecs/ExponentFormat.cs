namespace Dumont.Snapshots;

/// <summary>A floating-point format whose exponents are packed, as it looks after its sign was rotated to the lowest bit.</summary>
internal enum ExponentFormat
{
    /// <summary>eeeeeeee mmmmmmms</summary>
    Bf16,

    /// <summary>eeeeeeee mmmmmmmm mmmmmmmm mmmmmmms</summary>
    Fp32,

    /// <summary>eeeeemmm mmmmmmms</summary>
    Fp16,
}

internal static class ExponentFormats
{
    public static int WidthBytes(this ExponentFormat format) => format == ExponentFormat.Fp32 ? 4 : 2;

    /// <summary>Bits of a code: 3 of the exponent; of a 16-bit float also the 3 mantissa bits that share its byte.</summary>
    public static int CodeBits(this ExponentFormat format) => format == ExponentFormat.Fp16 ? 6 : 3;

    public static ChunkCoding Coding(this ExponentFormat format) => format switch
    {
        ExponentFormat.Bf16 => ChunkCoding.ExponentBf16,
        ExponentFormat.Fp32 => ChunkCoding.ExponentFp32,
        ExponentFormat.Fp16 => ChunkCoding.ExponentFp16,
    };
}
