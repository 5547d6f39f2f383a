using System.Globalization;
using System.Security.Cryptography;

namespace Dumont.Server.Auth;

/// <summary>Keeps passwords as PBKDF2-HMAC-SHA512: <c>pbkdf2-sha512$210000$salt$hash</c>, salt and hash in base64.</summary>
/// <remarks>210,000 rounds are OWASP's figure for this function. The number of hashes at work is bounded, so that a flood of logins cannot take
/// every core.</remarks>
internal sealed class PasswordHasher(int iterations = PasswordHasher.DefaultIterations) : IDisposable
{
    /// <summary>Rounds of a new hash.</summary>
    public const int DefaultIterations = 210_000;

    private const string Scheme = "pbkdf2-sha512";
    private const int SaltBytes = 16;
    private const int HashBytes = 32;

    private readonly SemaphoreSlim _slots = new(Math.Max(1, Environment.ProcessorCount - 1));

    // Compared with when there is no such user, so that the answer takes as long.
    private readonly string _nobody = Encode(iterations, new byte[SaltBytes], new byte[HashBytes]);

    /// <summary>The text to keep for <paramref name="password"/>.</summary>
    public async Task<string> HashAsync(string password, CancellationToken cancellationToken)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return Encode(iterations, salt, await DeriveAsync(password, salt, iterations, cancellationToken));
    }

    /// <summary>Whether <paramref name="password"/> is the one of <paramref name="kept"/>. Null, for no user, takes as long and says no.</summary>
    public async Task<bool> VerifyAsync(string? kept, string password, CancellationToken cancellationToken)
    {
        var parts = (kept ?? _nobody).Split('$');
        if (parts is not [Scheme, _, _, _])
        {
            throw new InvalidOperationException("A kept password has an unknown form.");
        }

        var rounds = int.Parse(parts[1], CultureInfo.InvariantCulture);
        var derived = await DeriveAsync(password, Convert.FromBase64String(parts[2]), rounds, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(derived, Convert.FromBase64String(parts[3])) && kept is not null;
    }

    /// <inheritdoc />
    public void Dispose() => _slots.Dispose();

    private static string Encode(int rounds, byte[] salt, byte[] hash) =>
        string.Create(CultureInfo.InvariantCulture, $"{Scheme}${rounds}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");

    private async Task<byte[]> DeriveAsync(string password, byte[] salt, int rounds, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken);
        try
        {
            return Rfc2898DeriveBytes.Pbkdf2(password, salt, rounds, HashAlgorithmName.SHA512, HashBytes);
        }
        finally
        {
            _slots.Release();
        }
    }
}
