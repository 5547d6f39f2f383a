using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>One way into an encrypted repository: its master key, wrapped. There may be several, so that a password can be changed without
/// writing anything else again.</summary>
/// <param name="Kdf"><c>pbkdf2-sha256</c> for a password, <c>hkdf-sha256</c> for a key file.</param>
/// <param name="Iterations">Rounds of PBKDF2; 0 for a key file.</param>
/// <param name="Salt">Of the key derivation.</param>
/// <param name="Wrapped">12 bytes of nonce, 32 of ciphertext, 16 of tag.</param>
/// <param name="CreatedAt">When it was added.</param>
/// <param name="Label">For its owner.</param>
internal sealed record KeyObject(string Kdf, int Iterations, byte[] Salt, byte[] Wrapped, DateTimeOffset CreatedAt, string Label)
{
    private const int NonceBytes = 12;
    private const int WrappedBytes = NonceBytes + RepositoryKeys.KeyBytes + SealedObject.TagBytes;

    public static KeyObject Wrap(RepositoryKeys keys, RepositorySecret secret, ReadOnlySpan<byte> binding, string label, DateTimeOffset now)
    {
        var salt = RandomNumberGenerator.GetBytes(SealedObject.SaltBytes);
        var wrapped = new byte[WrappedBytes];
        RandomNumberGenerator.Fill(wrapped.AsSpan(0, NonceBytes));
        using var cipher = new AesGcm(secret.DeriveWrappingKey(salt, secret.NewIterations), SealedObject.TagBytes);
        cipher.Encrypt(
            wrapped.AsSpan(0, NonceBytes),
            keys.Master,
            wrapped.AsSpan(NonceBytes, RepositoryKeys.KeyBytes),
            wrapped.AsSpan(NonceBytes + RepositoryKeys.KeyBytes),
            binding);
        return new KeyObject(secret.IsPassword ? "pbkdf2-sha256" : "hkdf-sha256", secret.NewIterations, salt, wrapped, now, label);
    }

    /// <summary>The keys, or null when this object is for another password or key file.</summary>
    /// <param name="secret">What the user gave.</param>
    /// <param name="binding">Digest of the configuration: it cannot be swapped for another without the key noticing.</param>
    public RepositoryKeys? TryUnwrap(RepositorySecret secret, ReadOnlySpan<byte> binding)
    {
        if (Kdf != (secret.IsPassword ? "pbkdf2-sha256" : "hkdf-sha256") || Wrapped.Length != WrappedBytes)
        {
            return null;
        }

        using var cipher = new AesGcm(secret.DeriveWrappingKey(Salt, Iterations), SealedObject.TagBytes);
        Span<byte> master = stackalloc byte[RepositoryKeys.KeyBytes];
        try
        {
            cipher.Decrypt(
                Wrapped.AsSpan(0, NonceBytes),
                Wrapped.AsSpan(NonceBytes, RepositoryKeys.KeyBytes),
                Wrapped.AsSpan(NonceBytes + RepositoryKeys.KeyBytes),
                master,
                binding);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }

        var keys = new RepositoryKeys(master);
        CryptographicOperations.ZeroMemory(master);
        return keys;
    }

    public byte[] ToObject() =>
        SealedObject.Seal(
            ObjectKind.Key,
            RepositoryJson.Write(json =>
            {
                json.WriteString("kdf", Kdf);
                json.WriteNumber("iterations", Iterations);
                json.WriteBase64String("salt", Salt);
                json.WriteBase64String("wrapped", Wrapped);
                json.WriteString("created_at", CreatedAt);
                json.WriteString("label", Label);
            }),
            keys: null);

    public static KeyObject FromObject(ReadOnlySpan<byte> content, string name) =>
        RepositoryJson.Read(
            SealedObject.Open(ObjectKind.Key, content, keys: null, name),
            name,
            json => new KeyObject(
                json.Text("kdf"), json.Integer("iterations"), json.Base64("salt"), json.Base64("wrapped"), json.Time("created_at"), json.Text("label")));
}
