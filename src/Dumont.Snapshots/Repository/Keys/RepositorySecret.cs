using System.Security.Cryptography;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>What opens an encrypted repository: a password that a person remembers, or 32 random bytes from a key file. Never printed.</summary>
public sealed class RepositorySecret
{
    /// <summary>Bytes of a key.</summary>
    public const int KeyBytes = 32;

    // What OWASP asks for with this function (Password Storage Cheat Sheet, 2023). A key file needs no such work: it cannot be guessed.
    private const int PasswordIterations = 600_000;
    private const int MaximumIterations = 100_000_000;

    private readonly byte[] _bytes;

    private RepositorySecret(byte[] bytes, bool isPassword)
    {
        _bytes = bytes;
        IsPassword = isPassword;
    }

    /// <summary>Whether it is a password; else it is a key.</summary>
    public bool IsPassword { get; }

    /// <summary>A password. Costs some tenths of a second at each opening.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public static RepositorySecret FromPassword(string password) =>
        string.IsNullOrEmpty(password)
            ? throw new ArgumentException("The password is empty.", nameof(password))
            : new(Encoding.UTF8.GetBytes(password), isPassword: true);

    /// <summary>32 random bytes.</summary>
    /// <exception cref="ArgumentException">Not 32 bytes.</exception>
    public static RepositorySecret FromKey(ReadOnlySpan<byte> key) =>
        key.Length == KeyBytes ? new(key.ToArray(), isPassword: false) : throw new ArgumentException($"A key has {KeyBytes} bytes, not {key.Length}.", nameof(key));

    /// <summary>A key file: base64 of 32 random bytes, as <see cref="CreateKeyFileText"/> writes it.</summary>
    /// <exception cref="ArgumentException">Not such a text.</exception>
    public static RepositorySecret FromKeyFileText(string text)
    {
        var key = new byte[KeyBytes + 4];
        return Convert.TryFromBase64String(text.Trim(), key, out var length) && length == KeyBytes
            ? FromKey(key.AsSpan(0, length))
            : throw new ArgumentException($"A key file holds base64 of {KeyBytes} bytes.", nameof(text));
    }

    /// <summary>Text of a new key file.</summary>
    public static string CreateKeyFileText() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes)) + "\n";

    /// <summary>Rounds for a new key object; 0 when none are needed.</summary>
    internal int NewIterations => IsPassword ? PasswordIterations : 0;

    /// <summary>The key that wraps the master key.</summary>
    /// <exception cref="SnapshotFormatException">The key object asks for a number of rounds that cannot be meant.</exception>
    internal byte[] DeriveWrappingKey(ReadOnlySpan<byte> salt, int iterations)
    {
        if (!IsPassword)
        {
            var key = new byte[KeyBytes];
            HKDF.DeriveKey(HashAlgorithmName.SHA256, _bytes, key, salt, "dumont key file"u8);
            return key;
        }

        return iterations is > 0 and <= MaximumIterations
            ? Rfc2898DeriveBytes.Pbkdf2(_bytes, salt, iterations, HashAlgorithmName.SHA256, KeyBytes)
            : throw new SnapshotFormatException($"a key of the repository asks for {iterations} rounds");
    }

    /// <inheritdoc />
    public override string ToString() => "***";
}
