using System.Security.Cryptography;
using System.Text;

namespace Dumont.Server.Platform.Security;

/// <summary>The one key that everything secret hangs on: 32 random bytes in <c>master.key</c> (mode 0600) of the data folder, made at the first start.
/// Replicas share the file. Keys for a purpose are derived from it by HKDF-SHA256.</summary>
internal sealed class MasterKey
{
    private const int KeyBytes = 32;
    private const string FormatPrefix = "v1:";

    private readonly byte[] _key;

    private MasterKey(byte[] key) => _key = key;

    /// <summary>Reads the key file or makes it.</summary>
    /// <exception cref="InvalidOperationException">The file is not a key; starting with another one would lose every secret.</exception>
    public static MasterKey OfDirectory(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, "master.key");
        if (!File.Exists(path))
        {
            var temporary = path + ".new";
            using (var file = new FileStream(temporary, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                Options = FileOptions.WriteThrough,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            {
                file.Write(Encoding.ASCII.GetBytes(Convert.ToHexString(RandomNumberGenerator.GetBytes(KeyBytes))));
            }

            File.Move(temporary, path, overwrite: false);
        }

        try
        {
            var key = Convert.FromHexString(File.ReadAllText(path).Trim());
            return key.Length == KeyBytes ? new MasterKey(key) : throw new FormatException($"{key.Length} bytes");
        }
        catch (FormatException exception)
        {
            throw new InvalidOperationException($"{path} is not a master key of {KeyBytes} bytes in hexadecimal. Restore it from a backup.", exception);
        }
    }

    /// <summary>A key of 32 bytes for <paramref name="purpose"/>.</summary>
    public byte[] Derive(string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, KeyBytes, info: Encoding.UTF8.GetBytes(purpose));

    /// <summary>Encrypts with AES-256-GCM. <paramref name="context"/> says whose secret it is (<c>user/7/vast_api_key</c>) and must be the same to decrypt:
    /// a ciphertext moved to another row is refused.</summary>
    public string Protect(string context, string secret)
    {
        var nonce = RandomNumberGenerator.GetBytes(AesGcm.NonceByteSizes.MaxSize);
        var plain = Encoding.UTF8.GetBytes(secret);
        var cipher = new byte[plain.Length];
        var tag = new byte[AesGcm.TagByteSizes.MaxSize];
        using var aes = new AesGcm(Derive("secrets"), tag.Length);
        aes.Encrypt(nonce, plain, cipher, tag, Encoding.UTF8.GetBytes(context));
        return FormatPrefix + Convert.ToBase64String([.. nonce, .. tag, .. cipher]);
    }

    /// <summary>Decrypts what <see cref="Protect"/> made.</summary>
    /// <exception cref="CryptographicException">Another key, another context, or a changed text.</exception>
    public string Unprotect(string context, string ciphertext)
    {
        if (!ciphertext.StartsWith(FormatPrefix, StringComparison.Ordinal))
        {
            throw new CryptographicException("Not a protected secret.");
        }

        var bytes = Convert.FromBase64String(ciphertext[FormatPrefix.Length..]);
        var (nonceSize, tagSize) = (AesGcm.NonceByteSizes.MaxSize, AesGcm.TagByteSizes.MaxSize);
        var plain = new byte[bytes.Length - nonceSize - tagSize];
        using var aes = new AesGcm(Derive("secrets"), tagSize);
        aes.Decrypt(
            bytes.AsSpan(0, nonceSize), bytes.AsSpan(nonceSize + tagSize), bytes.AsSpan(nonceSize, tagSize), plain, Encoding.UTF8.GetBytes(context));
        return Encoding.UTF8.GetString(plain);
    }
}
