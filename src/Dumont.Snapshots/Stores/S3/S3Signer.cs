using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>Signs requests to S3, version 4: in the head of a request, or into an address that whoever holds it may use for a while. May be used by
/// many threads at once.</summary>
/// <param name="credentials">The key.</param>
/// <param name="region">The region that signatures name.</param>
/// <param name="time">The clock that they are dated by.</param>
public sealed class S3Signer(S3Credentials credentials, string region, TimeProvider time)
{
    internal const string UnsignedPayload = "UNSIGNED-PAYLOAD";

    private const string Algorithm = "AWS4-HMAC-SHA256";
    private const string HashHeader = "x-amz-content-sha256";

    private static readonly TimeSpan ValidityMax = TimeSpan.FromDays(7);

    // The key of a day, kept because it costs four hashes.
    private DayKey? _today;

    /// <summary>An address with which anybody may do one thing to one object until it expires.</summary>
    /// <param name="method">GET, PUT, HEAD or DELETE.</param>
    /// <param name="address">The object, with parameters where the call has some.</param>
    /// <param name="validity">1 second to 7 days.</param>
    /// <exception cref="ArgumentOutOfRangeException">The validity is outside of that.</exception>
    public Uri Presign(HttpMethod method, Uri address, TimeSpan validity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(validity, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(validity, ValidityMax);
        var (stamp, day) = Now();
        var parameters = ReadQuery(address);
        parameters.Add(("X-Amz-Algorithm", Algorithm));
        parameters.Add(("X-Amz-Credential", $"{credentials.AccessKeyId}/{Scope(day)}"));
        parameters.Add(("X-Amz-Date", stamp));
        parameters.Add(("X-Amz-Expires", ((long)validity.TotalSeconds).ToString(CultureInfo.InvariantCulture)));
        parameters.Add(("X-Amz-SignedHeaders", "host"));
        if (credentials.SessionToken is { } token)
        {
            parameters.Add(("X-Amz-Security-Token", token));
        }

        var query = Canonical(parameters);
        var request = $"{method.Method}\n{address.AbsolutePath}\n{query}\nhost:{HostOf(address)}\n\nhost\n{UnsignedPayload}";
        return new Uri($"{address.GetLeftPart(UriPartial.Path)}?{query}&X-Amz-Signature={Sign(stamp, day, request)}");
    }

    /// <summary>Adds the headers that prove who asks. Every header that begins with <c>x-amz-</c> must be there already.</summary>
    internal void Sign(HttpRequestMessage request, string payloadHash)
    {
        var address = request.RequestUri!;
        var (stamp, day) = Now();
        request.Headers.TryAddWithoutValidation("x-amz-date", stamp);
        request.Headers.TryAddWithoutValidation(HashHeader, payloadHash);
        if (credentials.SessionToken is { } token)
        {
            request.Headers.TryAddWithoutValidation("x-amz-security-token", token);
        }

        var signed = new List<(string Name, string Value)> { ("host", HostOf(address)) };
        foreach (var (name, values) in request.Headers.NonValidated)
        {
            if (name.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase))
            {
                signed.Add((name.ToLowerInvariant(), values.ToString()));
            }
        }

        signed.Sort(static (one, other) => string.CompareOrdinal(one.Name, other.Name));
        var text = new StringBuilder(512);
        text.Append(request.Method.Method).Append('\n').Append(address.AbsolutePath).Append('\n').Append(Canonical(ReadQuery(address))).Append('\n');
        foreach (var (name, value) in signed)
        {
            text.Append(name).Append(':').Append(value).Append('\n');
        }

        var names = string.Join(';', signed.Select(header => header.Name));
        text.Append('\n').Append(names).Append('\n').Append(payloadHash);
        var signature = Sign(stamp, day, text.ToString());
        request.Headers.TryAddWithoutValidation(
            "Authorization", $"{Algorithm} Credential={credentials.AccessKeyId}/{Scope(day)}, SignedHeaders={names}, Signature={signature}");
    }

    private (string Stamp, string Day) Now()
    {
        var stamp = time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        return (stamp, stamp[..8]);
    }

    private string Scope(string day) => $"{day}/{region}/s3/aws4_request";

    private string Sign(string stamp, string day, string canonicalRequest)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonicalRequest)));
        return Convert.ToHexStringLower(HMACSHA256.HashData(KeyOf(day), Encoding.UTF8.GetBytes($"{Algorithm}\n{stamp}\n{Scope(day)}\n{hash}")));
    }

    private byte[] KeyOf(string day)
    {
        if (Volatile.Read(ref _today) is { } today && today.Day == day)
        {
            return today.Key;
        }

        var key = HMACSHA256.HashData(Encoding.UTF8.GetBytes("AWS4" + credentials.SecretAccessKey), Encoding.UTF8.GetBytes(day));
        key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(region));
        key = HMACSHA256.HashData(key, "s3"u8);
        key = HMACSHA256.HashData(key, "aws4_request"u8);
        Volatile.Write(ref _today, new DayKey(day, key));
        return key;
    }

    private static string HostOf(Uri address) => address.IsDefaultPort ? address.IdnHost : string.Create(CultureInfo.InvariantCulture, $"{address.IdnHost}:{address.Port}");

    private static List<(string Name, string Value)> ReadQuery(Uri address)
    {
        var parameters = new List<(string Name, string Value)>();
        foreach (var pair in address.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            parameters.Add(equals < 0 ? (Uri.UnescapeDataString(pair), "") : (Uri.UnescapeDataString(pair[..equals]), Uri.UnescapeDataString(pair[(equals + 1)..])));
        }

        return parameters;
    }

    private static string Canonical(List<(string Name, string Value)> parameters) => string.Join('&', parameters
        .Select(pair => (Name: Uri.EscapeDataString(pair.Name), Value: Uri.EscapeDataString(pair.Value)))
        .OrderBy(pair => pair.Name, StringComparer.Ordinal).ThenBy(pair => pair.Value, StringComparer.Ordinal)
        .Select(pair => $"{pair.Name}={pair.Value}"));

    private sealed record DayKey(string Day, byte[] Key)
    {
        public override string ToString() => "***";
    }
}
