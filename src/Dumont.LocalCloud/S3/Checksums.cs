using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Dumont.LocalCloud.S3;

/// <summary>A checksum that S3 keeps of an object.</summary>
internal abstract class Checksum : IDisposable
{
    // Reflected, as are all three: the lowest bit stands for the highest power.
    private const ulong Crc32Polynomial = 0xEDB88320;
    private const ulong Crc64Polynomial = 0x9A6C9329AC4BC9B5;

    /// <summary>Names as they stand in headers behind <c>x-amz-checksum-</c>.</summary>
    public static readonly string[] Names = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

    public static Checksum Create(string name) => name switch
    {
        "crc32" => new Crc32(),
        "crc32c" => new Crc32C(),
        "crc64nvme" => new Crc64(),
        "sha1" => new Digest(HashAlgorithmName.SHA1),
        "sha256" => new Digest(HashAlgorithmName.SHA256),
        "md5" => new Digest(HashAlgorithmName.MD5),
        _ => throw new S3Exception(S3Error.InvalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")),
    };

    /// <summary>The checksum of an object from those of its parts.</summary>
    /// <param name="name">Of the checksum.</param>
    /// <param name="isFullObject">Whether it is that of the bytes, or that of the parts' checksums.</param>
    /// <param name="parts">Checksums, in base64, and sizes.</param>
    public static string Combine(string name, bool isFullObject, IReadOnlyList<(string Value, long Size)> parts)
    {
        if (!isFullObject)
        {
            using var over = Create(name);
            foreach (var (value, _) in parts)
            {
                over.Append(Convert.FromBase64String(value));
            }

            return $"{Convert.ToBase64String(over.Finish())}-{parts.Count}";
        }

        var (polynomial, width) = name switch
        {
            "crc32" => (Crc32Polynomial, 32),
            "crc32c" => (0x82F63B78UL, 32),
            "crc64nvme" => (Crc64Polynomial, 64),
            _ => throw new S3Exception(S3Error.InvalidRequest($"The FULL_OBJECT checksum type cannot be used with {name}")),
        };
        var crc = parts.Aggregate(0UL, (sum, part) => Multiply(PowerOfX(part.Size * 8, polynomial, width), sum, polynomial, width) ^ Number(part.Value));
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, crc);
        return Convert.ToBase64String(bytes[(sizeof(ulong) - (width / 8))..]);
    }

    /// <summary>The element of S3's XML that holds such a checksum.</summary>
    public static string ElementOf(string name) => "Checksum" + name.ToUpperInvariant();

    public abstract void Append(ReadOnlySpan<byte> bytes);

    /// <summary>The checksum of all that was appended, most significant byte first.</summary>
    public abstract byte[] Finish();

    public void Dispose() => Release();

    private protected virtual void Release()
    {
    }

    private sealed class Digest(HashAlgorithmName algorithm) : Checksum
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(algorithm);

        public override void Append(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

        public override byte[] Finish() => _hash.GetHashAndReset();

        private protected override void Release() => _hash.Dispose();
    }

    private sealed class Crc32C : Checksum
    {
        private uint _crc = uint.MaxValue;

        public override void Append(ReadOnlySpan<byte> bytes)
        {
            var crc = _crc;
            while (bytes.Length >= sizeof(ulong))
            {
                crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
                bytes = bytes[sizeof(ulong)..];
            }

            foreach (var value in bytes)
            {
                crc = BitOperations.Crc32C(crc, value);
            }

            _crc = crc;
        }

        public override byte[] Finish()
        {
            var result = new byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32BigEndian(result, ~_crc);
            return result;
        }
    }

    private sealed class Crc32 : Checksum
    {
        private static readonly ulong[][] Tables = SlicedTables(Crc32Polynomial);

        private ulong _crc = uint.MaxValue;

        public override void Append(ReadOnlySpan<byte> bytes) => _crc = Sliced(Tables, _crc, bytes);

        public override byte[] Finish()
        {
            var result = new byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32BigEndian(result, ~(uint)_crc);
            return result;
        }
    }

    private sealed class Crc64 : Checksum
    {
        private static readonly ulong[][] Tables = SlicedTables(Crc64Polynomial);

        private ulong _crc = ulong.MaxValue;

        public override void Append(ReadOnlySpan<byte> bytes) => _crc = Sliced(Tables, _crc, bytes);

        public override byte[] Finish()
        {
            var result = new byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64BigEndian(result, ~_crc);
            return result;
        }
    }

    private static ulong Number(string base64) => Convert.FromBase64String(base64).Aggregate(0UL, (sum, value) => (sum << 8) | value);

    // Product of two polynomials, modulo the third.
    private static ulong Multiply(ulong one, ulong other, ulong polynomial, int width)
    {
        var product = 0UL;
        for (var bit = 1UL << (width - 1); bit != 0; bit >>= 1)
        {
            if ((one & bit) != 0)
            {
                product ^= other;
            }

            other = (other & 1) != 0 ? (other >> 1) ^ polynomial : other >> 1;
        }

        return product;
    }

    private static ulong PowerOfX(long exponent, ulong polynomial, int width)
    {
        var result = 1UL << (width - 1);
        for (var square = 1UL << (width - 2); exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) != 0)
            {
                result = Multiply(result, square, polynomial, width);
            }

            square = Multiply(square, square, polynomial, width);
        }

        return result;
    }

    // Table k gives what a byte does to the remainder k bytes later, so eight bytes are taken at once.
    private static ulong[][] SlicedTables(ulong polynomial)
    {
        var tables = Enumerable.Range(0, 8).Select(_ => new ulong[256]).ToArray();
        for (var i = 0; i < 256; i++)
        {
            var crc = (ulong)i;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial : crc >> 1;
            }

            tables[0][i] = crc;
        }

        for (var table = 1; table < 8; table++)
        {
            for (var i = 0; i < 256; i++)
            {
                var before = tables[table - 1][i];
                tables[table][i] = (before >> 8) ^ tables[0][(byte)before];
            }
        }

        return tables;
    }

    private static ulong Sliced(ulong[][] tables, ulong crc, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= sizeof(ulong))
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(bytes) ^ crc;
            crc = tables[7][(byte)word] ^ tables[6][(byte)(word >> 8)] ^ tables[5][(byte)(word >> 16)] ^ tables[4][(byte)(word >> 24)]
                ^ tables[3][(byte)(word >> 32)] ^ tables[2][(byte)(word >> 40)] ^ tables[1][(byte)(word >> 48)] ^ tables[0][(byte)(word >> 56)];
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var value in bytes)
        {
            crc = tables[0][(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return crc;
    }
}
