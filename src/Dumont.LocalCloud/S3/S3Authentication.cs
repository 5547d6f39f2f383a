using System.Collections.Concurrent;
using System.Globalization;
using Dumont.LocalCloud.Account;

namespace Dumont.LocalCloud.S3;

/// <summary>What a caller has proved.</summary>
/// <param name="Payload">What <c>x-amz-content-sha256</c> says of the body.</param>
/// <param name="Signature">Of the head; the first chunk of a signed body is signed over it.</param>
/// <param name="SigningKey">For the chunks.</param>
/// <param name="Time">As it was signed.</param>
/// <param name="Scope">Day, region and service.</param>
internal sealed record S3Caller(string Payload, string Signature, byte[] SigningKey, string Time, string Scope)
{
    public const string UnsignedPayload = "UNSIGNED-PAYLOAD";
}

/// <summary>Checks signatures of version 4, in the header or in the address.</summary>
internal sealed class S3Authentication(S3Account account, TimeProvider time)
{
    private const int ExpiresMax = 604_800;

    private static readonly TimeSpan SkewMax = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<string, byte[]> _keys = new(StringComparer.Ordinal);

    /// <exception cref="S3Exception">The caller may not do this.</exception>
    public S3Caller Check(S3Request request)
    {
        if (request.Query("X-Amz-Algorithm") is not null || request.Query("X-Amz-Signature") is not null)
        {
            return CheckAddress(request);
        }

        return request.Header("Authorization") switch
        {
            null => throw new S3Exception(S3Error.AccessDenied),
            var header when header.StartsWith(S3Signature.Algorithm + " ", StringComparison.Ordinal) => CheckHeader(request, header),
            var header when header.StartsWith("AWS ", StringComparison.Ordinal) =>
                throw new S3Exception(S3Error.InvalidRequest("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")),
            _ => throw new S3Exception(S3Error.InvalidArgument("Unsupported Authorization Type")),
        };
    }

    private S3Caller CheckHeader(S3Request request, string header)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var field in header[(S3Signature.Algorithm.Length + 1)..].Split(',', StringSplitOptions.TrimEntries))
        {
            var equals = field.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                fields[field[..equals]] = field[(equals + 1)..];
            }
        }

        if (!fields.TryGetValue("Credential", out var credential) || !fields.TryGetValue("SignedHeaders", out var signed)
            || !fields.TryGetValue("Signature", out var signature))
        {
            throw Malformed("The authorization header is malformed; Credential, SignedHeaders and Signature are needed.");
        }

        var text = request.Header("x-amz-date");
        var at = S3Signature.ParseTime(text) ?? throw new S3Exception(new S3Error(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"));
        if ((time.GetUtcNow() - at).Duration() > SkewMax)
        {
            throw new S3Exception(new S3Error(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."));
        }

        var payload = request.Header("x-amz-content-sha256")
            ?? throw new S3Exception(S3Error.InvalidRequest("Missing required header for this request: x-amz-content-sha256"));
        return Verify(request, credential, signed, signature, text!, payload);
    }

    private S3Caller CheckAddress(S3Request request)
    {
        if (request.Query("X-Amz-Algorithm") != S3Signature.Algorithm || request.Query("X-Amz-Credential") is not { } credential
            || request.Query("X-Amz-SignedHeaders") is not { } signed || request.Query("X-Amz-Signature") is not { } signature
            || request.Query("X-Amz-Date") is not { } text || S3Signature.ParseTime(text) is not { } at)
        {
            throw new S3Exception(new S3Error(
                400, "AuthorizationQueryParametersError", "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."));
        }

        if (!int.TryParse(request.Query("X-Amz-Expires"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds is < 1 or > ExpiresMax)
        {
            throw new S3Exception(new S3Error(400, "AuthorizationQueryParametersError", $"X-Amz-Expires must be between 1 and {ExpiresMax} seconds"));
        }

        var now = time.GetUtcNow();
        if (now > at.AddSeconds(seconds))
        {
            throw new S3Exception(S3Error.AccessDenied with { Message = "Request has expired" });
        }

        if (at - now > SkewMax)
        {
            throw new S3Exception(S3Error.AccessDenied with { Message = "Request is not valid yet" });
        }

        return Verify(request, credential, signed, signature, text, request.Header("x-amz-content-sha256") ?? S3Caller.UnsignedPayload);
    }

    private S3Caller Verify(S3Request request, string credential, string signed, string signature, string at, string payload)
    {
        // A key may hold slashes in theory; the scope is what comes after its last four parts.
        var parts = credential.Split('/');
        if (parts is not [var key, var day, var region, var service, "aws4_request"] || service != "s3" || !at.StartsWith(day, StringComparison.Ordinal))
        {
            throw Malformed("The authorization is malformed; the Credential must be KEY/YYYYMMDD/REGION/s3/aws4_request, of the day that is signed.");
        }

        if (key != account.AccessKeyId)
        {
            throw new S3Exception(new S3Error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."));
        }

        if (region != account.Region)
        {
            var message = $"The authorization header is malformed; the region '{region}' is wrong; expecting '{account.Region}'";
            throw new S3Exception(new S3Error(400, "AuthorizationHeaderMalformed", message) { Region = account.Region });
        }

        var names = signed.Split(';');
        if (!names.Contains("host") || request.Http.Request.Headers.Keys.Any(name => IsToBeSigned(name) && !names.Contains(name, StringComparer.OrdinalIgnoreCase)))
        {
            throw new S3Exception(S3Error.AccessDenied with { Message = "There were headers present in the request which were not signed" });
        }

        var signingKey = KeyOf(day, region);
        var scope = $"{day}/{region}/s3/aws4_request";
        var expected = S3Signature.Sign(signingKey, S3Signature.StringToSign(at, scope, S3Signature.CanonicalRequest(request, names, payload)));
        return S3Signature.AreEqual(expected, signature)
            ? new S3Caller(payload, signature, signingKey, at, scope)
            : throw new S3Exception(S3Error.SignatureDoesNotMatch);
    }

    private static bool IsToBeSigned(string header) => header.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase);

    private byte[] KeyOf(string day, string region)
    {
        // One for each day that is asked for; a clock that runs for years is no reason to keep them all.
        if (_keys.Count > 16)
        {
            _keys.Clear();
        }

        return _keys.GetOrAdd($"{day}/{region}", _ => S3Signature.SigningKey(account.SecretAccessKey, day, region));
    }

    private static S3Exception Malformed(string message) => new(new S3Error(400, "AuthorizationHeaderMalformed", message));
}
